"""What inspections look like on the wire."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from serving.review.labels import LABELS_MOST
from serving.review.schemas import AnnotationIn, State

Decision = Literal["pass", "fail", "uncertain"]
Source = Literal["upload", "camera"]


class DetectionOut(BaseModel):
    """One region that counts."""

    class_name: str
    confidence: float
    bbox: list[int]
    """Left, top, right, bottom in pixels of the picture, upright as EXIF says."""
    area_mm2: float | None
    """None without calibration of the station."""
    area_px: float
    length_px: float
    """Longer side of the smallest rotated rectangle around the region."""
    width_px: float
    length_mm: float | None
    width_mm: float | None
    mask_polygon: list[list[tuple[float, float]]]
    """Outer rings in pixels of the picture, largest first; empty where the model gives boxes only."""


class ThresholdsOut(BaseModel):
    """Scores between which a detection is uncertain."""

    accept_below: float
    reject_above: float


class InspectionOut(BaseModel):
    """One verdict with everything that says how it came about."""

    id: str
    decision: Decision
    confidence: float
    objects_found: int
    total_time_ms: float
    """From the last byte of the request to the verdict, with the picture safe on disk; without the database commit."""
    detections: list[DetectionOut]
    image_url: str
    """The original picture; the link expires."""
    station_id: str
    part_id: str | None
    source: Source
    created_at: datetime
    model_name: str
    model_version: str
    backend: str
    """Runtime, device and precision that really ran."""
    recipe: dict[str, Any]
    """The station's rules at that moment."""
    recipe_digest: str
    thresholds: dict[str, ThresholdsOut]
    """Those that decided, per class: the model's, overlaid by the station's."""
    timings_ms: dict[str, float]
    """Milliseconds per stage."""
    image_sha256: str
    image_media_type: str
    image_bytes: int
    width_px: int
    height_px: int
    picture_deleted_at: datetime | None = None
    """When retention deleted the picture; the link answers 410 since then."""
    hold_reason: str | None = None
    """Why neither picture nor record may be deleted; None where nothing forbids it."""
    held_by: str | None = None
    held_at: datetime | None = None
    overruled_to: Decision | None = None
    """What a person says instead; `decision` stays what the model said."""
    overrule_reason: str | None = None
    overruled_by: str | None = None
    overruled_at: datetime | None = None


class OverruleIn(BaseModel):
    """What a person says of a part, against the verdict."""

    model_config = ConfigDict(extra="forbid")

    decision: Literal["pass", "fail"]
    reason: Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]
    annotations: Annotated[list[AnnotationIn], Field(max_length=LABELS_MOST)] = []
    """What is wrong with a part that fails. Without any, its picture waits first in the review queue."""

    @model_validator(mode="after")
    def _good_parts_have_no_defects(self) -> Self:
        if self.decision == "pass" and self.annotations:
            raise ValueError("a part that passes has no defects to mark")
        return self


class OverruledOut(BaseModel):
    """The overruled inspection, and where its picture stands as training data."""

    inspection: InspectionOut
    review_item_id: str | None
    """In the review queue; None where retention has deleted the picture."""
    review_state: State | None


class HoldIn(BaseModel):
    """Why an inspection must stay."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]


class InspectionList(BaseModel):
    """One page of inspections, newest first."""

    inspections: list[InspectionOut]
    total: int
    """Number of inspections that fit the filter, on all pages."""
    limit: int
    offset: int


class DeletedOut(BaseModel):
    """What was deleted."""

    status: Literal["deleted"] = "deleted"
    id: str
