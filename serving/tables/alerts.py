"""Alerts: what somebody on the floor must know."""

from datetime import datetime
from typing import Any, Final

from sqlmodel import JSON, BigInteger, Column, Field, Index, Integer, SQLModel, text

# How far the planning of deliveries is with an alert: nothing yet, told that it was raised, told that it is resolved.
STAGE_NEW: Final = 0
STAGE_RAISED: Final = 1
STAGE_RESOLVED: Final = 2
_UNPLANNED = text(f"delivery_stage < {STAGE_RESOLVED}")
_PENDING = text("state = 'pending'")


class Alert(SQLModel, table=True):
    """One alert. While it is open, the same cause (`dedupe_key`) raises no second one but counts here."""

    __tablename__ = "alerts"
    __table_args__ = (
        Index("ix_alerts_undelivered", "created_at", sqlite_where=_UNPLANNED, postgresql_where=_UNPLANNED),
    )

    id: str = Field(primary_key=True, max_length=36)
    severity: str = Field(index=True, max_length=16)
    title: str = Field(max_length=120)
    message: str = Field(max_length=2000)
    # The same for machines, which may say it in another language; empty where a cause has no code.
    code: str | None = Field(default=None, max_length=40)
    params: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False, server_default="{}"))
    ended_code: str | None = Field(default=None, max_length=40)
    dedupe_key: str = Field(index=True, max_length=160)
    station_id: str | None = Field(default=None, max_length=64)
    occurrences: int = 1
    created_at: datetime = Field(index=True)
    last_seen_at: datetime
    acknowledged: bool = Field(default=False, index=True)
    acknowledged_by: str | None = Field(default=None, max_length=64)
    acknowledged_at: datetime | None = None
    resolved_at: datetime | None = None
    delivery_stage: int = STAGE_NEW


class AlertDelivery(SQLModel, table=True):
    """One alert on its way to one target, until it is told or given up."""

    __tablename__ = "alert_deliveries"
    __table_args__ = (
        Index("ix_alert_deliveries_due", "target", "next_try_at", sqlite_where=_PENDING, postgresql_where=_PENDING),
        {"sqlite_autoincrement": True},  # receivers know deliveries by their number
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger().with_variant(Integer, "sqlite"))
    alert_id: str = Field(foreign_key="alerts.id", index=True, max_length=36)
    dedupe_key: str = Field(max_length=160)
    target: str = Field(max_length=280)
    event: str = Field(max_length=16)  # raised | resolved
    state: str = Field(default="pending", index=True, max_length=16)  # pending | sent | failed | skipped
    # The alert as it was then: every try tells the same.
    alert: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    attempts: int = 0
    next_try_at: datetime
    last_error: str | None = Field(default=None, max_length=500)
    created_at: datetime = Field(index=True)
    ended_at: datetime | None = None
