"""Where pictures come from when the platform takes them itself, and what guards them."""
