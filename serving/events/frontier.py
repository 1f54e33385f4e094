"""Reads committed events in the order of their numbers, and no number before all lower ones are settled.

SQLite has one write lock, so numbers are committed in their order. PostgreSQL hands numbers out before the commit: who
reads "everything above the last number seen" loses the one that commits late. Comparing transaction ids with the
snapshot's xmin does not close the hole, since a younger transaction may draw the lower number
(Source: event-driven.io/en/ordering_in_postgres_outbox; dba.stackexchange.com/questions/342896).

What closes it: before a number is drawn, its transaction holds ROW EXCLUSIVE on `events`, and it lets go only after its
rows can be seen (Source: PostgreSQL, xact.c, CommitTransaction: ProcArrayEndTransaction precedes the release of locks).
So at a gap we note who holds that lock. Once all of those have ended, a fresh read shows whatever fills the gap; a
number that is still missing was rolled back. CREATE INDEX CONCURRENTLY waits for older writers in the same way.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from serving.database import Database
from serving.events import repository

PAGE_SIZE: Final = 5000
# Write jobs take milliseconds. A transaction that is open for so long belongs to a process that hangs; everybody
# would wait for it, so it is ended and thereby rolled back.
PATIENCE_S: Final = 30.0
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Gap:
    """Numbers that are missing, and who may still bring them.

    Attributes:
        upto: The last number that is missing.
        writers: The transactions that may hold one of them, with their processes.
        since_s: When it was found, on the monotonic clock; later when somebody was told to end.
    """

    upto: int
    writers: Mapping[str, int | None]
    since_s: float


class Frontier:
    """The place up to which every number is settled. Its methods block and are called from one thread at a time."""

    def __init__(
        self, database: Database, *, patience_s: float = PATIENCE_S, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Takes the database; the first `advance` finds the place."""
        self._database = database
        self._may_have_gaps = database.engine.dialect.name == "postgresql"
        self._patience_s = patience_s
        self._monotonic = monotonic
        self._gap: _Gap | None = None
        self._position: int | None = None

    @property
    def position(self) -> int | None:
        """The last settled number, 0 before the first event; None until it was found."""
        return self._position

    @property
    def has_no_gaps(self) -> bool:
        """Whether numbers are always committed in their order: whatever can be read is settled."""
        return not self._may_have_gaps

    @property
    def is_waiting(self) -> bool:
        """Whether a number is missing that may still be committed."""
        return self._gap is not None

    def advance(self) -> int | None:
        """The position after one step: on PostgreSQL a page of numbers at most, or up to the first gap.

        Raises:
            StorageUnavailable: The database does not answer; the next call goes on from here.
        """
        settled = 0
        if self._gap is not None:
            if not self._is_over(self._gap):
                return self._position
            settled = self._gap.upto
        if self._position is None:
            return self._begin(settled)
        if not self._may_have_gaps:
            with self._database.read() as session:
                self._position = repository.newest_seq(session) or self._position
            return self._position
        with self._database.read() as session:
            numbers = repository.numbers_after(session, self._position, PAGE_SIZE)
        last, gap_upto = _until_gap(numbers, self._position, settled)
        # Asked for after the read that saw the gap: who drew a missing number holds the lock by now, or has ended.
        self._gap = self._open_gap(gap_upto) if gap_upto is not None else None
        self._position = last
        return last

    def _begin(self, settled: int) -> int | None:
        """Find the newest number; on PostgreSQL wait until the lower ones are settled."""
        if self._gap is None:
            with self._database.read() as session:
                settled = repository.newest_seq(session) or 0
            if self._may_have_gaps:
                self._gap = self._open_gap(settled)
                return None
        self._gap, self._position = None, settled
        return settled

    def _open_gap(self, upto: int) -> _Gap:
        with self._database.read() as session:
            return _Gap(upto, repository.writers(session), self._monotonic())

    def _is_over(self, gap: _Gap) -> bool:
        if not gap.writers:
            return True
        with self._database.read() as session:
            present = repository.writers(session)
            left = {transaction: pid for transaction, pid in gap.writers.items() if transaction in present}
            if left and self._monotonic() - gap.since_s >= self._patience_s:
                for pid in left.values():
                    ended = pid is not None and repository.end_session(session, pid)
                    _log.error("event_writer_hangs", pid=pid, told_to_end=ended, open_s=round(self._patience_s))
                gap.since_s = self._monotonic()
        gap.writers = left
        return not left


def _until_gap(numbers: Sequence[int], position: int, settled: int) -> tuple[int, int | None]:
    """The last of the numbers before the first gap that is not settled, and the last number of that gap."""
    for number in numbers:
        if number - 1 > max(position, settled):
            return position, number - 1
        position = number
    return position, None
