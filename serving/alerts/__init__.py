"""What somebody on the floor must know."""
