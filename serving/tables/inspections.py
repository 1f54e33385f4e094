"""Inspections and what was found in them."""

from datetime import datetime
from typing import Any

from sqlmodel import JSON, Column, Field, Index, SQLModel, UniqueConstraint, text

_STORED = text("picture_deleted_at IS NULL")
_STORED_FAILURES = text("decision = 'fail' AND picture_deleted_at IS NULL")
_ON_HOLD = text("held_at IS NOT NULL")
_EFFECTIVE = text("coalesce(overruled_to, decision)")  # the verdict that holds
_OVERRULED = text("overruled_to IS NOT NULL")


class Inspection(SQLModel, table=True):
    """One verdict on one picture, with everything needed to say later how it came about."""

    __tablename__ = "inspections"
    __table_args__ = (
        UniqueConstraint("requested_by", "idempotency_key", name="uq_inspections_idempotency"),
        Index("ix_inspections_station_created", "station_id", "created_at"),
        Index("ix_inspections_decision_created", "decision", "created_at"),
        # For counting and exporting by time: holds all that is counted, so that no row is looked up.
        Index(
            "ix_inspections_time",
            *("created_at", "id", "station_id", "decision", "model_version", "part_id", "total_time_ms"),
        ),
        # Tells whether a part was inspected at its station before.
        Index("ix_inspections_part", "part_id", "station_id", "created_at", "id"),
        # For retention: the stored pictures by age with their sizes, the newest failures of a station, and holds.
        Index(
            "ix_inspections_pictures",
            "decision",
            "created_at",
            "image_bytes",
            "picture_deleted_at",  # always null here; without it SQLite would look each row up to see that
            sqlite_where=_STORED,
            postgresql_where=_STORED,
        ),
        Index(
            "ix_inspections_failures",
            "station_id",
            "created_at",
            sqlite_where=_STORED_FAILURES,
            postgresql_where=_STORED_FAILURES,
        ),
        Index("ix_inspections_held", "held_at", sqlite_where=_ON_HOLD, postgresql_where=_ON_HOLD),
        Index("ix_inspections_effective", _EFFECTIVE, "created_at"),
        # The few verdicts that people overruled, by time, with all that is counted of them.
        Index(
            "ix_inspections_overruled",
            *("created_at", "station_id", "decision", "overruled_to"),
            sqlite_where=_OVERRULED,
            postgresql_where=_OVERRULED,
        ),
    )

    id: str = Field(primary_key=True, max_length=36)
    station_id: str = Field(foreign_key="stations.id", max_length=64)
    part_id: str | None = Field(default=None, max_length=128)
    decision: str = Field(max_length=16)
    confidence: float
    objects_found: int
    source: str = Field(max_length=16)  # upload | camera
    created_at: datetime
    total_time_ms: float
    timings_ms: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))

    image_path: str = Field(max_length=255)  # below the media folder; the bytes exactly as received
    image_sha256: str = Field(max_length=64)
    image_media_type: str = Field(max_length=32)
    image_bytes: int
    width_px: int
    height_px: int

    model_name: str = Field(max_length=120)
    model_version: str = Field(index=True, max_length=64)
    backend: str = Field(max_length=64)
    recipe: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    recipe_digest: str = Field(max_length=64)
    # The thresholds that really decided, per class (bundle overlaid by the station).
    thresholds: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))

    requested_by: str = Field(max_length=64)
    idempotency_key: str | None = Field(default=None, max_length=255)
    request_digest: str | None = Field(default=None, max_length=64)

    picture_deleted_at: datetime | None = None  # by retention; the row stays, so that statistics stay right
    # On hold: neither the picture nor the row may be deleted.
    hold_reason: str | None = Field(default=None, max_length=500)
    held_by: str | None = Field(default=None, max_length=64)
    held_at: datetime | None = None
    # What a person says instead of `decision`, which stays what the model said.
    overruled_to: str | None = Field(default=None, max_length=16)
    overrule_reason: str | None = Field(default=None, max_length=500)
    overruled_by: str | None = Field(default=None, max_length=64)
    overruled_at: datetime | None = None


class InspectionDetection(SQLModel, table=True):
    """One region found in an inspection."""

    __tablename__ = "detections"

    id: int | None = Field(default=None, primary_key=True)
    inspection_id: str = Field(foreign_key="inspections.id", index=True, ondelete="CASCADE", max_length=36)
    position: int
    class_name: str = Field(index=True, max_length=64)
    confidence: float
    x_min_px: float
    y_min_px: float
    x_max_px: float
    y_max_px: float
    area_px: float
    length_px: float
    width_px: float
    area_mm2: float | None = None
    length_mm: float | None = None
    width_mm: float | None = None
    mask_polygon: list[Any] = Field(sa_column=Column(JSON, nullable=False))
