"""Telling people and machines outside of alerts: by e-mail and by signed webhooks."""
