"""A lock between processes of this machine, which ends with the process that holds it, however that ends."""

from __future__ import annotations

import errno
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class BusyError(Exception):
    """Another process of this machine is at the same work."""

    code = "busy"


@contextmanager
def locked(path: Path, *, busy: str = "") -> Iterator[None]:
    """Hold the lock of a file while this is open.

    Args:
        path: The file; made where it is absent.
        busy: What to say where another process holds it; empty waits for that process.

    Raises:
        BusyError: Another process holds it, and `busy` was given.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        try:
            # A record lock: unlike flock's, a child that some library forks does not go on holding it.
            fcntl.lockf(file, fcntl.LOCK_EX | (fcntl.LOCK_NB if busy else 0))
        except OSError as error:
            if error.errno not in {errno.EACCES, errno.EAGAIN}:
                raise
            raise BusyError(busy) from error
        yield
