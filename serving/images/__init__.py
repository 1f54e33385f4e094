"""The stored pictures over HTTP: by signed, expiring links, or with a token."""
