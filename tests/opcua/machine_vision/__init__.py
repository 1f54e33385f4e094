"""The stations as vision systems of OPC 40100-1."""
