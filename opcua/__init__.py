"""The OPC UA server: a process of its own and one more client of the API. It inspects nothing and stores nothing."""
