"""Batch jobs: the pictures of a folder, inspected by a flow."""
