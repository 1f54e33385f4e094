"""The shapes of surface defects: small patches that brighten, darken or tint the metal under them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

DEFECT_CLASSES = ("scratch", "dent", "stain", "crack", "missing_hole")
_EDGE = 0.25
"""Paint thinner than this is dropped, so that the mask is all that was painted and nothing was painted beside it."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One painted surface defect: `pixels * (1 + weight * delta_rgb)` inside `support`, nothing outside."""

    class_name: str
    weight: npt.NDArray[np.float32]
    support: npt.NDArray[np.bool_]
    delta_rgb: npt.NDArray[np.float32]


def paint_mark(class_name: str, rng: np.random.Generator) -> Mark:
    """Return a new mark of a surface class, cropped to its support.

    Raises:
        ValueError: `class_name` is not a surface class (a missing hole is not painted: it is not drilled).
    """
    if class_name == "scratch":
        return _scratch(rng)
    if class_name == "crack":
        return _crack(rng)
    if class_name == "dent":
        return _dent(rng)
    if class_name == "stain":
        return _stain(rng)
    raise ValueError(f"no surface defect is called {class_name!r}")


def _scratch(rng: np.random.Generator) -> Mark:
    """Return a slightly bent gouge, bright or dark, never along the picture's axes, where it would pass for brush."""
    length, bend = rng.uniform(50.0, 170.0), rng.uniform(-0.12, 0.12)
    turn = rng.choice([-1.0, 1.0]) * np.deg2rad(rng.uniform(16.0, 74.0))
    t = np.linspace(-0.5, 0.5, 24)
    along, aside = length * t, length * bend * (1.0 - 4.0 * t * t)
    cosine, sine = np.cos(turn), np.sin(turn)
    points = np.stack([along * cosine - aside * sine, along * sine + aside * cosine], axis=1)
    weight = _stroke([points], thickness_px=int(rng.integers(3, 6)), blur_px=0.7)
    delta = rng.uniform(0.42, 0.62) if rng.random() < 0.65 else -rng.uniform(0.42, 0.6)
    return _finish("scratch", weight, np.full(3, delta))


def _crack(rng: np.random.Generator) -> Mark:
    """Return a jagged dark line with one or two branches."""
    steps = int(rng.integers(7, 13))
    turn = rng.uniform(0.0, 2.0 * np.pi)
    trunk = _walk(rng, np.zeros(2), turn, steps)
    strokes = [trunk]
    for _ in range(int(rng.integers(1, 3))):
        start = trunk[int(rng.integers(2, steps - 1))]
        strokes.append(_walk(rng, start, turn + rng.choice([-1.0, 1.0]) * rng.uniform(0.6, 1.1), steps // 2))
    weight = _stroke(strokes, thickness_px=int(rng.integers(3, 5)), blur_px=0.6)
    return _finish("crack", weight, np.full(3, -rng.uniform(0.62, 0.82)))


def _walk(rng: np.random.Generator, start: npt.NDArray[np.float64], turn: float, steps: int) -> npt.NDArray[np.float64]:
    """Return the corners (steps + 1, 2) of a jagged line from `start` that keeps to one direction on the whole."""
    turns = turn + rng.uniform(-0.75, 0.75, steps)
    lengths = rng.uniform(5.0, 12.0, steps)
    moves = np.stack([lengths * np.cos(turns), lengths * np.sin(turns)], axis=1)
    return np.concatenate([start[None], start + np.cumsum(moves, axis=0)])


def _stroke(lines: list[npt.NDArray[np.float64]], *, thickness_px: int, blur_px: float) -> npt.NDArray[np.float32]:
    """Return the paint of polylines, (h, w) float32 0..1, on a canvas just large enough."""
    corners = np.concatenate(lines)
    origin = corners.min(axis=0) - 8.0
    width, height = (int(side) for side in np.ceil(corners.max(axis=0) - origin + 8.0))
    canvas = np.zeros((height, width), np.uint8)
    fixed_point = [np.round((line - origin) * 16.0).astype(np.int32) for line in lines]
    cv2.polylines(canvas, fixed_point, False, 255, thickness=thickness_px, lineType=cv2.LINE_AA, shift=4)  # noqa: FBT003
    paint = cv2.GaussianBlur(canvas, (0, 0), blur_px).astype(np.float32)
    return paint / np.float32(max(float(paint.max()), 1.0))


def _dent(rng: np.random.Generator) -> Mark:
    """Return a hollow: one flank in the light, the other in the shade."""
    major = rng.uniform(15.0, 32.0)
    minor = major * rng.uniform(0.7, 1.0)
    turn, light = rng.uniform(0.0, np.pi), rng.uniform(0.0, 2.0 * np.pi)
    half = int(np.ceil(major)) + 2
    ys, xs = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float64)
    u = (xs * np.cos(turn) + ys * np.sin(turn)) / major
    v = (-xs * np.sin(turn) + ys * np.cos(turn)) / minor
    radius = np.hypot(u, v)
    flank = np.sin(np.pi * np.clip(radius, 0.0, 1.0)) ** 0.7
    side = (xs * np.cos(light) + ys * np.sin(light)) / np.maximum(np.hypot(xs, ys), 1.0)
    weight = np.where(radius <= 1.0, flank * side, 0.0)
    return _finish("dent", weight.astype(np.float32), np.full(3, rng.uniform(0.36, 0.52)), support=radius <= 1.0)


def _stain(rng: np.random.Generator) -> Mark:
    """Return an irregular blot of oil or rust: darker, and off the metal's colour."""
    size = rng.uniform(22.0, 48.0)
    half = int(np.ceil(size * 1.4)) + 2
    ys, xs = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float64)
    turns, phases = np.arctan2(ys, xs), rng.uniform(0.0, 2.0 * np.pi, 4)
    reach = 1.0 + sum(rng.uniform(0.03, 0.16) * np.sin((k + 2) * turns + phases[k]) for k in range(4))
    radius = np.hypot(xs, ys * rng.uniform(1.0, 1.5)) / (size * reach)
    body = np.clip((1.0 - radius) * 5.0, 0.0, 1.0)
    cloud = cv2.resize(rng.uniform(0.72, 1.0, (6, 6)), body.shape[::-1], interpolation=cv2.INTER_CUBIC)
    tint = np.array([-0.30, -0.42, -0.56]) if rng.random() < 0.6 else np.array([-0.52, -0.44, -0.32])
    return _finish("stain", (body * cloud).astype(np.float32), tint * rng.uniform(0.85, 1.15))


def _finish(
    class_name: str,
    weight: npt.NDArray[np.float32],
    delta_rgb: npt.NDArray[np.float64],
    *,
    support: npt.NDArray[np.bool_] | None = None,
) -> Mark:
    """Return the mark cropped to its largest piece; without `support` it reaches as far as the paint is thick."""
    painted = (weight > _EDGE if support is None else support).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(painted, connectivity=8)
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    x, y, width, height = (int(value) for value in stats[largest, :4])
    piece = labels[y : y + height, x : x + width] == largest
    cropped = np.where(piece, weight[y : y + height, x : x + width], np.float32(0.0)).astype(np.float32)
    return Mark(class_name, cropped, piece, delta_rgb.astype(np.float32))
