"""Where a simulated part lies in the picture, what its outline is and where its holes belong."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

IMAGE_SHAPE_HW = (480, 640)
MM_PER_PX = 0.2


@dataclass(frozen=True, slots=True)
class Hole:
    """One drilled hole of a part, in image pixels."""

    x_px: float
    y_px: float
    radius_px: float


@dataclass(frozen=True, slots=True)
class PartGeometry:
    """Outline and holes of one part as it lies on the conveyor, in image pixels."""

    kind: str
    angle_rad: float
    outline_xy: npt.NDArray[np.float64]
    holes: tuple[Hole, ...]


def _plate(rng: np.random.Generator) -> tuple[npt.NDArray[np.float64], list[tuple[float, float, float]]]:
    """Return the outline (N, 2) of a rounded plate and its holes (x, y, radius), both around the origin, in pixels."""
    half_w, half_h, corner = 215.0, 150.0, 34.0
    turns = np.linspace(0.0, np.pi / 2.0, 9)
    centres = ((1, 1, 0.0), (-1, 1, 0.5), (-1, -1, 1.0), (1, -1, 1.5))
    outline = np.concatenate(
        [
            np.stack(
                [
                    sx * (half_w - corner) + corner * np.cos(turns + np.pi * start),
                    sy * (half_h - corner) + corner * np.sin(turns + np.pi * start),
                ],
                axis=1,
            )
            for sx, sy, start in centres
        ]
    )
    holes = [(sx * 168.0, sy * 104.0, 19.0) for sx in (-1, 1) for sy in (-1, 1)]
    if rng.random() < 0.5:
        holes.append((0.0, 0.0, 40.0))
    return outline, holes


def _disc(rng: np.random.Generator) -> tuple[npt.NDArray[np.float64], list[tuple[float, float, float]]]:
    """Return the outline (N, 2) of a flange disc and its holes (x, y, radius), both around the origin, in pixels."""
    turns = np.linspace(0.0, 2.0 * np.pi, 96, endpoint=False)
    outline = np.stack([182.0 * np.cos(turns), 182.0 * np.sin(turns)], axis=1)
    bolts = 6 if rng.random() < 0.5 else 4
    ring = np.arange(bolts) * 2.0 * np.pi / bolts + np.pi / bolts
    holes = [(130.0 * float(np.cos(turn)), 130.0 * float(np.sin(turn)), 18.0) for turn in ring]
    return outline, [(0.0, 0.0, 42.0), *holes]


def sample_geometry(rng: np.random.Generator) -> PartGeometry:
    """Return a part laid down by a slightly careless handler: small shift, small rotation, little change of scale."""
    kind = "plate" if rng.random() < 0.6 else "disc"
    outline, holes = _plate(rng) if kind == "plate" else _disc(rng)
    angle = float(np.deg2rad(rng.uniform(-7.0, 7.0) if kind == "plate" else rng.uniform(-14.0, 14.0)))
    scale = float(rng.uniform(0.96, 1.04))
    height, width = IMAGE_SHAPE_HW
    shift = np.array([width / 2 + rng.uniform(-24.0, 24.0), height / 2 + rng.uniform(-14.0, 14.0)])
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    placed = [(turn @ np.array([x, y]) + shift, radius * scale) for x, y, radius in holes]
    return PartGeometry(
        kind=kind,
        angle_rad=angle,
        outline_xy=outline @ turn.T + shift,
        holes=tuple(Hole(float(xy[0]), float(xy[1]), float(radius)) for xy, radius in placed),
    )


def part_mask(geometry: PartGeometry) -> npt.NDArray[np.float32]:
    """Return how much of each pixel the outline covers, (H, W) float32 0..1, holes not cut out."""
    canvas = np.zeros(IMAGE_SHAPE_HW, np.uint8)
    fixed_point = np.round(geometry.outline_xy * 16.0).astype(np.int32)
    cv2.fillPoly(canvas, [fixed_point], 255, lineType=cv2.LINE_AA, shift=4)
    return canvas.astype(np.float32) / np.float32(255.0)


def free_metal(geometry: PartGeometry, coverage: npt.NDArray[np.float32], margin_px: int) -> npt.NDArray[np.bool_]:
    """Return where a surface defect may lie, (H, W) bool: on metal, `margin_px` from the outline and from all holes."""
    solid = (coverage > 0.99).astype(np.uint8)
    for hole in geometry.holes:
        centre = (round(hole.x_px), round(hole.y_px))
        cv2.circle(solid, centre, round(hole.radius_px) + 6, 0, thickness=-1)
    kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (2 * margin_px + 1, 2 * margin_px + 1))
    return np.asarray(cv2.erode(solid, kernel), dtype=bool)
