"""The pictures on disk: exactly the bytes that were received, under names that the server made."""
