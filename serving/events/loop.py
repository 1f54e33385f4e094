"""A piece of work that is done again and again until the platform ends."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import structlog

from serving.errors import ServingError
from serving.metrics.registry import Metrics

_FIRST_BACKOFF_S: Final = 0.25
_MOST_BACKOFF_S: Final = 10.0
_log = structlog.get_logger(__name__)


class Loop:
    """Does the work, pauses for as many seconds as the work says, or until woken; a failed round costs a pause."""

    def __init__(
        self, name: str, work: Callable[[], Awaitable[float]], metrics: Metrics, *, delay_s: float = 0
    ) -> None:
        """Takes the work; `start` begins.

        Args:
            name: What logs and metrics call it.
            work: One round; gives the seconds until the next.
            metrics: Counts rounds that fail.
            delay_s: Seconds before the first round.
        """
        self._name = name
        self._work = work
        self._metrics = metrics
        self._pause_s = delay_s
        self._woken = asyncio.Event()
        self._is_stopping = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins, on the running event loop."""
        self._task = asyncio.create_task(self._run(), name=self._name)

    def wake(self) -> None:
        """Ends the pause. Called on the event loop."""
        self._woken.set()

    async def stop(self) -> None:
        """Ends after the round that is under way."""
        self._is_stopping = True
        self._woken.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        failures = 0
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), self._pause_s)
            self._woken.clear()
            if self._is_stopping:
                return
            try:
                self._pause_s = await self._work()
                failures = 0
                continue
            except ServingError as error:
                if failures == 0:
                    _log.warning("round_failed", loop=self._name, error=str(error))
            except Exception:  # noqa: BLE001 - the loop's supervisor: the work must go on
                _log.exception("round_failed", loop=self._name)
                self._metrics.observe_background_failure(self._name)
            self._pause_s = min(_MOST_BACKOFF_S, _FIRST_BACKOFF_S * 2**failures)
            failures = min(failures + 1, 16)
