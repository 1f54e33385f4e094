"""Judges every station by the rules, every few seconds and beside the inspect path."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog
from sqlmodel import Session

from serving.alerts import repository, samples
from serving.alerts.judging import WINDOW_RULES, Finding, judge_control_chart, judge_drift, judge_window
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
# An alert whose rule cannot say any more ends after a window without its cause, but not within a break of the line.
_UNSURE_FOR_AT_LEAST: Final = timedelta(hours=1)

_log = structlog.get_logger(__name__)


class RuleWatch:
    """Looks every few seconds at the stations that have inspected a part, or whose rules were changed, since.

    Where a rule cannot say any more (too few parts), its alert stays for a while: nothing says that the cause is gone.
    Then it ends and says why, so that the next time the cause is found people are told anew. What cannot be stored is
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
            still_open = repository.open_since(session)
        for station_id, newest_at in newest.items():
            basis = (newest_at, rules.at(station_id))
            if self._judged.get(station_id) == basis and not _has_outlived(station_id, basis[1], still_open, now):
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
            still_open = repository.open_since(session)
        # Most looks find all well, and the writer hears nothing of them.
        return [finding for finding in findings if finding.severity or _ends(finding, rules, still_open, now)]

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


def _is_old(found_at: datetime, rules: RuleValues, now: datetime) -> bool:
    return now - found_at >= max(timedelta(minutes=rules.alert_window_min), _UNSURE_FOR_AT_LEAST)


def _ends(finding: Finding, rules: RuleValues, still_open: Mapping[str, datetime], now: datetime) -> bool:
    """Whether an alert is open that ends with what the rule says, or with its having nothing to say for long."""
    found_at = still_open.get(finding.dedupe_key)
    return found_at is not None and (not finding.unsure or _is_old(found_at, rules, now))


def _has_outlived(station_id: str, rules: RuleValues, still_open: Mapping[str, datetime], now: datetime) -> bool:
    """Whether an alert is open although the parts it tells of have left the window."""
    keys = [Finding(rule, station_id).dedupe_key for rule in WINDOW_RULES]
    return any(_is_old(still_open[key], rules, now) for key in keys if key in still_open)


def _apply(session: Session, findings: list[Finding], now: datetime) -> None:
    for finding in findings:
        if finding.severity is None:
            because = f"Ended without a new judgement: {finding.unsure}" if finding.unsure else ""
            resolve_alert(session, finding.dedupe_key, now, because=because, said=finding.said if because else None)
            continue
        raise_alert(
            session,
            finding.severity,
            finding.title,
            finding.message,
            finding.dedupe_key,
            finding.station_id,
            now,
            said=finding.said,
        )
