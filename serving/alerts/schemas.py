"""Alerts as they travel over the wire."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel

Severity = Literal["info", "warning", "error", "critical"]


class AlertRead(BaseModel):
    """One alert. `timestamp` is when it was first raised; it stays open until `resolved_at`."""

    id: str
    severity: Severity
    title: str
    message: str
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
