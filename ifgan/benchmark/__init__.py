"""Measurements: `python -m ifgan.benchmark NAME`."""
