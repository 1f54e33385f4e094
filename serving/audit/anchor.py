"""The anchor: number and MAC of the newest entry in a small file outside the database.

Entries that were cut off at the end are missed by it. It is written after the commit, so it may be behind the log
after a crash and never ahead of it; and it moves on only from an entry that is still there, so that new entries do
not cover up for lost ones.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import structlog

from serving.errors import ConfigurationError

_log = structlog.get_logger(__name__)


class Link(NamedTuple):
    """One entry's place in the chain; number 0 without a MAC is the beginning."""

    seq: int
    mac: str


BEGINNING: Final = Link(0, "")


class Anchor:
    """The file. Several processes of one machine may share it."""

    def __init__(self, path: Path) -> None:
        """Takes the path; nothing is made before the first entry."""
        self.path = path

    def read(self) -> Link | None:
        """The newest entry that was noted, None where there is no file.

        Raises:
            ConfigurationError: The file cannot be read or is damaged.
        """
        try:
            noted = json.loads(self.path.read_text(encoding="utf-8"))
            return Link(int(noted["seq"]), str(noted["mac"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(f"the audit log's anchor {self.path} cannot be read") from error

    def advance(self, newest: Link, *, seen: Link | None, continues: bool) -> None:
        """Note the newest entry, which is on disk by now.

        Args:
            newest: The entry.
            seen: What the anchor said when the entry was made.
            continues: Whether the log held the entry `seen` at that time.

        Raises:
            ConfigurationError: The file is damaged.
            OSError: It cannot be written.
        """
        with self._locked():
            present = self.read()
            # Another process of ours may have moved it meanwhile, after a look of its own at the log.
            if present == seen and not continues:
                _log.error("audit_log_damaged", anchor=seen, newest=newest.seq)
                return
            if present is None or present.seq < newest.seq:
                self._write(newest)

    def replace(self, newest: Link) -> None:
        """Note this entry, whatever the file says now.

        Raises:
            OSError: It cannot be written.
        """
        with self._locked():
            self._write(newest)

    def _write(self, link: Link) -> None:
        scratch = self.path.with_suffix(".new")
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(json.dumps({"seq": link.seq, "mac": link.mac}) + "\n")
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = self.path.with_suffix(".lock")
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)  # which also lets the lock go
