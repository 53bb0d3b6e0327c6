"""Measurements, kept out of the test run: each module has run()."""
