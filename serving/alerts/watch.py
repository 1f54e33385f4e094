"""Judges every station by the rules, every few seconds and beside the inspect path."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from functools import partial
from typing import Final

import structlog
from sqlmodel import Session

from serving.alerts import repository, samples
from serving.alerts.judging import Finding, judge_control_chart, judge_drift, judge_window
from serving.alerts.rules import AlertRules, RuleValues
from serving.alerts.service import raise_alert, resolve_alert
from serving.clock import Clock
from serving.database import Database
from serving.errors import ServingError
from serving.metrics.registry import Metrics
from serving.platform import Platform

POLL_S: Final = 10.0
# Drift asks for thousands of rows and is slow by nature.
_DRIFT_EVERY_S: Final = 300.0

_log = structlog.get_logger(__name__)


class RuleWatch:
    """Looks every few seconds at the stations that have inspected a part, or whose rules were changed, since.

    A station that makes no parts keeps its alerts: nothing says that their cause is gone. What cannot be stored is
    judged again at the next look.
    """

    def __init__(
        self,
        database: Database,
        metrics: Metrics,
        rules: Callable[[], AlertRules],
        clock: Clock,
        *,
        poll_s: float = POLL_S,
    ) -> None:
        """Takes what it works on; `start` begins."""
        self._database, self._metrics, self._rules, self._clock = database, metrics, rules, clock
        self._poll_s = poll_s
        # By station: what it was judged on last, and when it was last judged for drift.
        self._judged: dict[str, tuple[datetime, RuleValues]] = {}
        self._drift_at: dict[str, datetime] = {}
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    def start(self) -> None:
        """Begins to watch, on the running loop."""
        self._task = asyncio.create_task(self._run(), name="alert-rules")

    async def stop(self) -> None:
        """Ends after the look that is under way."""
        self._stopping.set()
        if self._task is not None:
            await self._task

    def look(self) -> None:
        """Takes one look at every station, and raises and ends alerts. Blocks.

        Raises:
            ServingError: The database does not answer.
        """
        rules, now = self._rules(), self._clock()
        with self._database.read() as session:
            newest = samples.newest_parts(session)
        for station_id, newest_at in newest.items():
            basis = (newest_at, rules.at(station_id))
            if self._judged.get(station_id) == basis:
                continue
            findings = self._judge(station_id, basis[1], now)
            if findings:
                self._database.write(partial(_apply, findings=findings, now=now)).result()
            self._judged[station_id] = basis

    def _judge(self, station_id: str, rules: RuleValues, now: datetime) -> list[Finding]:
        with self._database.read() as session:
            findings = [
                *judge_window(session, station_id, rules, now),
                *judge_control_chart(session, station_id, rules, now),
            ]
            looked_at = self._drift_at.get(station_id)
            judged = self._judged.get(station_id)
            has_new_rules = judged is None or judged[1] != rules
            if looked_at is None or has_new_rules or not 0 <= (now - looked_at).total_seconds() < _DRIFT_EVERY_S:
                findings.extend(judge_drift(session, station_id, rules))
                self._drift_at[station_id] = now
            still_open = repository.open_keys(session)
        # Most looks find all well, and the writer hears nothing of them.
        return [finding for finding in findings if finding.severity or finding.dedupe_key in still_open]

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                await asyncio.to_thread(self.look)
            except ServingError as error:
                _log.warning("alert_rules_not_judged", error=str(error))
            except Exception:  # noqa: BLE001 - the loop's supervisor: watching must go on
                _log.exception("alert_rules_failed")
                self._metrics.observe_background_failure("alert_rules")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), self._poll_s)


@asynccontextmanager
async def judging_stations(platform: Platform) -> AsyncIterator[None]:
    """Judge the stations by the rules within the block."""
    watch = RuleWatch(platform.database, platform.metrics, lambda: platform.config.current, platform.clock)
    watch.start()
    try:
        yield
    finally:
        await watch.stop()


def _apply(session: Session, findings: list[Finding], now: datetime) -> None:
    for finding in findings:
        if finding.severity is None:
            resolve_alert(session, finding.dedupe_key, now)
            continue
        raise_alert(
            session, finding.severity, finding.title, finding.message, finding.dedupe_key, finding.station_id, now
        )
