"""The OPC UA server over the wire, beside a real API."""
