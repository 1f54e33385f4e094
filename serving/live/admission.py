"""Says no while no is still cheap: bounds what waits for the network, in number and in bytes."""

from collections.abc import Iterator
from contextlib import contextmanager

from serving.errors import Overloaded


class Admission:
    """Counts the inspections inside and the bytes they hold. Used from the event loop alone, so it needs no lock."""

    def __init__(self, most_jobs: int, most_bytes: int) -> None:
        self._most_jobs = most_jobs
        self._most_bytes = most_bytes
        self._jobs = 0
        self._bytes = 0

    @property
    def jobs(self) -> int:
        """Number of inspections inside, at work or waiting."""
        return self._jobs

    @contextmanager
    def hold(self, size_bytes: int) -> Iterator[None]:
        """Room in memory for one picture of `size_bytes`.

        Raises:
            Overloaded: Too much is held already. A single picture always fits.
        """
        if self._bytes and self._bytes + size_bytes > self._most_bytes:
            raise Overloaded
        self._bytes += size_bytes
        try:
            yield
        finally:
            self._bytes -= size_bytes

    @contextmanager
    def enter(self) -> Iterator[None]:
        """A place for one inspection. Requests that only wait for another one with their key take none.

        Raises:
            Overloaded: Every place is taken.
        """
        if self._jobs >= self._most_jobs:
            raise Overloaded
        self._jobs += 1
        try:
            yield
        finally:
            self._jobs -= 1
