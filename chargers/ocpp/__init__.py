"""OCPP 1.6-J and 2.0.1: their words, and a small central system that speaks them. No rules."""
