"""Runtimes that execute a network, behind one protocol."""

from models.backends.protocol import Backend, BackendDescription, BackendName, Precision

__all__ = ["Backend", "BackendDescription", "BackendName", "Precision"]
