"""Inspections: from a picture to a stored verdict, and back."""
