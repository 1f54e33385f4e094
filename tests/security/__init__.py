"""Attacks: each tries to break a promise, and says what it counted."""
