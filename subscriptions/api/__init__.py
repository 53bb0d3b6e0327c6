"""Subscriptions in the management API."""
