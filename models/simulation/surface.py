"""What the lamp falls on: conveyor, brushed metal and holes, with the variation that good parts have too."""

from __future__ import annotations

from collections.abc import Collection

import cv2
import numpy as np
import numpy.typing as npt

from models.simulation.geometry import IMAGE_SHAPE_HW, Hole, PartGeometry

CHAMFER_PX = 3.0
HOLE_REACH_PX = CHAMFER_PX + 0.5
"""How far beyond its radius a hole changes the picture: a missing hole's mask reaches as far."""


def conveyor(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Return the grey values of the dark rubber belt, (H, W) float32 in 8-bit units."""
    height, width = IMAGE_SHAPE_HW
    coarse = rng.normal(0.0, 4.0, (height // 8, width // 8)).astype(np.float32)
    level = rng.uniform(26.0, 40.0)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR) + level, dtype=np.float32)


def brushed_metal(geometry: PartGeometry, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Return the grey values of the metal, (H, W) float32 in 8-bit units: lines along the brush, mottle, specks."""
    height, width = IMAGE_SHAPE_HW
    side = 832  # covers the picture's diagonal at every rotation
    fine = rng.standard_normal((side, side // 16), dtype=np.float32) * np.float32(rng.uniform(5.0, 9.0))
    broad = rng.standard_normal((side // 8, side // 64), dtype=np.float32) * np.float32(rng.uniform(2.0, 4.0))
    lines = np.asarray(cv2.resize(fine, (side, side), interpolation=cv2.INTER_LINEAR), dtype=np.float32)
    lines += np.asarray(cv2.resize(broad, (side, side), interpolation=cv2.INTER_LINEAR), dtype=np.float32)
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), -float(np.rad2deg(geometry.angle_rad)), 1.0)
    matrix = np.asarray(turn, dtype=np.float64)
    matrix[:, 2] += np.array([width / 2 - side / 2, height / 2 - side / 2])
    metal = np.asarray(cv2.warpAffine(lines, matrix, (width, height), flags=cv2.INTER_LINEAR), dtype=np.float32)
    metal += np.float32(rng.uniform(132.0, 158.0))
    _add_specks(metal, rng)
    return metal


def _add_specks(metal: npt.NDArray[np.float32], rng: np.random.Generator) -> None:
    """Add dust and faint handling marks to `metal` in place: smaller or fainter than anything called a defect."""
    height, width = IMAGE_SHAPE_HW
    for _ in range(int(rng.integers(4, 16))):
        centre = (int(rng.integers(0, width)), int(rng.integers(0, height)))
        radius = int(rng.integers(1, 3))
        patch = metal[max(centre[1] - 3, 0) : centre[1] + 4, max(centre[0] - 3, 0) : centre[0] + 4]
        level = float(patch.mean()) * float(rng.uniform(0.72, 1.22))
        cv2.circle(metal, centre, radius, level, thickness=-1)
    for _ in range(int(rng.integers(0, 3))):
        start = rng.uniform((0, 0), (width, height))
        turn, length = rng.uniform(0.0, np.pi), rng.uniform(30.0, 110.0)
        end = start + length * np.array([np.cos(turn), np.sin(turn)])
        mark = np.zeros(IMAGE_SHAPE_HW, np.uint8)
        cv2.line(mark, _pixel(start), _pixel(end), 255, thickness=2, lineType=cv2.LINE_AA)
        metal += mark * np.float32(rng.uniform(-0.028, 0.028))  # at most 7 grey levels: below the floor of a defect


def _pixel(xy: npt.NDArray[np.float64]) -> tuple[int, int]:
    return round(float(xy[0])), round(float(xy[1]))


def drill(
    grey: npt.NDArray[np.float32],
    belt: npt.NDArray[np.float32],
    holes: tuple[Hole, ...],
    missing: Collection[int],
    azimuth_rad: float,
) -> None:
    """Cut the holes into `grey` in place: the belt shows through, the chamfer is lit on one side.

    Where a hole is missing only the ring that the punch scribed is left on the metal. Nothing changes farther than
    `HOLE_REACH_PX` beyond the radius.
    """
    for number, hole in enumerate(holes):
        reach = int(np.ceil(hole.radius_px + HOLE_REACH_PX)) + 1
        x_left, y_top = int(hole.x_px) - reach, int(hole.y_px) - reach
        ys, xs = np.mgrid[y_top : y_top + 2 * reach + 1, x_left : x_left + 2 * reach + 1].astype(np.float32)
        distance = np.hypot(xs - hole.x_px, ys - hole.y_px)
        roi = (slice(y_top, y_top + 2 * reach + 1), slice(x_left, x_left + 2 * reach + 1))
        if number in missing:
            ring = np.exp(-(((distance - hole.radius_px) / 1.8) ** 2)) * (distance < hole.radius_px + CHAMFER_PX)
            grey[roi] *= (1.0 - 0.3 * ring).astype(np.float32)
            continue
        toward_light = (xs - hole.x_px) * np.cos(azimuth_rad) + (ys - hole.y_px) * np.sin(azimuth_rad)
        lit = toward_light / np.maximum(distance, 1.0)
        chamfer = np.clip(hole.radius_px + CHAMFER_PX - distance, 0.0, 1.0)
        grey[roi] *= (1.0 + 0.22 * lit * chamfer).astype(np.float32)
        inside = np.clip(hole.radius_px + 0.5 - distance, 0.0, 1.0).astype(np.float32)
        grey[roi] = grey[roi] * (1.0 - inside) + 0.6 * belt[roi] * inside
