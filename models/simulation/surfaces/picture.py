"""One picture of a surface: a material under a light, seen by a camera, with or without defects."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from models.simulation.surfaces.flaws import MAKERS, SURFACE_CLASSES, Flaw, Surface
from models.simulation.surfaces.lamps import FAINT_LEVELS, add_harmless, light, outline, rim
from models.simulation.surfaces.materials import any_material
from models.simulation.surfaces.shapes import Field, cloud, log_uniform

_STRONGEST_LEVELS = 110.0
_MIN_PIXELS = 6
_TRIES = 6
_HIDDEN_BY_TEXTURE = {True: 1.1, False: 0.6}
"""A defect must stand out from its surroundings by this many of their deviations, thin ones by more."""


@dataclass(frozen=True, slots=True)
class SurfaceDefect:
    """A defect of a class of `SURFACE_CLASSES`, with its exact mask, (H, W) bool."""

    class_name: str
    mask: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SurfacePicture:
    """A picture, (H, W, 3) uint8 in RGB order, and what is wrong on it; nothing for a good part."""

    pixels_rgb: npt.NDArray[np.uint8]
    defects: tuple[SurfaceDefect, ...]


def surface_picture(
    seed: int | tuple[int, ...], *, shape_hw: tuple[int, int] = (256, 256), defect_rate: float = 0.6
) -> SurfacePicture:
    """Return the picture of a seed: always the same one.

    Contrast goes from the barely visible up: a defect that its surroundings would hide is made stronger, one that
    cannot be made visible (a dark crack on black) is left out, so that no mask marks what nobody can see.

    Args:
        seed: One or more non-negative numbers.
        shape_hw: Height and width in pixels; both at least 64.
        defect_rate: Share of pictures that are given defects, 0..1.

    Raises:
        ValueError: The picture is too small or the rate is no share.
    """
    if min(shape_hw) < 64:
        raise ValueError(f"a picture of {shape_hw} is too small to show a defect on a surface")
    if not 0.0 <= defect_rate <= 1.0:
        raise ValueError(f"defect_rate must lie in 0..1, not {defect_rate}")
    rng = np.random.default_rng(seed)
    surface = _good_surface(rng, shape_hw)
    change, defects = flaws_on(rng, surface, _how_many(rng, defect_rate))
    return SurfacePicture(_photographed(rng, surface.grey + change), defects)


def flaws_on(rng: np.random.Generator, surface: Surface, count: int) -> tuple[Field, tuple[SurfaceDefect, ...]]:
    """Return what up to `count` new defects add to a surface, (H, W) in levels of 255, and the defects.

    One that finds no room, or that the surface would hide, is left out.
    """
    added = np.zeros(surface.shape_hw, np.float32)
    defects: list[SurfaceDefect] = []
    taken = np.zeros(surface.shape_hw, np.bool_)
    for _ in range(count):
        class_name = _any_class(rng)
        placed = _placed(rng, class_name, surface, taken)
        if placed is not None:
            change, mask = placed
            added += change
            taken |= cv2.dilate(mask.astype(np.uint8), np.ones((7, 7), np.uint8)).astype(np.bool_)
            defects.append(SurfaceDefect(class_name, mask))
    return added, tuple(defects)


def _good_surface(rng: np.random.Generator, shape_hw: tuple[int, int]) -> Surface:
    """Return a material under a light: filling the picture, or a part that ends in it."""
    level, amplitude = rng.uniform(45.0, 200.0), log_uniform(rng, 1.5, 30.0)
    grey = np.float32(level) + np.float32(amplitude) * np.clip(any_material(rng, shape_hw), -3.5, 3.5)
    inside = np.ones(shape_hw, np.float32)
    if rng.random() < 0.4:
        inside = outline(rng, shape_hw)
        behind = np.float32(rng.uniform(0.0, 255.0) if rng.random() < 0.4 else rng.uniform(0.0, 40.0))
        ground = behind + np.float32(rng.uniform(0.0, 8.0)) * cloud(rng, shape_hw, rng.uniform(1.0, 20.0))
        grey = grey * (1.0 + rim(rng, inside)) * inside + ground * (1.0 - inside)
    grey = grey * light(rng, shape_hw)
    grey = np.asarray(np.clip(grey, 0.0, 255.0), np.float32)
    add_harmless(rng, grey)
    return Surface(grey, inside)


def _how_many(rng: np.random.Generator, defect_rate: float) -> int:
    return int(rng.choice([1, 2, 3, 4], p=[0.6, 0.24, 0.1, 0.06])) if rng.random() < defect_rate else 0


def _any_class(rng: np.random.Generator) -> str:
    shares = np.cumsum([share for _, share in MAKERS.values()])
    return SURFACE_CLASSES[int(np.searchsorted(shares, rng.random() * shares[-1], side="right"))]


def _placed(
    rng: np.random.Generator, class_name: str, surface: Surface, taken: npt.NDArray[np.bool_]
) -> tuple[Field, npt.NDArray[np.bool_]] | None:
    """Return what a new defect adds to the picture, and its mask; None where none can be placed and seen."""
    maker = MAKERS[class_name][0]
    on_part = surface.inside > 0.5
    for _ in range(_TRIES):
        flaw = maker(rng, surface)
        mask = flaw.support & on_part
        area = int(mask.sum())
        # A part of it may lie off the part; a defect of which next to nothing is left does not.
        if area < _MIN_PIXELS or area > 0.6 * mask.size or (mask & taken).any():
            continue
        change = _visible(rng, flaw, mask, surface)
        if change is not None:
            return change, mask
    return None


def _visible(rng: np.random.Generator, flaw: Flaw, mask: npt.NDArray[np.bool_], surface: Surface) -> Field | None:
    """Return the defect's change of the picture at a random strength that can be seen; None where none can be."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = (slice(max(rows[0] - 6, 0), rows[-1] + 7), slice(max(columns[0] - 6, 0), columns[-1] + 7))
    under = surface.grey[box]
    width = max(9, min(under.shape) // 2 * 2 + 1)  # what hides a defect is what is as fine as the defect, or finer
    fine = under - cv2.blur(under, (width, width))
    hidden = _HIDDEN_BY_TEXTURE[flaw.is_thin] * float(np.std(fine[surface.inside[box] > 0.9])) if fine.size else 0.0
    floor = max(2.0 * FAINT_LEVELS, hidden)
    strength = log_uniform(rng, floor, max(_STRONGEST_LEVELS, 1.2 * floor))
    change = np.where(mask, flaw.change, np.float32(0.0))[box]
    if not flaw.is_natural:
        change *= np.float32(strength / max(_stronger_half(change[mask[box]]), 1e-6))
    seen = np.clip(under + change, 4.0, 251.0) - under  # no camera sees beyond black and white
    seen = np.where(mask[box], seen, np.float32(0.0)).astype(np.float32)
    if _stronger_half(seen[mask[box]]) < floor:
        return None
    whole = np.zeros_like(surface.grey)
    whole[box] = seen
    return whole


def _stronger_half(change: Field) -> float:
    """Return the mean size of the stronger half of the changes."""
    ordered = np.sort(np.abs(change))
    return float(ordered[len(ordered) // 2 :].mean())


def _photographed(rng: np.random.Generator, grey: Field) -> npt.NDArray[np.uint8]:
    """Return what a camera makes of it: gain and offset, a little blur, noise, mostly grey, some colour."""
    shape_hw = (grey.shape[0], grey.shape[1])
    if rng.random() < 0.4:
        grey = np.asarray(cv2.GaussianBlur(grey, (0, 0), log_uniform(rng, 0.3, 1.4)), np.float32)
    grey = (grey - 128.0) * np.float32(rng.uniform(0.85, 1.15)) + 128.0 + np.float32(rng.uniform(-15.0, 15.0))
    grey = grey + rng.standard_normal(shape_hw, dtype=np.float32) * np.float32(rng.uniform(0.3, 3.0))
    if rng.random() < 0.7:
        one = np.clip(grey, 0.0, 255.0).astype(np.uint8)
        return np.asarray(cv2.merge([one, one, one]), np.uint8)
    tint = rng.normal(1.0, 0.12, 3).clip(0.6, 1.3)
    planes = [np.clip(grey * np.float32(gain), 0.0, 255.0).astype(np.uint8) for gain in tint]
    return np.asarray(cv2.merge(planes), np.uint8)
