"""Model versions: which one is deployed, and its verified copy on this disk."""
