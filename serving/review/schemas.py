"""What the review queue looks like on the wire."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from serving.review.labels import CORNERS_MOST, LABELS_MOST, Label
from serving.strict import Number

Coordinate = Annotated[Number, Field(allow_inf_nan=False)]
Point = tuple[Coordinate, Coordinate]
RingIn = Annotated[list[Point], Field(min_length=3, max_length=CORNERS_MOST)]
State = Literal["pending", "labeled", "trained", "skipped"]
Strategy = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class Reason(BaseModel):
    """Why a picture is worth a look."""

    model_config = ConfigDict(extra="forbid")

    strategy: Strategy
    score: Annotated[Number, Field(ge=0, le=1, allow_inf_nan=False)]


class AnnotationIn(BaseModel):
    """One defect."""

    model_config = ConfigDict(extra="forbid")

    class_name: Annotated[str, Field(min_length=1, max_length=64)]
    bbox: tuple[Coordinate, Coordinate, Coordinate, Coordinate]
    """Left, top, right, bottom in pixels of the upright picture."""
    polygon: RingIn | list[RingIn] | None = None
    """One outer ring, or several, in the same pixels."""

    def to_label(self) -> Label:
        """The same as a value, not checked against any picture."""
        rings: list[list[Point]] = []
        for part in self.polygon or []:
            if isinstance(part, tuple):
                rings = [[point for point in self.polygon or [] if isinstance(point, tuple)]]
                break
            rings.append(part)
        return Label(self.class_name, self.bbox, tuple(tuple(ring) for ring in rings))


class AnnotateIn(BaseModel):
    """Everything that is wrong with a part; an empty list says that it is good."""

    model_config = ConfigDict(extra="forbid")

    annotations: Annotated[list[AnnotationIn], Field(max_length=LABELS_MOST)]
    reviewed_by: Annotated[str | None, Field(min_length=1, max_length=64)] = None
    """Who looked; the user's name if left out."""


class AnnotatedOut(BaseModel):
    """What was stored."""

    id: str
    state: State
    annotations: int
    new_classes: list[str]
    """Classes that neither the deployed model nor an earlier label knows."""
    reviewed_by: str | None
    reviewed_at: datetime | None


class ItemsIn(BaseModel):
    """Inspections to put into the queue."""

    model_config = ConfigDict(extra="forbid")

    class Entry(BaseModel):
        """One of them. Sent again, its reasons are replaced strategy by strategy and nothing is added."""

        model_config = ConfigDict(extra="forbid")

        inspection_id: Annotated[str, Field(max_length=36)]
        reasons: Annotated[list[Reason], Field(min_length=1, max_length=20)]

    items: Annotated[list[Entry], Field(min_length=1, max_length=500)]


class ItemsOut(BaseModel):
    """What became of them."""

    added: int
    updated: int
    """Were in the queue already; their reasons are as sent now."""
    labeled: int
    """Were labelled, or skipped, already and stay so."""
    unknown: list[str]
    """Inspections that do not exist (any more)."""


class SuggestionOut(BaseModel):
    """What the model saw."""

    class_name: str
    confidence: float
    bbox: list[float]
    polygon: list[list[tuple[float, float]]]


class QueueItemOut(BaseModel):
    """One picture to look at."""

    id: str
    state: State
    image_url: str
    """The original picture; the link expires."""
    width: int
    height: int
    """Pixels, upright as EXIF says."""
    priority: float
    reasons: list[Reason]
    suggestions: list[SuggestionOut]
    model_version: str | None
    station_id: str | None
    inspection_id: str | None
    created_at: datetime


class QueueOut(BaseModel):
    """The next pictures, most useful first."""

    items: list[QueueItemOut]
    total: int
    """Pictures that wait."""
    class_names: list[str]
    """Classes to choose from: the deployed model's, then those of earlier labels."""


class StatsOut(BaseModel):
    """How far the queue is."""

    pending: int
    labeled: int
    trained: int
    skipped: int
    total: int
    good_parts: int
    """Labelled or trained, without any defect."""
    per_class: dict[str, int]
    """Labelled defects."""
