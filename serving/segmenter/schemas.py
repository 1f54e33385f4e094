"""What the segmenter takes and gives."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from models.segmenter import Prompt, PromptPoint
from serving.strict import Number

BOXES_MOST = 100
POINTS_MOST = 64

Coordinate = Annotated[Number, Field(allow_inf_nan=False)]
BoxIn = tuple[Coordinate, Coordinate, Coordinate, Coordinate]


class PointIn(BaseModel):
    """A click."""

    model_config = ConfigDict(extra="forbid")

    x: Coordinate
    y: Coordinate
    label: Literal[0, 1] = 1
    """1 lies in the region, 0 does not belong to it."""


class SegmentIn(BaseModel):
    """What is pointed at, in pixels of the upright picture: one region by a box, clicks or both, or many by boxes."""

    model_config = ConfigDict(extra="forbid")

    box: BoxIn | None = None
    """Left, top, right, bottom."""
    points: Annotated[list[PointIn], Field(max_length=POINTS_MOST)] = []
    boxes: Annotated[list[BoxIn], Field(max_length=BOXES_MOST)] = []
    """One region for each, in this order; not together with `box` and `points`."""

    @model_validator(mode="after")
    def _points_at_something(self) -> Self:
        if self.boxes and (self.box is not None or self.points):
            msg = "boxes stands alone: send box and points in a request of their own"
            raise ValueError(msg)
        if not self.boxes and self.box is None and not any(point.label for point in self.points):
            msg = "a box, boxes or at least one point with label 1 is needed"
            raise ValueError(msg)
        return self

    def to_prompts(self) -> list[Prompt]:
        """The same as values, one for each region."""
        if self.boxes:
            return [Prompt(box) for box in self.boxes]
        points = tuple(PromptPoint(point.x, point.y, inside=point.label == 1) for point in self.points)
        return [Prompt(self.box, points)]


class RegionOut(BaseModel):
    """One region, ready to be an annotation."""

    polygons: list[list[tuple[float, float]]]
    """Outer rings in pixels of the upright picture, largest first; empty where the network saw no region."""
    box: tuple[float, float, float, float] | None
    """The box around the mask: left, top, right, bottom; null where there is no region."""
    score: float
    """How well the network thinks that the mask fits, 0-1."""
    area_px: float


class SegmentOut(BaseModel):
    """A region for each prompt, in the order of the prompts."""

    id: str
    regions: list[RegionOut]
    backend: str
    """What the encoder and the decoder ran on."""
    embedding_cached: bool
    """Whether the picture was known from an earlier request."""
    timings_ms: dict[str, float]
    """Milliseconds: `queue`, `load` (of the networks, once), `encode` (once for each picture), `decode`, `total`."""


class SegmenterStatus(BaseModel):
    """Whether the review page can offer it."""

    available: bool
    reason: str | None
    """Why it is not available."""
    backend: str | None
    """What the encoder and the decoder run on; null until they are loaded."""
