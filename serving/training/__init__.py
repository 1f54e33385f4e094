"""Training: labelled pictures into a candidate, by a flow that Prefect owns."""
