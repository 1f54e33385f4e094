"""What a model is and how it runs: pictures in, verdicts out. Pure; no database, network, environment or clock."""
