"""What a station asks of a part: calibration, thresholds, smallest size that counts, region of interest."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from models.detections import Polygon


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Scores between which a detection of one class is uncertain.

    Attributes:
        accept_below: Below this score a detection is ignored, 0-1.
        reject_above: From this score on the part fails, `accept_below` ≤ `reject_above` ≤ 1.
    """

    accept_below: float
    reject_above: float

    def __post_init__(self) -> None:
        if not 0.0 < self.accept_below <= self.reject_above <= 1.0:
            msg = f"thresholds must be 0 < accept_below <= reject_above <= 1, got {self}"
            raise ValueError(msg)


@dataclass(frozen=True)
class Recipe:
    """The rules of one station; what it does not say is taken from the bundle.

    Attributes:
        name: Name of the recipe, shown with each verdict.
        mm_per_px: Millimetres per pixel of the picture, None without calibration.
        thresholds: Per class, overriding those of the bundle.
        min_area_px: Per class, the area in pixels below which a detection is ignored.
        min_area_mm2: Per class, the same in mm²; needs `mm_per_px`.
        region_of_interest: Polygon in pixels of the picture; detections whose region does not touch it are ignored.
    """

    name: str = "default"
    mm_per_px: float | None = None
    thresholds: Mapping[str, Thresholds] = field(default_factory=dict)
    min_area_px: Mapping[str, float] = field(default_factory=dict)
    min_area_mm2: Mapping[str, float] = field(default_factory=dict)
    region_of_interest: Polygon | None = None

    @property
    def digest(self) -> str:
        """First 12 hex digits of the SHA-256 of the canonical JSON: two recipes with one digest decide alike."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()[:12]

    def to_json(self) -> dict[str, Any]:
        """The recipe as plain JSON values."""
        return {
            "name": self.name,
            "mm_per_px": self.mm_per_px,
            "thresholds": {k: [t.accept_below, t.reject_above] for k, t in self.thresholds.items()},
            "min_area_px": dict(self.min_area_px),
            "min_area_mm2": dict(self.min_area_mm2),
            "region_of_interest": [list(p) for p in self.region_of_interest] if self.region_of_interest else None,
        }
