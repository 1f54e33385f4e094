"""One simulated part: the picture, and exactly what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from models.simulation.geometry import IMAGE_SHAPE_HW, MM_PER_PX, PartGeometry, free_metal, part_mask, sample_geometry
from models.simulation.lighting import illumination, lamp_at
from models.simulation.marks import DEFECT_CLASSES, Mark, paint_mark
from models.simulation.surface import HOLE_REACH_PX, brushed_metal, conveyor, drill

VISIBLE_LEVELS = 30.0
"""The floor of visibility: the stronger half of a defect differs from clean metal by this many levels (of 255)."""
MIN_SIDE_PX = 16
"""The shorter side of a defect's box: 8 px where the picture is resized to 320 px, the network's finest stride."""
_PLACING_TRIES = 40

Pixels = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SimulatedDefect:
    """One defect as it was painted.

    Attributes:
        class_name: One of `DEFECT_CLASSES`.
        mask: (H, W) bool, true on every pixel that the defect changed.
        box_xyxy: Left, top, right, bottom edge of the mask in image pixels (right and bottom exclusive).
        mask_polygon: (N, 2) float32, the mask's outer contour in image pixels, through the centres of its pixels.
    """

    class_name: str
    mask: npt.NDArray[np.bool_]
    box_xyxy: tuple[float, float, float, float]
    mask_polygon: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SimulatedPart:
    """A picture of a part, (480, 640, 3) uint8 in RGB order, with its defects and its scale."""

    pixels_rgb: npt.NDArray[np.uint8]
    defects: tuple[SimulatedDefect, ...]
    mm_per_px: float


def render_part(seed: int, index: int = 0, *, defects: Sequence[str] | None = None) -> SimulatedPart:
    """Return part `index` of the line `seed`, with the given classes of defects on it (none: a good part).

    The same part with and without defects differs inside the defects' masks alone: scene and sensor noise have random
    streams of their own. A defect that finds no free metal is left out, so `defects` of the result may be shorter.

    Raises:
        ValueError: A name in `defects` is not one of `DEFECT_CLASSES`.
    """
    wanted = tuple(defects or ())
    unknown = sorted(set(wanted) - set(DEFECT_CLASSES))
    if unknown:
        raise ValueError(f"unknown defect classes: {', '.join(unknown)}")
    scene, flaws, sensor = (np.random.default_rng((seed, index, stream)) for stream in range(3))
    geometry = sample_geometry(scene)
    coverage = part_mask(geometry)
    missing = _choose_missing(geometry, wanted.count("missing_hole"), flaws)
    pixels = _scene_pixels(seed, index, geometry, coverage, missing, scene)
    found = [_hole_defect(geometry, number) for number in missing]
    taken = ~free_metal(geometry, coverage, 4)
    for class_name in (name for name in wanted if name != "missing_hole"):
        placed = _place(class_name, taken, flaws)
        if placed is None:
            continue
        mark, x_left, y_top = placed
        mask = _apply(pixels, mark, x_left, y_top)
        found.append(_defect(class_name, mask))
        taken |= cv2.dilate(mask.astype(np.uint8), np.ones((17, 17), np.uint8)).astype(bool)
    noise = sensor.standard_normal(IMAGE_SHAPE_HW, dtype=np.float32) * np.float32(sensor.uniform(1.2, 2.6))
    pixels += noise[..., None]
    picture = np.clip(pixels, 0.0, 255.0, out=pixels).astype(np.uint8)
    return SimulatedPart(picture, tuple(found), MM_PER_PX)


def _scene_pixels(
    seed: int,
    index: int,
    geometry: PartGeometry,
    coverage: Pixels,
    missing: Sequence[int],
    rng: np.random.Generator,
) -> Pixels:
    """Return the noiseless picture of the part under the lamp, (H, W, 3) float32 RGB in 8-bit units."""
    lamp = lamp_at(seed, index)
    belt = conveyor(rng)
    grey = brushed_metal(geometry, rng)
    drill(grey, belt, geometry.holes, missing, lamp.azimuth_rad)
    grey = belt + (grey - belt) * coverage
    grey *= illumination(lamp, geometry.angle_rad, rng)
    return np.asarray(cv2.merge([grey * np.float32(tint) for tint in lamp.tint_rgb]), dtype=np.float32)


def _choose_missing(geometry: PartGeometry, count: int, rng: np.random.Generator) -> tuple[int, ...]:
    """Return which holes were not drilled."""
    return tuple(int(k) for k in rng.permutation(len(geometry.holes))[: min(count, len(geometry.holes))])


def _hole_defect(geometry: PartGeometry, number: int) -> SimulatedDefect:
    """Return the defect of a hole that is not there: the disc that drilling it would have changed."""
    hole = geometry.holes[number]
    ys, xs = np.ogrid[: IMAGE_SHAPE_HW[0], : IMAGE_SHAPE_HW[1]]
    distance_squared = (xs - hole.x_px) ** 2 + (ys - hole.y_px) ** 2
    return _defect("missing_hole", distance_squared <= (hole.radius_px + HOLE_REACH_PX) ** 2)


def _place(class_name: str, taken: npt.NDArray[np.bool_], rng: np.random.Generator) -> tuple[Mark, int, int] | None:
    """Return a new mark and its left top corner such that it touches nothing taken; None where there is no room."""
    ys, xs = np.nonzero(~taken[::4, ::4])
    for _ in range(_PLACING_TRIES if len(ys) else 0):
        mark = paint_mark(class_name, rng)
        height, width = mark.support.shape
        pick = int(rng.integers(0, len(ys)))
        y_top, x_left = int(ys[pick]) * 4 - height // 2, int(xs[pick]) * 4 - width // 2
        if min(height, width) < MIN_SIDE_PX or y_top < 0 or x_left < 0:
            continue
        under = taken[y_top : y_top + height, x_left : x_left + width]
        if under.shape == mark.support.shape and not (under & mark.support).any():
            return mark, x_left, y_top
    return None


def _apply(pixels: Pixels, mark: Mark, x_left: int, y_top: int) -> npt.NDArray[np.bool_]:
    """Return the mask (H, W) of the mark, painted into `pixels` in place, no fainter than the floor of visibility."""
    height, width = mark.support.shape
    roi = pixels[y_top : y_top + height, x_left : x_left + width]
    change = roi * mark.weight[..., None] * mark.delta_rgb
    visible = np.sort(np.abs(change).max(axis=2)[mark.support])
    strength = float(visible[len(visible) // 2 :].mean())
    if strength < VISIBLE_LEVELS:
        mark = replace(mark, delta_rgb=mark.delta_rgb * np.float32(VISIBLE_LEVELS / max(strength, 1.0)))
        change = roi * mark.weight[..., None] * mark.delta_rgb
    roi += change
    mask = np.zeros(IMAGE_SHAPE_HW, dtype=bool)
    mask[y_top : y_top + height, x_left : x_left + width] = mark.support
    return mask


def _defect(class_name: str, mask: npt.NDArray[np.bool_]) -> SimulatedDefect:
    """Return the defect of a mask, with the box and the contour taken from the mask."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    outer = max(contours, key=cv2.contourArea)
    return SimulatedDefect(class_name, mask, box, outer.reshape(-1, 2).astype(np.float32) + np.float32(0.5))
