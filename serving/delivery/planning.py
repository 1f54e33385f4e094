"""Who is to be told of which alert. The sessions are those of `Database.write` jobs."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlmodel import Session

from serving.alerts.service import to_read
from serving.delivery import repository
from serving.delivery.message import Event, Target
from serving.tables import Alert, AlertDelivery
from serving.tables.alerts import STAGE_NEW, STAGE_RAISED, STAGE_RESOLVED

QUIET: Final = timedelta(minutes=10)
"""A cause that comes and goes is told again after that time at the earliest; *critical* at once."""
FAILING_PREFIX: Final = "delivery:"
_AT_ONCE: Final = 50


def plan(session: Session, targets: Sequence[Target], now: datetime) -> int:
    """How many alerts were planned: each of their deliveries is a row from here on, whatever happens to the process.

    Args:
        session: The deliveries and the alerts' stage are written together, so no alert is planned twice.
        targets: Who may have to be told.
        now: The present, UTC.
    """
    alerts = repository.unplanned(session, _AT_ONCE)
    for alert in alerts:
        if alert.delivery_stage == STAGE_NEW:
            _plan_raised(session, alert, targets, now)
            alert.delivery_stage = STAGE_RAISED
        if alert.resolved_at is not None:
            for told in repository.raised_of(session, alert.id):
                _add(session, alert, told.target, "resolved", now, now)
            alert.delivery_stage = STAGE_RESOLVED
        session.add(alert)
    return len(alerts)


def failing_key(target: str) -> str:
    """The cause of the alert that a target cannot be told."""
    return f"{FAILING_PREFIX}{target}"[:160]


def is_held_back(delivery: AlertDelivery) -> bool:
    """Whether a delivery waits because its cause was told of a short while ago."""
    return delivery.attempts == 0 and delivery.next_try_at > delivery.created_at


def _plan_raised(session: Session, alert: Alert, targets: Sequence[Target], now: datetime) -> None:
    for target in targets:
        # That a target cannot be told is for the others.
        if target.accepts(alert.severity) and alert.dedupe_key != failing_key(target.name):
            at = now if alert.severity == "critical" else _earliest(session, target.name, alert.dedupe_key, now)
            _add(session, alert, target.name, "raised", at, now)


def _earliest(session: Session, target: str, dedupe_key: str, now: datetime) -> datetime:
    def quiet_until(told: AlertDelivery) -> datetime:
        return told.next_try_at if is_held_back(told) else (told.ended_at or told.created_at) + QUIET

    lately = repository.told_lately(session, target, dedupe_key, now - 2 * QUIET)
    return max([now, *map(quiet_until, lately)])


def _add(session: Session, alert: Alert, target: str, event: Event, at: datetime, now: datetime) -> None:
    told: Mapping[str, Any] = to_read(alert).model_dump(mode="json")
    row = {
        "alert_id": alert.id,
        "dedupe_key": alert.dedupe_key,
        "target": target,
        "event": event,
        "alert": told,
        "next_try_at": at,
        "created_at": now,
    }
    repository.add(session, AlertDelivery.model_validate(row))
