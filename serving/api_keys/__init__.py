"""API keys: how machines come in without a password."""
