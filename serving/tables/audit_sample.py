"""The audit sample: passes drawn by lot for a second look, and what they were drawn from."""

from datetime import datetime
from typing import Any

from sqlmodel import JSON, Column, Field, SQLModel


class AuditDraw(SQLModel, table=True):
    """One draw. The windows of all draws are disjoint: a pass has one chance of being drawn."""

    __tablename__ = "audit_draws"

    id: str = Field(primary_key=True, max_length=36)
    since: datetime  # the passes of [since, until) had a chance
    until: datetime = Field(index=True)
    share: float  # the chance of each of them
    seed: int
    passes: int  # how many had a chance
    # [{"station_id": …, "model_version": …, "passes": …}]
    frame: list[Any] = Field(sa_column=Column(JSON, nullable=False))
    created_at: datetime
    created_by: str = Field(max_length=64)


class AuditDrawItem(SQLModel, table=True):
    """One pass that was drawn. It stays when its inspection is deleted: the draw had it."""

    __tablename__ = "audit_draw_items"

    inspection_id: str = Field(primary_key=True, max_length=36)
    draw_id: str = Field(foreign_key="audit_draws.id", index=True, ondelete="CASCADE", max_length=36)
    item_id: str | None = Field(
        default=None, foreign_key="review_items.id", index=True, ondelete="SET NULL", max_length=36
    )
    station_id: str = Field(max_length=64)
    model_version: str = Field(max_length=64)
    lot: float  # in [0, 1); below the share, or it would not be here
