"""The relay: the only one that publishes, in the order of the numbers, as soon as something is committed."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from anyio import CapacityLimiter, to_thread

from serving.database import Database
from serving.events.frontier import Frontier
from serving.events.hub import Hub
from serving.events.loop import Loop
from serving.events.metrics import EventMetrics
from serving.events.reader import PAGE_SIZE, Reader
from serving.events.recent import Page
from serving.metrics.registry import Metrics

# Commits of this process wake the relay; this is for those of other processes.
POLL_S: Final = 0.5
# A number that is missing arrives with a commit that is under way.
_GAP_POLL_S: Final = 0.02
_LOOK_S: Final = 2.0


class Relay:
    """Reads what was committed and hands it to the hub."""

    def __init__(
        self,
        database: Database,
        reader: Reader,
        hub: Hub,
        metrics: Metrics,
        event_metrics: EventMetrics,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Takes what it works on; `start` begins."""
        self._database = database
        self._reader = reader
        self._hub = hub
        self._event_metrics = event_metrics
        self._monotonic = monotonic
        self._frontier = Frontier(database)
        self._threads = CapacityLimiter(1)
        self._loop = Loop("events_relay", self._round, metrics)
        self._event_loop: asyncio.AbstractEventLoop | None = None
        self._is_called = False
        self._next_look = asyncio.Event()
        # When the oldest commit came that is not read yet, and the same for the round that is under way.
        self._behind_since_s: float | None = None
        self._reading_since_s: float | None = None
        event_metrics.watch_lag(self._lag_s)

    def start(self) -> None:
        """Begins, on the running event loop."""
        self._event_loop = asyncio.get_running_loop()
        self._loop.start()
        self._database.tell_commits(self._on_commit)

    async def stop(self) -> None:
        """Ends after the round that is under way."""
        self._database.tell_commits(None)
        await self._loop.stop()

    def _on_commit(self) -> None:
        """Wake the loop, from the thread that wrote: once for all commits before its next round."""
        if not self._hub.is_followed:
            return  # there is nobody to tell: the place is looked up now and then
        if self._behind_since_s is None:
            self._behind_since_s = self._monotonic()
        if not self._is_called and self._event_loop is not None:
            self._is_called = True
            self._event_loop.call_soon_threadsafe(self._loop.wake)

    async def look(self) -> None:
        """Wait until everything that is committed by now is published, or for a moment where that cannot be said."""
        looked = self._next_look
        self._loop.wake()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_S):
                await looked.wait()

    async def _round(self) -> float:
        looked, self._next_look = self._next_look, asyncio.Event()
        try:
            return await self._publish()
        finally:
            looked.set()

    async def _publish(self) -> float:
        # In this order: a commit after it wakes us again, one before it is seen by the read below.
        self._is_called = False
        self._reading_since_s, self._behind_since_s = self._behind_since_s, None
        began_s = self._monotonic()
        is_done = False
        try:
            pause_s = await self._publish_next()
            is_done = pause_s == POLL_S
        finally:
            if not is_done:
                self._behind_since_s = self._reading_since_s or began_s
            self._reading_since_s = None
        return pause_s

    async def _publish_next(self) -> float:
        """The seconds until the next round, after what can be published now was."""
        position, is_followed = self._hub.position, self._hub.is_followed
        if position is None or not is_followed:
            settled = await to_thread.run_sync(self._frontier.advance, limiter=self._threads)
            if settled is None:
                return _GAP_POLL_S  # the place is not found yet
            if position is not None and self._hub.is_followed:
                return 0.0  # somebody came meanwhile and wants what would be skipped
            self._hub.skip(settled)
        else:
            page, is_more = await to_thread.run_sync(self._read, position, limiter=self._threads)
            self._hub.publish(page.messages, page.last_seq)
            if page.messages and self._reading_since_s is not None:
                self._event_metrics.observe_relay(self._monotonic() - self._reading_since_s)
            if is_more:
                return 0.0
        return _GAP_POLL_S if self._frontier.is_waiting else POLL_S

    def _read(self, published: int) -> tuple[Page, bool]:
        """The messages after the published ones, and whether there may be more."""
        if self._frontier.has_no_gaps:
            return self._reader.page(published, None, PAGE_SIZE)
        settled = self._frontier.advance() or published
        return self._reader.page(published, settled, PAGE_SIZE)

    def _lag_s(self) -> float:
        since = [s for s in (self._reading_since_s, self._behind_since_s) if s is not None]
        return self._monotonic() - min(since) if since else 0.0
