"""The steps of the long jobs, one file each: plain functions that run without a Prefect server."""
