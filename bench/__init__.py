"""Measurements: what the engine costs, and how much faster it is than what it replaces."""
