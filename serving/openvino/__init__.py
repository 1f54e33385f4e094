"""OpenVINO: what it can do here, networks loaded beside the deployed model, and how much faster it is."""
