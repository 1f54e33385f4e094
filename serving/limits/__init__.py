"""What guards every route before it runs: pure ASGI middleware, so that 404s and mounts are covered too."""
