"""Telling others of alerts, beside everything else: one planner, and one courier for each target."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Final

import structlog
from anyio import CapacityLimiter, to_thread
from sqlmodel import Session

from serving.alerts.service import resolve_alert
from serving.clock import Clock
from serving.database import Database
from serving.delivery import repository
from serving.delivery.courier import Courier
from serving.delivery.message import DeliveryFailed, Message, Target
from serving.delivery.metrics import DeliveryMetrics
from serving.delivery.planning import FAILING_PREFIX, failing_key, plan
from serving.errors import Conflict
from serving.events.loop import Loop
from serving.metrics.registry import Metrics

POLL_S: Final = 1.0
_KEPT: Final = timedelta(days=90)
_FORGOTTEN_AT_ONCE: Final = 500
_FORGET_EVERY_S: Final = 600.0
_log = structlog.get_logger(__name__)


class Deliveries:
    """Plans what is to be told and has it told. Nobody who raises an alert waits for it, or knows of it."""

    def __init__(self, targets: Sequence[Target], database: Database, metrics: Metrics, clock: Clock) -> None:
        """Takes the targets and what it works on; `start` begins."""
        self.targets = tuple(targets)
        self._database, self._clock = database, clock
        counted = DeliveryMetrics(metrics.registry)
        self._couriers = [Courier(target, database, metrics, counted, clock) for target in targets]
        self._threads = CapacityLimiter(1)
        self._planner = Loop("alert_planner", self._round, metrics)
        self._forgetting = Loop("alert_deliveries_retention", self._forget, metrics, delay_s=_FORGET_EVERY_S)
        self._testing = asyncio.Lock()
        self._has_tidied = False

    def start(self) -> None:
        """Begins, on the running event loop. Without targets nothing is planned: alerts wait for the first one."""
        for courier in self._couriers:
            courier.start()
        self._planner.start()
        self._forgetting.start()

    async def stop(self) -> None:
        """Ends after the round that is under way; a target that hangs is not waited for."""
        await self._planner.stop()
        await self._forgetting.stop()
        await asyncio.gather(*(courier.stop() for courier in self._couriers))

    async def test(self, targets: Sequence[Target], message: Message) -> dict[str, str | None]:
        """By target, why it could not be told, None if it was. Waits for all of them, at most half a minute.

        Raises:
            Conflict: Another test is under way.
        """
        if self._testing.locked():
            raise Conflict("another test of the delivery is under way")
        async with self._testing:
            reasons = await asyncio.gather(*(_try(target, message) for target in targets))
        told = {target.name: reason for target, reason in zip(targets, reasons, strict=True)}
        reached = [name for name, reason in told.items() if reason is None]
        if reached:
            await asyncio.wrap_future(self._database.write(partial(_end_alerts, names=reached)))
        return told

    async def _round(self) -> float:
        """The seconds until the next round, after what happened was planned."""
        if not self._has_tidied:
            await asyncio.wrap_future(self._database.write(self._tidy))
            self._has_tidied = True
        if not self.targets or not await to_thread.run_sync(self._has_unplanned, limiter=self._threads):
            return POLL_S
        work = partial(plan, targets=self.targets, now=self._clock())
        await asyncio.wrap_future(self._database.write(work))
        for courier in self._couriers:
            courier.wake()
        return 0.0

    def _has_unplanned(self) -> bool:
        with self._database.read() as session:
            return repository.has_unplanned(session)

    def _tidy(self, session: Session) -> None:
        """End what waits for targets that are no more."""
        now, known = self._clock(), {target.name for target in self.targets}
        for name in repository.pending_targets(session) - known:
            repository.give_up(session, name, "the target is not in the settings any more", now)
            _log.warning("alert_target_gone", target=name)
        for key in repository.open_causes(session, FAILING_PREFIX) - {failing_key(name) for name in known}:
            resolve_alert(session, key, now)

    async def _forget(self) -> float:
        moment = self._clock() - _KEPT
        work = partial(repository.forget_before, moment=moment, limit=_FORGOTTEN_AT_ONCE)
        await asyncio.wrap_future(self._database.write(work))
        return _FORGET_EVERY_S


@asynccontextmanager
async def delivering(deliveries: Deliveries) -> AsyncIterator[None]:
    """Tell targets of alerts within the block."""
    deliveries.start()
    try:
        yield
    finally:
        await deliveries.stop()


async def _try(target: Target, message: Message) -> str | None:
    try:
        await target.send(message)
    except DeliveryFailed as error:
        return str(error)
    return None


def _end_alerts(session: Session, names: Sequence[str]) -> None:
    for name in names:
        resolve_alert(session, failing_key(name))
