"""Active learning: the pictures that people should look at, and what they say of them."""
