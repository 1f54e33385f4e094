"""Defects of surfaces: where each lies, and by how much it changes the picture at full strength."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from models.simulation.surfaces.materials import any_material
from models.simulation.surfaces.shapes import (
    Field,
    bent_line,
    blob,
    cloud,
    grid,
    jagged_line,
    log_uniform,
    point_in,
    stroke,
)

Rng = np.random.Generator
Shape = tuple[int, int]
EDGE = np.float32(0.25)
"""Paint thinner than this is dropped: the mask is all that was painted, and nothing was painted beside it."""


@dataclass(frozen=True, slots=True)
class Surface:
    """A good surface under its light.

    Attributes:
        grey: The picture without noise, (H, W) in levels of 255.
        inside: Where the part is, 0..1.
    """

    grey: Field
    inside: Field

    @property
    def shape_hw(self) -> Shape:
        """Height and width of the picture."""
        return (self.grey.shape[0], self.grey.shape[1])


@dataclass(frozen=True, slots=True)
class Flaw:
    """One defect.

    Attributes:
        support: (H, W) bool, where it is.
        change: (H, W) float32, levels to add at full strength; 0 outside the support.
        is_thin: Whether it is a line or a point, which texture hides sooner than it hides an area.
        is_natural: Whether full strength is the only one that makes sense, as where a texture is gone.
    """

    support: npt.NDArray[np.bool_]
    change: Field
    is_thin: bool
    is_natural: bool = False


def _flaw(weight: Field, change: Field, *, is_thin: bool, is_natural: bool = False) -> Flaw:
    support = weight > EDGE
    return Flaw(support, np.asarray(np.where(support, change, np.float32(0.0)), np.float32), is_thin, is_natural)


def _sign(rng: Rng, dark: float) -> np.float32:
    return np.float32(-1.0 if rng.random() < dark else 1.0)


def _scratch(rng: Rng, surface: Surface) -> Flaw:
    """Return a gouge or a bundle of scuffs, bright or dark, of uneven depth, often with a bright lip."""
    shape_hw, side = surface.shape_hw, max(surface.shape_hw)
    start, turn = point_in(rng, shape_hw), rng.uniform(0.0, 2.0 * np.pi)
    length = log_uniform(rng, 0.05, 0.8) * side
    count = 1 if rng.random() < 0.75 else int(rng.integers(2, 6))
    spread = rng.uniform(3.0, 10.0)
    paths = [
        bent_line(rng, start + (rng.normal(0.0, spread, 2) if k else 0.0), turn + k * rng.normal(0.0, 0.03), length)
        for k in range(count)
    ]
    thickness = int(min(log_uniform(rng, 1.0, 7.0), max(1.0, length / 8.0)))
    line = stroke(shape_hw, paths, thickness, rng.uniform(0.4, 1.2))
    depth = np.clip(1.0 + np.float32(rng.uniform(0.0, 0.5)) * cloud(rng, shape_hw, 0.12 * side), 0.35, 1.3)
    change = _sign(rng, 0.5) * line * depth
    if rng.random() < 0.3:
        lip = np.roll(line, (1, 1) if rng.random() < 0.5 else (-1, 1), axis=(0, 1))
        change = change - np.float32(0.7) * np.sign(change) * np.clip(lip - line, 0.0, 1.0)
        line = np.maximum(line, lip)
    return _flaw(line, change, is_thin=True)


def _crack(rng: Rng, surface: Surface) -> Flaw:
    """Return a jagged dark line, mostly branched, that gets thinner toward its ends; some start at the edge."""
    shape_hw, side = surface.shape_hw, max(surface.shape_hw)
    start, turn = point_in(rng, shape_hw), rng.uniform(0.0, 2.0 * np.pi)
    if rng.random() < 0.3:
        start, turn = _on_edge(rng, surface)
    length = log_uniform(rng, 0.07, 0.7) * side
    trunk = jagged_line(rng, start, turn, length)
    branches = [
        jagged_line(rng, trunk[int(rng.integers(0, len(trunk)))], turn + rng.normal(0.0, 0.9), length * 0.4)
        for _ in range(int(rng.integers(0, 4)))
    ]
    thickness, blur = int(log_uniform(rng, 1.0, 4.0)), rng.uniform(0.35, 0.8)
    thick = stroke(shape_hw, [trunk[: max(2, 2 * len(trunk) // 3)]], thickness, blur)
    line = np.maximum(thick, stroke(shape_hw, [trunk, *branches], max(1, thickness - 1), blur))
    return _flaw(line, line * _sign(rng, 0.9), is_thin=True)


def _dent(rng: Rng, surface: Surface) -> Flaw:
    """Return a hollow or a bump: one flank in the light, the other in the shade."""
    shape_hw, side = surface.shape_hw, max(surface.shape_hw)
    radius = log_uniform(rng, 0.02, 0.16) * side
    body = blob(rng, shape_hw, point_in(rng, shape_hw), radius, roughness=0.1, blur_px=radius * rng.uniform(0.2, 0.5))
    light, (xs, ys) = rng.uniform(0.0, 2.0 * np.pi), np.gradient(body)[::-1]
    flank = xs * np.float32(np.cos(light)) + ys * np.float32(np.sin(light))
    shade = flank / max(float(np.abs(flank).max()), 1e-6) + _sign(rng, 0.5) * np.float32(rng.uniform(0, 0.35)) * body
    return _flaw(body, shade.astype(np.float32), is_thin=False)


def _stain(rng: Rng, surface: Surface) -> Flaw:
    """Return an irregular blot, ring or splash."""
    shape_hw, side = surface.shape_hw, max(surface.shape_hw)
    centre, radius = point_in(rng, shape_hw), log_uniform(rng, 0.015, 0.2) * side
    blur = max(0.6, radius * rng.uniform(0.02, 0.2))
    body = blob(rng, shape_hw, centre, radius, roughness=rng.uniform(0.1, 0.4), blur_px=blur)
    for _ in range(int(rng.integers(1, 7)) if rng.random() < 0.25 else 0):
        drop = centre + rng.normal(0.0, 1.5 * radius, 2)
        body = np.maximum(body, blob(rng, shape_hw, drop, radius * rng.uniform(0.1, 0.4), roughness=0.2, blur_px=0.7))
    cloudy = np.clip(0.8 + np.float32(rng.uniform(0, 0.35)) * cloud(rng, shape_hw, max(2.0, radius / 3)), 0.3, 1.4)
    change = body * cloudy
    if rng.random() < 0.2:  # a drop that dried: dark at the border, pale within
        inner = np.asarray(cv2.GaussianBlur(body, (0, 0), max(1.0, radius / 4)), np.float32)
        change = change * np.clip(np.float32(1.3) - inner, 0.15, 1.0)
    return _flaw(body, _sign(rng, 0.7) * change, is_thin=False)


def _hole(rng: Rng, surface: Surface) -> Flaw:
    """Return one or a few small deep pits, dark, some with a bright rim on the lit side."""
    shape_hw, side = surface.shape_hw, max(surface.shape_hw)
    centre, radius = point_in(rng, shape_hw), log_uniform(rng, 0.006, 0.05) * side
    body = blob(rng, shape_hw, centre, radius, roughness=0.25, blur_px=0.6)
    for _ in range(int(rng.integers(1, 6)) if rng.random() < 0.2 else 0):
        near = centre + rng.normal(0.0, 4.0 * radius + 3.0, 2)
        body = np.maximum(body, blob(rng, shape_hw, near, radius * rng.uniform(0.5, 1.0), roughness=0.25, blur_px=0.6))
    change, weight = -body, body
    if rng.random() < 0.5:
        step = (int(rng.integers(-1, 2)), int(rng.integers(-1, 2)))
        lit = np.clip(np.roll(body, step, axis=(0, 1)) - body, 0.0, 1.0)
        change, weight = change + np.float32(rng.uniform(0.3, 1.0)) * lit, np.maximum(body, lit)
    return _flaw(weight, change, is_thin=True)


def _patch(rng: Rng, surface: Surface) -> Flaw:
    """Return an area that was ground, coated or lit otherwise: brighter, darker or of another texture."""
    shape_hw, side = surface.shape_hw, max(surface.shape_hw)
    edge_px = log_uniform(rng, 0.5, 2.5)
    if rng.random() < 0.5:  # from the border of the part inwards
        axis = float(rng.integers(0, 4)) * np.pi / 2.0 + (rng.normal(0.0, 0.3) if rng.random() < 0.5 else 0.0)
        _, ys = grid(shape_hw, axis)
        wave = np.float32(rng.uniform(0.0, 0.05) * side) * cloud(rng, shape_hw, rng.uniform(0.1, 0.5) * side)
        depth = ys + wave - np.float32(rng.uniform(0.08, 0.42) * side)
        body = 1.0 / (1.0 + np.exp(-np.clip(depth / np.float32(edge_px), -30, 30)))
    else:
        radius = log_uniform(rng, 0.07, 0.32) * side
        body = blob(rng, shape_hw, point_in(rng, shape_hw), radius, roughness=0.15, blur_px=edge_px)
    change = _sign(rng, 0.5) * (0.5 + surface.grey / np.float32(255.0))
    if rng.random() < 0.4:
        change = change * np.float32(0.6) + np.float32(0.5) * any_material(rng, shape_hw)
    return _flaw(np.asarray(body, np.float32), np.asarray(body * change, np.float32), is_thin=False)


def _fray(rng: Rng, surface: Surface) -> Flaw:
    """Return a ragged, chipped or bitten edge: of the part where it ends in the picture, else of the picture."""
    shape_hw, side = surface.shape_hw, max(surface.shape_hw)
    at, inward = _on_edge(rng, surface)
    reach = log_uniform(rng, 0.02, 0.12) * side
    body = blob(rng, shape_hw, at, reach, roughness=0.4, blur_px=0.6)
    threads = [
        bent_line(rng, at + rng.normal(0.0, reach, 2), inward + rng.normal(0.0, 0.6), reach * rng.uniform(0.5, 2.0))
        for _ in range(int(rng.integers(2, 12)))
    ]
    lines = stroke(shape_hw, threads, int(rng.integers(1, 3)), 0.5)
    if rng.random() < 0.4:
        body = lines
    rough = np.clip(1.0 + 0.6 * cloud(rng, shape_hw, rng.uniform(1.5, 5.0)), 0.1, 2.0)
    change = _sign(rng, 0.5) * body * rough + _sign(rng, 0.4) * np.float32(0.7) * lines
    return _flaw(np.maximum(body, lines), np.asarray(change, np.float32), is_thin=False)


def _missing_texture(rng: Rng, surface: Surface) -> Flaw:
    """Return an area without the texture around it: worn, smeared or never there."""
    shape_hw, side = surface.shape_hw, max(surface.shape_hw)
    radius = log_uniform(rng, 0.04, 0.2) * side
    body = blob(rng, shape_hw, point_in(rng, shape_hw), radius, roughness=0.25, blur_px=rng.uniform(0.8, 4.0))
    smooth = cv2.GaussianBlur(surface.grey, (0, 0), rng.uniform(3.0, 12.0))
    return _flaw(body, np.asarray(body * (smooth - surface.grey), np.float32), is_thin=False, is_natural=True)


def _on_edge(rng: Rng, surface: Surface) -> tuple[npt.NDArray[np.float64], float]:
    """Return a point on the part's edge (the picture's, where the part fills it) and the direction inwards."""
    height, width = surface.shape_hw
    middle = np.array([width / 2.0, height / 2.0])
    turn = rng.uniform(0.0, 2.0 * np.pi)
    away = np.array([np.cos(turn), np.sin(turn)])
    reach = min(width / 2.0 / max(abs(away[0]), 1e-6), height / 2.0 / max(abs(away[1]), 1e-6)) - 1.0
    steps = np.arange(reach, 4.0, -1.0)
    along = middle + steps[:, None] * away
    on_part = surface.inside[along[:, 1].astype(int), along[:, 0].astype(int)] > 0.5
    first = int(np.argmax(on_part)) if on_part.any() else 0
    return along[first], float(turn + np.pi)


Maker = Callable[[Rng, Surface], Flaw]
MAKERS: dict[str, tuple[Maker, float]] = {
    "scratch": (_scratch, 0.17),
    "crack": (_crack, 0.16),
    "dent": (_dent, 0.1),
    "stain": (_stain, 0.14),
    "hole": (_hole, 0.17),
    "patch": (_patch, 0.12),
    "fray": (_fray, 0.09),
    "missing_texture": (_missing_texture, 0.05),
}
"""How each class is made, and how often."""
SURFACE_CLASSES = tuple(MAKERS)
