"""Whether a SQLite database still lies where it was opened.

An open file lives on after it was removed or replaced: SQLite writes on, every commit succeeds, and all of it ends with
the process. The same holds for the write-ahead log beside it, which has what was committed since the last checkpoint.
"""

import contextlib
import os
import threading
from pathlib import Path
from typing import Final, NamedTuple

from serving.errors import StorageUnavailable

_LOG_SUFFIX: Final = "-wal"
_DESCRIPTORS: Final = Path("/proc/self/fd")


class DatabaseFile:
    """The file of one engine, and the log beside it. A look costs two calls of the system."""

    def __init__(self, path: Path) -> None:
        """Takes the path; nothing is looked at before the first connection."""
        self._path, self._log_path = str(path), f"{path}{_LOG_SUFFIX}"
        self._opened: _Files | None = None
        self._connections = 0
        self._lock = threading.Lock()

    def note_opened(self) -> None:
        """Says that a connection was made. What the first one found is what all later ones must find."""
        with self._lock:
            if self._connections == 0:
                self._opened = self._present()
            self._connections += 1

    def note_closed(self) -> None:
        """Says that one was closed. With the last one the log goes, and the next may find other files."""
        with self._lock:
            self._connections -= 1
            if self._connections == 0:
                self._opened = None

    def require_in_place(self) -> None:
        """Returns if the path still leads to the files that the connections have open.

        Raises:
            StorageUnavailable: It does not. What was moved away may come back; after any other change only a new start
                helps.
        """
        opened = self._opened
        if opened is None:
            return
        present = self._present()
        if present == opened:
            return
        # A database that is made has no log before it has a table. And some file systems of user space number a file
        # anew that they were not asked for a while: then what this process has open must say.
        is_new_log = opened.log is None and present.file == opened.file
        if is_new_log or _have_open(self._path, self._log_path):
            self._opened = present
            return
        raise StorageUnavailable("the database was removed or replaced while it is in use")

    def _present(self) -> "_Files":
        return _Files(_identity(self._path), _identity(self._log_path))


class _Files(NamedTuple):
    """Device and number of the two, None for one that is not there."""

    file: tuple[int, int] | None
    log: tuple[int, int] | None


def _have_open(*paths: str) -> bool:
    """Whether this process has these files open under these very names (Source: man 5 proc, /proc/pid/fd)."""
    missing = {os.path.realpath(path) for path in paths}
    try:
        for descriptor in _DESCRIPTORS.iterdir():
            with contextlib.suppress(OSError):  # closed meanwhile
                missing.discard(str(descriptor.readlink()))
    except OSError:
        return False  # no such folder on this system
    return not missing


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - on the path of every part
    except OSError:
        return None
    return found.st_dev, found.st_ino
