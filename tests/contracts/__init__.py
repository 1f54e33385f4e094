"""The API is what its reference says, and what it says of itself."""
