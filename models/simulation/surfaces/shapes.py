"""Random fields, lines and blobs, of which materials and defects are made."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

Field = npt.NDArray[np.float32]
"""(H, W) float32."""
Path = npt.NDArray[np.float64]
"""(N, 2) float64: x, y in pixels."""

_FIXED_POINT_BITS = 4


def cloud(rng: np.random.Generator, shape_hw: tuple[int, int], scale_px: float, *, stretch: float = 1.0) -> Field:
    """Return smooth noise of about unit deviation whose bumps are `scale_px` wide and `stretch` times as high."""
    height, width = shape_hw
    coarse_hw = (max(2, round(height / (scale_px * stretch)) + 1), max(2, round(width / scale_px) + 1))
    coarse = rng.standard_normal(coarse_hw, dtype=np.float32)
    # Cubic interpolation costs twice as much, and of small bumps nobody sees the corners.
    smooth = cv2.INTER_CUBIC if scale_px > 4.0 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=smooth), np.float32)


def turned(rng: np.random.Generator, shape_hw: tuple[int, int], scale_px: float, stretch: float, turn: float) -> Field:
    """Return streaks `scale_px` wide along the direction `turn` (radians, 0 is down the picture)."""
    height, width = shape_hw
    if turn == 0.0:
        return cloud(rng, shape_hw, scale_px, stretch=stretch)
    side = int(np.ceil(np.hypot(height, width))) + 2
    streaks = cloud(rng, (side, side), scale_px, stretch=stretch)
    matrix = np.asarray(cv2.getRotationMatrix2D((side / 2, side / 2), float(np.rad2deg(turn)), 1.0), np.float64)
    matrix[:, 2] += ((width - side) / 2, (height - side) / 2)
    return np.asarray(cv2.warpAffine(streaks, matrix, (width, height), flags=cv2.INTER_LINEAR), np.float32)


def grid(shape_hw: tuple[int, int], turn: float) -> tuple[Field, Field]:
    """Return x and y of each pixel in pixels, turned by `turn` radians about the middle."""
    height, width = shape_hw
    ys = np.arange(height, dtype=np.float32)[:, None] - np.float32(height / 2)
    xs = np.arange(width, dtype=np.float32)[None, :] - np.float32(width / 2)
    cosine, sine = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    return xs * cosine + ys * sine, ys * cosine - xs * sine


def bent_line(rng: np.random.Generator, start: npt.NDArray[np.float64], turn: float, length_px: float) -> Path:
    """Return a smooth line from `start` that bends a little, as a tool that slips leaves it."""
    steps = 20
    bends = turn + np.cumsum(rng.normal(0.0, 1.0, steps)) * rng.uniform(0.0, 0.12)
    moves = np.stack([np.cos(bends), np.sin(bends)], axis=1) * (length_px / steps)
    return np.concatenate([start[None, :], start + np.cumsum(moves, axis=0)])


def jagged_line(rng: np.random.Generator, start: npt.NDArray[np.float64], turn: float, length_px: float) -> Path:
    """Return a line that breaks its direction every few pixels, as material tears."""
    step = rng.uniform(2.5, 7.0)
    steps = max(2, round(length_px / step))
    wander = turn + np.cumsum(rng.normal(0.0, 0.16, steps)) + rng.normal(0.0, 0.4, steps)
    moves = np.stack([np.cos(wander), np.sin(wander)], axis=1) * step
    return np.concatenate([start[None, :], start + np.cumsum(moves, axis=0)])


def stroke(shape_hw: tuple[int, int], paths: Sequence[Path], thickness_px: int, blur_px: float) -> Field:
    """Return paint along `paths`, 0..1."""
    canvas = np.zeros(shape_hw, np.uint8)
    scale = 1 << _FIXED_POINT_BITS
    lines = [np.round(path * scale).astype(np.int32) for path in paths]
    cv2.polylines(canvas, lines, False, 255, thickness_px, cv2.LINE_AA, _FIXED_POINT_BITS)  # noqa: FBT003
    return softened(canvas, blur_px)


def blob(
    rng: np.random.Generator,
    shape_hw: tuple[int, int],
    centre_xy: npt.NDArray[np.float64],
    radius_px: float,
    *,
    roughness: float,
    blur_px: float,
) -> Field:
    """Return an irregular spot, 0..1: longer than wide by chance, its outline waved by `roughness` of its radius."""
    turns = np.linspace(0.0, 2.0 * np.pi, 48, endpoint=False)
    orders = np.arange(1, 9)
    heights = rng.normal(0.0, roughness, 8) / np.sqrt(orders)
    waves = (heights[:, None] * np.sin(orders[:, None] * turns + rng.uniform(0.0, 2.0 * np.pi, (8, 1)))).sum(axis=0)
    reach = radius_px * np.clip(1.0 + waves, 0.3, 2.0)
    flat, tilt = rng.uniform(0.45, 1.0), rng.uniform(0.0, np.pi)
    xs, ys = reach * np.cos(turns), reach * np.sin(turns) * flat
    outline = np.stack([xs * np.cos(tilt) - ys * np.sin(tilt), xs * np.sin(tilt) + ys * np.cos(tilt)], axis=1)
    return polygon(shape_hw, outline + centre_xy, blur_px)


def polygon(shape_hw: tuple[int, int], outline_xy: Path, blur_px: float) -> Field:
    """Return a filled outline, 0..1."""
    canvas = np.zeros(shape_hw, np.uint8)
    corners = np.round(outline_xy * (1 << _FIXED_POINT_BITS)).astype(np.int32)
    cv2.fillPoly(canvas, [corners], 255, cv2.LINE_AA, _FIXED_POINT_BITS)
    return softened(canvas, blur_px)


def softened(canvas: npt.NDArray[np.uint8], blur_px: float) -> Field:
    """Return 8-bit paint as 0..1, blurred; a thin stroke keeps its full strength in the middle."""
    paint = np.zeros(canvas.shape, np.float32)
    left, top, width, height = cv2.boundingRect(canvas)
    if width == 0:
        return paint
    reach = int(np.ceil(4.0 * blur_px))  # most shapes are small: blurring only around them takes a third of the time
    box = (slice(max(top - reach, 0), top + height + reach), slice(max(left - reach, 0), left + width + reach))
    blurred = cv2.GaussianBlur(canvas[box], (0, 0), blur_px) if blur_px > 0.0 else canvas[box]
    paint[box] = blurred * np.float32(1.0 / max(int(blurred.max()), 1))
    return paint


def point_in(rng: np.random.Generator, shape_hw: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Return x, y of a random point of the picture."""
    return np.array([rng.uniform(0.03, 0.97) * shape_hw[1], rng.uniform(0.03, 0.97) * shape_hw[0]])


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Return a number between `low` and `high` whose logarithm is uniform: small things are many."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
