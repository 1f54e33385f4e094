"""Ports for servers of tests."""

import contextlib
import secrets
import socket


def free_port() -> int:
    """A port that nobody listens on now, and that no outgoing connection gets.

    Those that the system hands out (from 32768 on) will not do for a server that comes back: while it is away, somebody
    may get its port, and a client that keeps trying to reach it may be connected to itself.
    """
    while True:
        port = secrets.choice(range(15_000, 32_000))
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
