"""Long jobs: what the API knows of the flow runs that Prefect owns."""
