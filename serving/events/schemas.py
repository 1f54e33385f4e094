"""Events as they travel over the wire."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel

EventType = Literal["inspection", "alert", "job", "model", "station"]


class EventOut(BaseModel):
    """One event. `data` of an inspection is the record, as `GET /api/v1/inspect/{id}` gives it."""

    type: EventType
    seq: int
    at: datetime
    data: dict[str, Any]


class ResetOut(BaseModel):
    """Nobody can say what was missed: load everything anew, and go on from `last_seq`."""

    reason: Literal["unknown", "too_old"]
    after: int
    oldest_seq: int | None
    newest_seq: int


class EventList(BaseModel):
    """Events in the order of their commits."""

    events: list[EventOut]
    last_seq: int
    """What to give as `after` next time."""
    newest_seq: int
    """Number of the newest event; `last_seq` is lower where more is to be fetched."""
    reset: ResetOut | None = None
