"""Deliveries as they travel over the wire."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from serving.alerts.schemas import AlertRead, Severity

DeliveryState = Literal["pending", "sent", "failed", "skipped"]
TargetName = Annotated[str, Field(min_length=1, max_length=280)]


class DeliveryOut(BaseModel):
    """One alert on its way to one target."""

    model_config = ConfigDict(from_attributes=True, use_attribute_docstrings=True)

    id: int
    target: str
    event: Literal["raised", "resolved"]
    state: DeliveryState
    """`failed`: given up. `skipped`: over before its time came, or the target never heard of the alert."""
    attempts: int
    next_try_at: datetime
    """Of a pending one."""
    last_error: str | None
    created_at: datetime
    ended_at: datetime | None
    alert: AlertRead
    """As it was when the delivery was planned."""


class TargetOut(BaseModel):
    """Somebody who is told of alerts."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    name: str
    accepts: list[Severity]
    pending: int
    failed: int
    """Given up; kept for 90 days."""


class DeliveryList(BaseModel):
    """Targets, and deliveries, newest first."""

    targets: list[TargetOut]
    deliveries: list[DeliveryOut]
    total: int


class TrialIn(BaseModel):
    """What to try."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    target: TargetName | None = None
    """One target only; all if left out."""
    severity: Severity = "info"
    """What the message says of itself. It goes to every target, also to those that want only worse."""


class TrialResult(BaseModel):
    """How a target took the message."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    target: str
    delivered: bool
    error: str | None
    """Why it was not."""


class TrialOut(BaseModel):
    """How the targets took the message."""

    results: list[TrialResult]
