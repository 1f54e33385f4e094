"""The operator dashboard: built files that the API serves at `/`."""
