"""What the API knows of the OPC UA server, a process of its own, and what that process needs to know."""
