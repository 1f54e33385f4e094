"""A copy of everything that the platform keeps, made while it runs, and the way back."""
