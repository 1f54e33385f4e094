"""Alerts that are raised by rules, and where they go."""
