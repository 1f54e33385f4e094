"""Figures and trends: how many parts were inspected, how many passed, and what was wrong with the others."""
