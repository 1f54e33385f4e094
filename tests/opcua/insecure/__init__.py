"""A server where nobody needs a certificate: what it gives, and what it withstands."""
