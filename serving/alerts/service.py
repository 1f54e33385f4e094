"""Raising, resolving and acknowledging alerts. The sessions are those of `Database.write` jobs."""

from datetime import datetime
from typing import Final
from uuid import uuid4

from sqlmodel import Session

from serving.alerts import repository
from serving.alerts.schemas import AlertRead, Said, Severity
from serving.audit.actor import Actor
from serving.audit.record import record
from serving.audit.repository import lock_chain
from serving.clock import utc_now
from serving.errors import NotFound
from serving.tables import Alert, OutboxEvent

_MESSAGE: Final = 2000


def raise_alert(
    session: Session,
    severity: Severity,
    title: str,
    message: str,
    dedupe_key: str,
    station_id: str | None = None,
    now: datetime | None = None,
    *,
    said: Said | None = None,
) -> str:
    """The identifier of the alert. While one with this `dedupe_key` is open, it counts there.

    Args:
        session: Of the writer.
        severity: How bad it is.
        title: What is wrong, in short.
        message: What is wrong, with the figures.
        dedupe_key: The cause.
        station_id: Where, None if everywhere.
        now: This moment.
        said: Title and message for machines.
    """
    at = now or utc_now()
    code, params = (said.code, dict(said.params)) if said else (None, {})
    alert = repository.find_open(session, dedupe_key)
    if alert is None:
        # Two replicas find the same cause at the same moment. The lock is the one that every transaction may take
        # anyway: a second one could be waited for in the other order.
        lock_chain(session)
        alert = repository.find_open(session, dedupe_key)
    if alert is not None:
        alert.occurrences += 1
        alert.last_seen_at = at
        alert.message, alert.code, alert.params = message[:_MESSAGE], code, params
        session.add(alert)
        return alert.id
    alert = Alert.model_validate(
        {
            "id": str(uuid4()),
            "severity": severity,
            "title": title,
            "message": message[:_MESSAGE],
            "code": code,
            "params": params,
            "dedupe_key": dedupe_key,
            "station_id": station_id,
            "created_at": at,
            "last_seen_at": at,
        }
    )
    repository.add(session, alert)
    _publish(session, alert, at)
    return alert.id


def resolve_alert(
    session: Session, dedupe_key: str, now: datetime | None = None, *, because: str = "", said: Said | None = None
) -> bool:
    """Whether an alert with this key was open; it is resolved now.

    Args:
        session: Of the writer.
        dedupe_key: The cause.
        now: This moment.
        because: Why it ends, where that is not that the cause is gone; the message says so.
        said: The same for machines.
    """
    alert = repository.find_open(session, dedupe_key)
    if alert is None:
        return False
    at = now or utc_now()
    alert.resolved_at = at
    if because:
        alert.message = f"{alert.message[: _MESSAGE - len(because) - 2]}. {because}"
        if said is not None:
            alert.ended_code = said.code
            alert.params = {**alert.params, **{f"ended_{name}": value for name, value in said.params.items()}}
    session.add(alert)
    _publish(session, alert, at)
    return True


def acknowledge(session: Session, alert_id: str, by: Actor, now: datetime | None = None) -> AlertRead:
    """The alert, marked as seen; the first to acknowledge it stays named.

    Raises:
        NotFound: There is no such alert.
    """
    alert = repository.find(session, alert_id)
    if alert is None:
        raise NotFound("there is no such alert")
    if not alert.acknowledged:
        at = now or utc_now()
        alert.acknowledged, alert.acknowledged_by, alert.acknowledged_at = True, by.name, at
        session.add(alert)
        _publish(session, alert, at)
        told = {"title": alert.title, "severity": alert.severity, "station_id": alert.station_id}
        record(session, by, "alert.acknowledged", f"alert/{alert_id}", after=told, now=at)
    return to_read(alert)


def to_read(alert: Alert) -> AlertRead:
    """The alert as it travels over the wire."""
    return AlertRead.model_validate({**alert.model_dump(), "timestamp": alert.created_at})


def _publish(session: Session, alert: Alert, now: datetime) -> None:
    data = to_read(alert).model_dump(mode="json")
    session.add(OutboxEvent.model_validate({"type": "alert", "created_at": now, "data": data}))
