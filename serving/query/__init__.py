"""Questions in plain language, answered from what was counted and nothing else."""
