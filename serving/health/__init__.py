"""Whether the platform can inspect now."""
