"""Alerts: what somebody on the floor must know."""

from datetime import datetime

from sqlmodel import Field, SQLModel


class Alert(SQLModel, table=True):
    """One alert. While it is open, the same cause (`dedupe_key`) raises no second one but counts here."""

    __tablename__ = "alerts"

    id: str = Field(primary_key=True, max_length=36)
    severity: str = Field(index=True, max_length=16)
    title: str = Field(max_length=120)
    message: str = Field(max_length=2000)
    dedupe_key: str = Field(index=True, max_length=160)
    station_id: str | None = Field(default=None, max_length=64)
    occurrences: int = 1
    created_at: datetime = Field(index=True)
    last_seen_at: datetime
    acknowledged: bool = Field(default=False, index=True)
    acknowledged_by: str | None = Field(default=None, max_length=64)
    acknowledged_at: datetime | None = None
    resolved_at: datetime | None = None
