"""Sizes of regions in pixels and, with a station's calibration, in millimetres."""

from models.detections import Extent


def measure(area_px: float, length_px: float, width_px: float, mm_per_px: float | None) -> Extent:
    """The extent of a region; millimetres are None without calibration.

    Args:
        area_px: Area in pixels.
        length_px: Longer side of the smallest rotated rectangle, pixels.
        width_px: Shorter side, pixels.
        mm_per_px: Millimetres per pixel, > 0, or None.
    """
    if mm_per_px is None:
        return Extent(area_px, length_px, width_px)
    return Extent(
        area_px,
        length_px,
        width_px,
        area_mm2=area_px * mm_per_px**2,
        length_mm=length_px * mm_per_px,
        width_mm=width_px * mm_per_px,
    )
