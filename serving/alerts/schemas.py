"""Alerts as they travel over the wire."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from pydantic import BaseModel

Severity = Literal["info", "warning", "error", "critical"]


Figure = str | int | float


@dataclass(frozen=True, slots=True)
class Said:
    """A text for machines, which may say it in another language.

    Attributes:
        code: Which text it is.
        params: What stands in its places, unrounded and in the units that their names tell.
    """

    code: str
    params: Mapping[str, Figure] = field(default_factory=dict)


class AlertRead(BaseModel):
    """One alert. `timestamp` is when it was first raised; it stays open until `resolved_at`."""

    id: str
    severity: Severity
    title: str
    message: str
    code: str | None = None
    """Which text `title` and `message` are, for those who say it in another language; None where it has no code."""
    params: dict[str, Figure] = {}
    """The figures in it; those of `ended_code` begin with `ended_`."""
    ended_code: str | None = None
    """Why it ended, where that is not that the cause is gone; `message` says so too."""
    timestamp: datetime
    acknowledged: bool
    station_id: str | None
    occurrences: int
    last_seen_at: datetime
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    resolved_at: datetime | None


class AlertList(BaseModel):
    """Alerts, newest first."""

    alerts: list[AlertRead]
    total: int
