"""The version of the platform and of its API."""

VERSION = "1.0.0"
