"""Counts quarters of an hour once they are over, beside everything else."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog
from sqlmodel import Session

from serving.clock import Clock
from serving.database import Database
from serving.errors import ServingError
from serving.metrics.registry import Metrics
from serving.statistics import repository, tally_repository
from serving.statistics.counts import ByClass, ByVersion
from serving.statistics.quarters import QUARTER, next_quarter, quarter_of
from serving.statistics.tallied import GRACE, Tallied
from serving.statistics.window import untallied

POLL_S: Final = 30.0
# Counting a full quarter takes tens of milliseconds; between two of them the line has the processor to itself.
_PAUSE_S: Final = 0.05
# Every round looks at what the statistics can reach, and at as much again of the time before.
_REACH: Final = timedelta(days=8)
_MOST_STALE: Final = 200

_log = structlog.get_logger(__name__)


class TallyKeeper:
    """Counts what is due every half minute, the newest first; older history step by step after a start.

    Several processes may do so on one database: who comes second finds the work done.
    """

    def __init__(
        self, database: Database, tallied: Tallied, metrics: Metrics, clock: Clock, *, poll_s: float = POLL_S
    ) -> None:
        """Takes what it works on; `start` begins."""
        self._database = database
        self._tallied = tallied
        self._metrics = metrics
        self._clock = clock
        self._poll_s = poll_s
        self._back_to: datetime | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    def start(self) -> None:
        """Begins to count, on the running loop."""
        self._task = asyncio.create_task(self._run(), name="tally-keeper")

    async def stop(self) -> None:
        """Ends after the quarter that is being counted."""
        self._stopping.set()
        if self._task is not None:
            await self._task

    async def count_due(self) -> int:
        """The number of quarters that were counted in one round.

        Raises:
            ServingError: The database does not answer.
        """
        counted = 0
        for quarter in await asyncio.to_thread(self._due):
            counted += await asyncio.to_thread(self.count_quarter, quarter)
            if await self._is_over(_PAUSE_S):
                break
        return counted

    def count_quarter(self, start: datetime) -> bool:
        """Whether the quarter is counted now; False where it changed meanwhile or may still. Blocks.

        Raises:
            ServingError: The database does not answer.
        """
        end = start + QUARTER
        with self._database.read() as session:
            repository.see_one_state(session)
            if tally_repository.has_open_writers(session, end + GRACE):
                return False
        # Another session, so that it sees what those writers have committed.
        with self._database.read() as session:
            repository.see_one_state(session)
            generation = tally_repository.generation_of(session, start)
            inspections = repository.count_inspections(session, start, end)
            defects = repository.count_defects(session, start, end)
        store = partial(self._store, start=start, generation=generation, inspections=inspections, defects=defects)
        return self._database.write(store).result()

    def _store(
        self, session: Session, start: datetime, generation: int, inspections: ByVersion, defects: ByClass
    ) -> bool:
        quarter = tally_repository.claim(session, start)
        counted = sum(count.total for count in inspections.values())
        is_whole = repository.number_inspected(session, start, start + QUARTER) == counted
        if quarter.is_current or quarter.generation != generation or not is_whole:
            return False
        tally_repository.store(session, start, inspections, defects)
        self._tallied.advance(start + QUARTER)
        return True

    def _due(self) -> list[datetime]:
        """Quarters that are over and not counted, newest first."""
        with self._database.read() as session:
            repository.see_one_state(session)
            end = quarter_of(self._clock() - GRACE)
            newest = repository.last_inspected(session, end)
            if newest is None:
                return []
            # Set by what is in the database, not by the clock alone: one that ran ahead for a while does no harm.
            end = min(end, quarter_of(newest) + QUARTER)
            due = [start for start, _ in untallied(session, end - _REACH, end)]
            due += self._older(session, end - _REACH)
            due += tally_repository.stale_quarters(session, end, _MOST_STALE)
            self._learn(session, end)
        return sorted(set(due), reverse=True)

    def _older(self, session: Session, before: datetime) -> Iterator[datetime]:
        """Some more of the history, until its beginning is reached."""
        self._back_to = before if self._back_to is None else min(before, self._back_to)
        last = repository.last_inspected(session, self._back_to)
        if last is not None:
            end = min(self._back_to, next_quarter(quarter_of(last) + QUARTER))
            self._back_to = end - _REACH
            yield from (start for start, _ in untallied(session, self._back_to, end))

    def _learn(self, session: Session, end: datetime) -> None:
        """Notes how far other processes have counted."""
        known = tally_repository.current_quarters(session, end - _REACH, end)
        if known:
            self._tallied.advance(max(known) + QUARTER)

    async def _run(self) -> None:
        while not self._stopping.is_set():
            pause_s = self._poll_s
            try:
                if await self.count_due():
                    pause_s = _PAUSE_S  # there may be more history
            except ServingError as error:
                _log.warning("tallies_wait", error=str(error))
            except Exception:  # noqa: BLE001 - the loop's supervisor: counting must go on
                _log.exception("tally_keeper_failed")
                self._metrics.observe_background_failure("tally_keeper")
            if await self._is_over(pause_s):
                return

    async def _is_over(self, pause_s: float) -> bool:
        """Whether to end, found out after a pause."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), pause_s)
        return self._stopping.is_set()
