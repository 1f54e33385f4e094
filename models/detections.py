"""The values that leave a network: detections with class, box, outline and size."""

from dataclasses import dataclass, field

Polygon = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Extent:
    """Size of one region.

    Attributes:
        area_px: Area in pixels of the picture (mask pixels, or the box where there is no mask).
        length_px: Longer side of the smallest rotated rectangle around the region, in pixels.
        width_px: Shorter side of that rectangle, in pixels.
        area_mm2: Area in mm², None without calibration.
        length_mm: Length in mm, None without calibration.
        width_mm: Width in mm, None without calibration.
    """

    area_px: float
    length_px: float
    width_px: float
    area_mm2: float | None = None
    length_mm: float | None = None
    width_mm: float | None = None


@dataclass(frozen=True, slots=True)
class Detection:
    """One region that the network takes for a defect.

    Attributes:
        class_name: Name of the defect class.
        confidence: Score of the class, 0-1.
        box_xyxy: Left, top, right, bottom in pixels of the picture as decoded (after EXIF rotation).
        extent: Size of the region.
        mask_polygon: Outer rings of the mask in pixels of the picture, largest first; empty for task `detect`.
    """

    class_name: str
    confidence: float
    box_xyxy: tuple[float, float, float, float]
    extent: Extent
    mask_polygon: tuple[Polygon, ...] = field(default=())
