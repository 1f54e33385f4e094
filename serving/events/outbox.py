"""`publish`: one event, in the transaction of the thing that it tells of."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, get_args

from sqlmodel import Session

from serving.events.schemas import EventType
from serving.tables import OutboxEvent

EVENT_TYPES: Final[tuple[EventType, ...]] = get_args(EventType)


def publish(session: Session, kind: EventType, data: Mapping[str, Any], now: datetime) -> None:
    """Notes an event; followers hear of it once the session is committed, and never if it is not.

    Args:
        session: That of a `Database.write` job.
        kind: What it tells of.
        data: What followers get, as JSON can say it; a `station_id` in it lets them choose by station.
        now: The present, UTC.
    """
    session.add(OutboxEvent.model_validate({"type": kind, "created_at": now, "data": dict(data)}))
