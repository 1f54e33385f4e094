"""What fills the review queue: candidates for a second look, and the audit sample of passes."""
