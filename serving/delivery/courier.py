"""The courier of one target: tells it one alert after the other. A target that hangs holds up no other."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

import structlog
from anyio import CapacityLimiter, to_thread
from sqlmodel import Session

from serving.clock import Clock
from serving.database import Database
from serving.delivery import attempts, repository
from serving.delivery.attempts import Taken
from serving.delivery.message import DeliveryFailed, Target
from serving.delivery.metrics import DeliveryMetrics
from serving.events.loop import Loop
from serving.metrics.registry import Metrics

POLL_S: Final = 2.0
_AT_ONCE: Final = 10
_log = structlog.get_logger(__name__)
T = TypeVar("T")


class Courier:
    """Tries what is due, in the order in which it was planned."""

    def __init__(
        self, target: Target, database: Database, metrics: Metrics, counted: DeliveryMetrics, clock: Clock
    ) -> None:
        """Takes its target and what it works on; `start` begins."""
        self.target = target
        self._database, self._counted, self._clock = database, counted, clock
        # A thread of its own kind: those of the pool belong to whoever inspects.
        self._threads = CapacityLimiter(1)
        self._loop = Loop("alert_courier", self._round, metrics)
        self._sending: asyncio.Task[str | None] | None = None
        self._is_stopping = False

    def start(self) -> None:
        """Begins, on the running event loop."""
        self._loop.start()

    def wake(self) -> None:
        """Says that something was planned."""
        self._loop.wake()

    async def stop(self) -> None:
        """Ends now; a try that is under way counts for nothing."""
        self._is_stopping = True
        if self._sending is not None:
            self._sending.cancel()
        await self._loop.stop()

    async def _round(self) -> float:
        """The seconds until the next round, after what is due now was tried once."""
        numbers = await to_thread.run_sync(self._due, limiter=self._threads)
        for number in numbers:
            if self._is_stopping:
                break
            await self._deliver(number)
        return 0.0 if len(numbers) == _AT_ONCE else POLL_S

    def _due(self) -> list[int]:
        with self._database.read() as session:
            due = repository.due(session, self.target.name, self._clock(), _AT_ONCE)
        return [number for number in due if number is not None]

    async def _deliver(self, number: int) -> None:
        name = self.target.name
        taken = await self._write(partial(attempts.take, number=number, target=name, now=self._clock()))
        if taken is None:
            return
        try:
            note = await self._send(taken)
        except asyncio.CancelledError:  # of the task, by `stop`
            await self._write(partial(attempts.give_back, taken=taken, now=self._clock()))
            return
        except DeliveryFailed as error:
            failed = partial(attempts.note_failed, taken=taken, error=error, now=self._clock())
            is_given_up = await self._write(failed)
            self._counted.count(name, "given_up" if is_given_up else "failed_try")
            _log.warning("alert_not_delivered", target=name, tries=taken.attempts, error=str(error), final=is_given_up)
            return
        await self._write(partial(attempts.note_told, taken=taken, note=note, now=self._clock()))
        self._counted.count(name, "sent")
        _log.info("alert_delivered", target=name, tries=taken.attempts, subject=taken.message.subject)

    async def _send(self, taken: Taken) -> str | None:
        if self._is_stopping:
            raise asyncio.CancelledError
        self._sending = asyncio.create_task(self.target.send(taken.message))
        try:
            return await self._sending
        except DeliveryFailed:
            raise
        except Exception as error:
            # Whatever else it is: the next ones must be told, and this one must not be tried for ever.
            _log.exception("alert_delivery_broke", target=self.target.name)
            raise DeliveryFailed(f"{type(error).__name__} in the platform; the log says more") from error
        finally:
            self._sending = None

    async def _write(self, work: Callable[[Session], T]) -> T:
        return await asyncio.wrap_future(self._database.write(work))
