"""What happened, told in the order in which it was committed: over a WebSocket, and to whoever asks."""
