"""A verdict together with what produced it."""

from dataclasses import dataclass

from models.runtime import Verdict


@dataclass(frozen=True, slots=True)
class Judged:
    """One verdict with what produced it.

    Attributes:
        verdict: The decision and what was found.
        shape_hw: Height and width of the picture in pixels.
        media_type: Of the picture, by content.
        model_name: Name of the model that decided.
        model_version: Its version in the registry, or the bundle's own where it has none there.
        backend: Runtime, device and precision that really ran.
        timings_ms: Milliseconds per stage: queue, decode, and those of the verdict.
    """

    verdict: Verdict
    shape_hw: tuple[int, int]
    media_type: str
    model_name: str
    model_version: str
    backend: str
    timings_ms: dict[str, float]
