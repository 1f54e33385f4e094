"""Forgets events that are older than the window, a few at a time: the writer has parts to store."""

import asyncio
from datetime import timedelta
from typing import Final

from sqlmodel import Session

from serving.clock import Clock
from serving.database import Database
from serving.events import repository
from serving.storage.clock_watch import TOLERATED_JUMP_S, ClockWatch

STEP_ROWS: Final = 500
_BETWEEN_STEPS_S: Final = 0.25
_BETWEEN_PASSES_S: Final = 60.0


class EventRetention:
    """Deletes from the old end. The newest event always stays: the next start begins at its number."""

    def __init__(
        self, database: Database, clock: Clock, clock_watch: ClockWatch, *, keep_days: int, keep_rows: int
    ) -> None:
        """Takes the window: what is inside of both limits is never deleted.

        Args:
            database: Where the events are.
            clock: The present.
            clock_watch: While the clock has jumped forward, nothing is taken for old.
            keep_days: Events older than that may go.
            keep_rows: So many of the newest stay; older ones may go however young they are.
        """
        self._database = database
        self._clock = clock
        self._clock_watch = clock_watch
        self._keep = timedelta(days=keep_days)
        self._keep_rows = keep_rows

    async def sweep(self) -> float:
        """The seconds until the next step, after one step.

        Raises:
            ServingError: It cannot be written now.
        """
        removed = await asyncio.wrap_future(self._database.write(self._step))
        return _BETWEEN_STEPS_S if removed >= STEP_ROWS else _BETWEEN_PASSES_S

    def _step(self, session: Session) -> int:
        newest = repository.newest_seq(session) or 0
        now = self._clock()
        is_clock_trusted = self._clock_watch.jump_s(now) <= TOLERATED_JUMP_S
        last, count = 0, 0
        for seq, created_at in repository.oldest_times(session, STEP_ROWS):
            is_old = is_clock_trusted and now - created_at > self._keep
            if seq >= newest or not (is_old or seq <= newest - self._keep_rows):
                break
            last, count = seq, count + 1
        if count:
            repository.remove_upto(session, last)
        return count
