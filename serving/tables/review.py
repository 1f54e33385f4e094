"""The review queue: pictures that people label, and what they said."""

from datetime import datetime
from typing import Any

from sqlmodel import JSON, Column, Field, Index, SQLModel


class ReviewItem(SQLModel, table=True):
    """One picture to label or labelled. One content (`image_sha256`), one item, wherever it came from."""

    __tablename__ = "review_items"
    __table_args__ = (Index("ix_review_items_queue", "state", "priority"),)

    id: str = Field(primary_key=True, max_length=36)
    image_sha256: str = Field(unique=True, max_length=64)
    source: str = Field(max_length=16)  # inspection | import
    inspection_id: str | None = Field(
        default=None, unique=True, foreign_key="inspections.id", ondelete="CASCADE", max_length=36
    )
    station_id: str | None = Field(default=None, max_length=64)
    name: str = Field(max_length=160)  # file name for exports
    image_path: str = Field(max_length=255)  # below the media folder
    image_media_type: str = Field(max_length=32)
    image_bytes: int
    width_px: int
    height_px: int
    state: str = Field(max_length=16)  # pending | labeled | trained | skipped
    priority: float
    # A list of objects with strategy and score (0-1).
    reasons: list[Any] = Field(sa_column=Column(JSON, nullable=False))
    # [{"class_name": …, "confidence": …, "bbox": [x1, y1, x2, y2], "polygon": [ring, …]}]
    suggestions: list[Any] = Field(sa_column=Column(JSON, nullable=False))
    model_version: str | None = Field(default=None, max_length=64)  # that gave the suggestions
    trained_version: str | None = Field(default=None, max_length=64)  # that learned from the labels
    created_at: datetime
    reviewed_at: datetime | None = None
    reviewed_by: str | None = Field(default=None, max_length=64)


class Annotation(SQLModel, table=True):
    """One defect that a person (or an import) marked. A labelled item without any is a good part."""

    __tablename__ = "annotations"

    id: int | None = Field(default=None, primary_key=True)
    item_id: str = Field(foreign_key="review_items.id", index=True, ondelete="CASCADE", max_length=36)
    position: int
    class_name: str = Field(index=True, max_length=64)
    x_min_px: float
    y_min_px: float
    x_max_px: float
    y_max_px: float
    mask_polygon: list[Any] = Field(sa_column=Column(JSON, nullable=False))  # outer rings; empty where only a box
