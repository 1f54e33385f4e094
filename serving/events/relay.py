"""The relay: the only one that publishes, in the order of the numbers, as soon as something is committed."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from anyio import CapacityLimiter, to_thread

from serving.database import Database
from serving.events.frontier import Frontier
from serving.events.hub import Hub
from serving.events.loop import Loop
from serving.events.messages import Choice
from serving.events.metrics import EventMetrics
from serving.events.reader import PAGE_SIZE, Page, Reader
from serving.metrics.registry import Metrics

# Commits of this process wake the relay; this is for those of other processes.
POLL_S: Final = 0.5
# A number that is missing arrives with a commit that is under way.
_GAP_POLL_S: Final = 0.02


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
        if self._behind_since_s is None:
            self._behind_since_s = self._monotonic()
        if not self._is_called and self._event_loop is not None:
            self._is_called = True
            self._event_loop.call_soon_threadsafe(self._loop.wake)

    async def _round(self) -> float:
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
        has_clients = bool(self._hub.clients)
        page, newest = await to_thread.run_sync(self._read, self._hub.position, has_clients, limiter=self._threads)
        if page is None:
            return _GAP_POLL_S  # the place is not found yet
        if not has_clients and self._hub.clients:
            return 0.0  # somebody joined meanwhile and wants what was skipped
        self._hub.publish(page.messages, page.last_seq)
        if page.messages and self._reading_since_s is not None:
            self._event_metrics.observe_relay(self._monotonic() - self._reading_since_s)
        if page.last_seq < newest:
            return 0.0
        return _GAP_POLL_S if self._frontier.is_waiting else POLL_S

    def _read(self, published: int | None, has_clients: bool) -> tuple[Page | None, int]:
        """The messages after the published ones, none of them where nobody listens; and the last settled number."""
        newest = self._frontier.advance()
        if newest is None:
            return None, 0
        if published is None or not has_clients:
            return Page([], newest), newest
        return self._reader.page(Choice(), published, newest, PAGE_SIZE), newest

    def _lag_s(self) -> float:
        since = [s for s in (self._reading_since_s, self._behind_since_s) if s is not None]
        return self._monotonic() - min(since) if since else 0.0
