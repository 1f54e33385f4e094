"""What stations look like on the wire."""

import math
from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from serving.strict import Number

STATION_ID_PATTERN = r"^[A-Za-z0-9._:-]{1,64}$"

ClassName = Annotated[str, Field(min_length=1, max_length=64)]
Area = Annotated[Number, Field(ge=0, le=1e9, allow_inf_nan=False)]
Coordinate = Annotated[Number, Field(ge=-65536, le=65536, allow_inf_nan=False)]
Point = tuple[Coordinate, Coordinate]

_MOST_CLASSES = 1000
_MOST_CORNERS = 500
_SMALLEST_REGION_PX = 1.0


class ThresholdsSchema(BaseModel):
    """Scores between which a detection of a class is uncertain."""

    model_config = ConfigDict(extra="forbid")

    accept_below: Annotated[Number, Field(gt=0, le=1, allow_inf_nan=False)]
    """Below this score a detection is ignored."""
    reject_above: Annotated[Number, Field(gt=0, le=1, allow_inf_nan=False)]
    """From this score on the part fails."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.accept_below > self.reject_above:
            raise ValueError("accept_below must not be above reject_above")
        return self


class StationUpdate(BaseModel):
    """The whole configuration of a station; what is left out is back at its default."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str | None, Field(min_length=1, max_length=120)] = None
    """Name for people; the station's id if left out."""
    mm_per_px: Annotated[Number | None, Field(gt=0, le=1000, allow_inf_nan=False)] = None
    """Millimetres per pixel of the picture; without it there are no areas in mm²."""
    thresholds: Annotated[dict[ClassName, ThresholdsSchema], Field(max_length=_MOST_CLASSES)] = {}
    """Per class, in place of the model's own."""
    min_area_mm2: Annotated[dict[ClassName, Area], Field(max_length=_MOST_CLASSES)] = {}
    """Per class, the area in mm² below which a detection is ignored; needs `mm_per_px`."""
    min_area_px: Annotated[dict[ClassName, Area], Field(max_length=_MOST_CLASSES)] = {}
    """Per class, the same in pixels of the picture."""
    region_of_interest: Annotated[list[Point] | None, Field(min_length=3, max_length=_MOST_CORNERS)] = None
    """Corners in pixels of the picture; detections whose centre lies outside are ignored."""

    @field_validator("region_of_interest")
    @classmethod
    def _has_area(cls, corners: list[Point] | None) -> list[Point] | None:
        if corners is not None and polygon_area_px(corners) < _SMALLEST_REGION_PX:
            raise ValueError("the region of interest encloses no area")
        return corners

    @model_validator(mode="after")
    def _calibrated_where_needed(self) -> Self:
        if self.min_area_mm2 and self.mm_per_px is None:
            raise ValueError("min_area_mm2 needs mm_per_px")
        return self

    @property
    def class_names(self) -> set[str]:
        """Every defect class that the configuration mentions."""
        return {*self.thresholds, *self.min_area_mm2, *self.min_area_px}


class StationOut(BaseModel):
    """One station."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    mm_per_px: float | None
    thresholds: dict[str, ThresholdsSchema]
    min_area_mm2: dict[str, float]
    min_area_px: dict[str, float]
    region_of_interest: list[tuple[float, float]] | None
    revision: int
    """Raised by one with each change; inspections name the one that held."""
    created_at: datetime
    updated_at: datetime


class StationList(BaseModel):
    """Every station, by id."""

    stations: list[StationOut]


def polygon_area_px(corners: list[Point]) -> float:
    """The area that a polygon encloses, in square pixels, 0 where it has none.

    Source: shoelace formula.
    """
    edges = zip(corners, corners[1:] + corners[:1], strict=True)
    return math.fabs(sum(x * next_y - next_x * y for (x, y), (next_x, next_y) in edges)) / 2
