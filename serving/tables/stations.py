"""Stations: where a camera looks at parts, with the rules that hold there."""

from datetime import datetime
from typing import Any

from sqlmodel import JSON, Column, Field, SQLModel


class Station(SQLModel, table=True):
    """One station. It appears on its first inspection and may be configured afterwards."""

    __tablename__ = "stations"

    id: str = Field(primary_key=True, max_length=64)
    name: str = Field(max_length=120)
    mm_per_px: float | None = None
    # {class: {"accept_below": 0.3, "reject_above": 0.6}}
    thresholds: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    # {class: area in mm²} and {class: area in pixels}
    min_area_mm2: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    min_area_px: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    # [[x, y], …] in pixels of the picture
    region_of_interest: list[Any] | None = Field(default=None, sa_column=Column(JSON, nullable=True))
    # Raised by one with each change, so that a verdict can say which rules made it.
    revision: int = 1
    created_at: datetime
    updated_at: datetime
