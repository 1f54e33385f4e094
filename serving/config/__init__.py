"""What may be changed while the platform runs: validated, in numbered revisions, with a way back."""
