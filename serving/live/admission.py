"""Says no while no is still cheap: bounds what waits for the network, in number and in bytes."""

from collections.abc import Iterator
from contextlib import contextmanager

from serving.errors import Overloaded


class Admission:
    """Counts the inspections inside. Used from the event loop alone, so it needs no lock."""

    def __init__(self, most_jobs: int, most_bytes: int) -> None:
        self._most_jobs = most_jobs
        self._most_bytes = most_bytes
        self._jobs = 0
        self._bytes = 0

    @property
    def jobs(self) -> int:
        """Number of inspections inside."""
        return self._jobs

    @contextmanager
    def enter(self, size_bytes: int) -> Iterator[None]:
        """A place for one inspection whose picture takes `size_bytes` of memory.

        Raises:
            Overloaded: Everything is taken. A single picture always fits.
        """
        if self._jobs >= self._most_jobs or (self._jobs and self._bytes + size_bytes > self._most_bytes):
            raise Overloaded
        self._jobs += 1
        self._bytes += size_bytes
        try:
            yield
        finally:
            self._jobs -= 1
            self._bytes -= size_bytes
