"""What lies on the disk, how long it stays, and what to do when there is too much of it."""
