"""Materials: what a good surface looks like, as a texture of about unit deviation around 0."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from models.simulation.surfaces.shapes import Field, cloud, grid, log_uniform, turned

Rng = np.random.Generator
Shape = tuple[int, int]


def _direction(rng: Rng) -> float:
    """Return a direction; parts mostly lie straight under the camera."""
    square = float(rng.integers(0, 2)) * np.pi / 2.0
    return square if rng.random() < 0.6 else square + float(rng.normal(0.0, 0.5))


def brushed(rng: Rng, shape_hw: Shape) -> Field:
    """Return fine streaks over broad ones: brushed, ground or rolled metal."""
    turn = _direction(rng)
    fine = turned(rng, shape_hw, log_uniform(rng, 1.0, 3.0), rng.uniform(15.0, 80.0), turn)
    broad = turned(rng, shape_hw, rng.uniform(4.0, 16.0), rng.uniform(20.0, 60.0), turn)
    texture = fine + np.float32(rng.uniform(0.2, 1.2)) * broad
    if rng.random() < 0.4:
        # Single streaks that catch the light: much brighter than their neighbours, and no defect.
        texture += np.float32(1.5) * np.maximum(turned(rng, shape_hw, 1.5, 60.0, turn) - np.float32(1.4), 0.0)
    return texture


def turned_metal(rng: Rng, shape_hw: Shape) -> Field:
    """Return rings about a point, as a lathe leaves them."""
    xs, ys = grid(shape_hw, 0.0)
    away = np.float32(max(shape_hw)) * rng.uniform(-0.9, 0.9, 2).astype(np.float32)
    radius = np.hypot(xs - away[0], ys - away[1])
    rings = cloud(rng, (1, int(radius.max()) + 4), log_uniform(rng, 1.0, 3.0))[0]
    texture = np.interp(radius.ravel(), np.arange(len(rings)), rings).reshape(shape_hw).astype(np.float32)
    return np.asarray(texture + np.float32(0.4) * cloud(rng, shape_hw, 2.0), np.float32)


def cast(rng: Rng, shape_hw: Shape) -> Field:
    """Return bumps lit from one side: cast, blasted or orange-peeled surfaces."""
    height = cloud(rng, shape_hw, log_uniform(rng, 2.0, 7.0)) + 0.5 * cloud(rng, shape_hw, log_uniform(rng, 6.0, 20.0))
    light = rng.uniform(0.0, 2.0 * np.pi)
    lit = np.float32(np.cos(light)) * cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3)
    lit += np.float32(np.sin(light)) * cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3)
    return np.asarray(lit, np.float32)


def woven(rng: Rng, shape_hw: Shape) -> Field:
    """Return crossing threads, slightly uneven: cloth, mesh, carbon fibre."""
    xs, ys = grid(shape_hw, _direction(rng) + rng.choice([0.0, np.pi / 4.0]))
    pitch_x, pitch_y = rng.uniform(4.0, 14.0), rng.uniform(4.0, 14.0)
    sway = np.float32(rng.uniform(0.0, 0.5)) * cloud(rng, shape_hw, 24.0)
    warp = np.sin(xs * np.float32(2.0 * np.pi / pitch_x) + sway)
    weft = np.sin(ys * np.float32(2.0 * np.pi / pitch_y) + sway)
    over = warp * weft > 0 if rng.random() < 0.5 else np.sin((xs + ys) * np.float32(np.pi / pitch_x)) > 0
    return np.asarray(np.where(over, warp, weft) + 0.3 * cloud(rng, shape_hw, 1.5), np.float32)


def leather(rng: Rng, shape_hw: Shape) -> Field:
    """Return plates between wrinkles: leather, grained plastics, crackled varnish that is meant to be."""
    scale = log_uniform(rng, 4.0, 14.0)
    ridge = np.minimum(np.abs(cloud(rng, shape_hw, scale)), np.abs(cloud(rng, shape_hw, scale)))
    plates = np.sqrt(np.minimum(ridge, np.float32(0.6)))
    return np.asarray(2.5 * (plates - plates.mean()) + 0.25 * cloud(rng, shape_hw, 1.5), np.float32)


def tiles(rng: Rng, shape_hw: Shape) -> Field:
    """Return plates with joints, each of its own shade: tiles, bricks, panels."""
    xs, ys = grid(shape_hw, _direction(rng))
    pitch_x, pitch_y = rng.uniform(24.0, 120.0), rng.uniform(24.0, 120.0)
    shift = rng.uniform(0.0, 100.0, 2)
    column = (xs + np.float32(500.0 + shift[0])) / np.float32(pitch_x)
    row = (ys + np.float32(500.0 + shift[1])) / np.float32(pitch_y)
    if rng.random() < 0.4:
        column = column + np.float32(0.5) * (np.floor(row) % 2)
    joint = np.float32(rng.uniform(1.0, 4.0))
    in_joint = ((column % 1.0) * pitch_x < joint) | ((row % 1.0) * pitch_y < joint)
    shade = np.sin(np.floor(column) * 12.9 + np.floor(row) * 78.2) * np.float32(rng.uniform(0.0, 0.6))
    plain = shade + 0.4 * cloud(rng, shape_hw, log_uniform(rng, 1.5, 20.0))
    return np.asarray(np.where(in_joint, np.float32(rng.choice([-2.5, 2.0])), plain), np.float32)


def wood(rng: Rng, shape_hw: Shape) -> Field:
    """Return year rings cut lengthwise, with pores."""
    turn = _direction(rng)
    xs, ys = grid(shape_hw, turn)
    bend = np.float32(rng.uniform(3.0, 16.0)) * cloud(rng, shape_hw, 90.0)
    rings = np.sin((xs + bend + np.float32(0.15) * ys) * np.float32(2.0 * np.pi / rng.uniform(7.0, 30.0)))
    return np.asarray(rings + 0.6 * turned(rng, shape_hw, 1.2, 25.0, turn), np.float32)


def grainy(rng: Rng, shape_hw: Shape) -> Field:
    """Return noise of several scales: stone, concrete, paper, felt, rust-free iron."""
    texture = np.zeros(shape_hw, np.float32)
    for scale in (1.0, 2.5, 6.0, 15.0, 40.0):
        texture += np.float32(rng.uniform(0.0, 1.0) ** 2) * cloud(rng, shape_hw, scale)
    return texture + np.float32(0.1) * cloud(rng, shape_hw, 1.0)


def plain(rng: Rng, shape_hw: Shape) -> Field:
    """Return next to nothing: glass, film, paint."""
    return np.float32(0.25) * cloud(rng, shape_hw, log_uniform(rng, 1.0, 60.0))


def speckled(rng: Rng, shape_hw: Shape) -> Field:
    """Return flecks of two shades in a calm ground: terrazzo, granite, filled plastics."""
    scale = log_uniform(rng, 2.0, 8.0)
    flecks = (cloud(rng, shape_hw, scale) > 1.1).astype(np.float32) * np.float32(rng.uniform(0.5, 2.0))
    flecks -= (cloud(rng, shape_hw, scale) > 1.2).astype(np.float32) * np.float32(rng.uniform(0.5, 2.0))
    return np.asarray(cv2.GaussianBlur(flecks, (0, 0), 0.7), np.float32) + 0.3 * cloud(rng, shape_hw, 1.5)


def printed(rng: Rng, shape_hw: Shape) -> Field:
    """Return a printed or punched pattern: dots, stripes, checks."""
    xs, ys = grid(shape_hw, _direction(rng))
    pitch = rng.uniform(8.0, 40.0)
    across = np.sin(xs * np.float32(2.0 * np.pi / pitch))
    along = np.sin(ys * np.float32(2.0 * np.pi / pitch))
    kind = rng.integers(0, 3)
    wave = across + along - np.float32(rng.uniform(-0.5, 1.0)) if kind == 0 else across * along if kind == 1 else across
    ink = 1.0 / (1.0 + np.exp(-np.float32(rng.uniform(3.0, 10.0)) * wave))
    return np.asarray(2.0 * (ink - ink.mean()) + 0.25 * cloud(rng, shape_hw, 2.0), np.float32)


MATERIALS: tuple[tuple[Callable[[Rng, Shape], Field], float], ...] = (
    (brushed, 0.24),
    (grainy, 0.16),
    (cast, 0.11),
    (plain, 0.11),
    (leather, 0.07),
    (woven, 0.07),
    (wood, 0.06),
    (speckled, 0.06),
    (turned_metal, 0.05),
    (tiles, 0.04),
    (printed, 0.03),
)
"""Each material and how often it is drawn."""


def any_material(rng: Rng, shape_hw: Shape) -> Field:
    """Return the texture of a random material, sometimes with a faint second one over it; mean 0, deviation 1."""
    makers, shares = [maker for maker, _ in MATERIALS], np.cumsum([share for _, share in MATERIALS])
    texture = makers[int(np.searchsorted(shares, rng.random() * shares[-1], side="right"))](rng, shape_hw)
    if rng.random() < 0.25:
        texture = texture + np.float32(rng.uniform(0.1, 0.5)) * grainy(rng, shape_hw)
    mean, deviation = cv2.meanStdDev(texture)
    return (texture - np.float32(mean[0, 0])) / np.float32(max(float(deviation[0, 0]), 0.05))
