"""Who is asking: login, tokens, roles."""
