"""Light, and all that a camera sees on good parts without anything being wrong with them."""

from __future__ import annotations

import cv2
import numpy as np

from models.simulation.surfaces.shapes import (
    Field,
    bent_line,
    blob,
    cloud,
    grid,
    log_uniform,
    point_in,
    polygon,
    stroke,
)

Rng = np.random.Generator
Shape = tuple[int, int]

FAINT_LEVELS = 3.5
"""No harmless mark differs by more grey levels than this, and no defect by less: the two never look the same."""


def light(rng: Rng, shape_hw: Shape) -> Field:
    """Return the light on each pixel around 1: a slope, vignette, glare, a soft shadow, each by chance."""
    height, width = shape_hw
    coarse_hw = (height // 4, width // 4)  # nothing in the light is sharp
    side = float(max(coarse_hw))
    xs, ys = grid(coarse_hw, rng.uniform(0.0, 2.0 * np.pi))
    across, along = xs / np.float32(side), ys / np.float32(side)
    lit = 1.0 + np.float32(rng.normal(0.0, 0.22)) * across
    if rng.random() < 0.4:  # a band, as a curved part mirrors it
        middle, spread = np.float32(rng.uniform(-0.5, 0.5)), np.float32(rng.uniform(0.08, 0.4))
        lit = lit + np.float32(rng.uniform(-0.3, 0.6)) * np.exp(-(((across - middle) / spread) ** 2))
    if rng.random() < 0.4:  # a vignette
        lit = lit - np.float32(rng.uniform(0.1, 0.9)) * (across * across + along * along)
    if rng.random() < 0.2:  # a glare
        spot = blob(rng, coarse_hw, point_in(rng, coarse_hw), side / 7.0, roughness=0.1, blur_px=side / 15.0)
        lit = lit + np.float32(rng.uniform(0.2, 0.8)) * spot
    if rng.random() < 0.35:
        lit = lit + np.float32(rng.uniform(0.03, 0.15)) * cloud(rng, coarse_hw, side / rng.uniform(2.0, 5.0))
    if rng.random() < 0.25:  # a shadow: its edge is always soft, unlike that of a patch
        edge = np.float32(rng.uniform(-0.4, 0.4)) + np.float32(rng.uniform(0.0, 0.04)) * cloud(rng, coarse_hw, 15.0)
        soft = np.float32(rng.uniform(0.025, 0.07))
        lit = lit * (1.0 - np.float32(rng.uniform(0.1, 0.4)) / (1.0 + np.exp((along - edge) / soft)))
    lit = np.clip(lit, 0.12, 2.2).astype(np.float32)
    return np.asarray(cv2.resize(lit, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def outline(rng: Rng, shape_hw: Shape) -> Field:
    """Return where there is a part, 0..1: mostly everywhere, else up to an edge or two, straight or rounded."""
    height, width = shape_hw
    inset = np.where(rng.random(4) < 0.5, rng.uniform(0.0, 0.16, 4), -0.1)
    left, top, right, bottom = inset[0] * width, inset[1] * height, (1 - inset[2]) * width, (1 - inset[3]) * height
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    corners += rng.normal(0.0, 0.006 * max(shape_hw), (4, 2))
    if rng.random() < 0.15:
        radius, turns = min(width, height) * rng.uniform(0.36, 0.55), np.linspace(0.0, 2.0 * np.pi, 90)
        corners = np.stack([width / 2 + radius * np.cos(turns), height / 2 + radius * np.sin(turns)], axis=1)
    return polygon(shape_hw, corners, rng.uniform(0.5, 1.5))


def rim(rng: Rng, inside: Field) -> Field:
    """Return what a bevel adds along the part's edge, in shares of its brightness."""
    wide = cv2.GaussianBlur(inside, (0, 0), rng.uniform(1.0, 5.0))
    return np.asarray((inside - wide) * np.float32(rng.uniform(-1.2, 1.8)), np.float32)


def add_harmless(rng: Rng, grey: Field) -> None:
    """Add to `grey` in place what good parts have too: dust, faint lines and spots, marks that belong there."""
    shape_hw = (grey.shape[0], grey.shape[1])
    if rng.random() < 0.6:
        _add_dust(rng, grey)
    for _ in range(int(rng.integers(0, 4)) if rng.random() < 0.6 else 0):
        start, turn = point_in(rng, shape_hw), rng.uniform(0.0, 2.0 * np.pi)
        line = bent_line(rng, start, turn, rng.uniform(0.1, 0.7) * max(shape_hw))
        faint = stroke(shape_hw, [line], int(rng.integers(1, 4)), rng.uniform(0.5, 1.5))
        grey += faint * np.float32(rng.uniform(-FAINT_LEVELS, FAINT_LEVELS))
    if rng.random() < 0.3:
        spot = blob(rng, shape_hw, point_in(rng, shape_hw), rng.uniform(5.0, 40.0), roughness=0.25, blur_px=3.0)
        grey += spot * np.float32(rng.uniform(-FAINT_LEVELS, FAINT_LEVELS))
    if rng.random() < 0.1:
        _add_line_of_the_part(rng, grey)
    if rng.random() < 0.08:
        _add_marking(rng, grey)


def _add_dust(rng: Rng, grey: Field) -> None:
    """Add specks of one or two pixels: below the size of anything called a defect."""
    count = int(log_uniform(rng, 2.0, 40.0))
    ys, xs = rng.integers(0, grey.shape[0], count), rng.integers(0, grey.shape[1], count)
    change = rng.normal(0.0, rng.uniform(4.0, 30.0), count).astype(np.float32)
    grey[ys, xs] += change
    grey[ys, np.minimum(xs + 1, grey.shape[1] - 1)] += 0.4 * change


def _add_line_of_the_part(rng: Rng, grey: Field) -> None:
    """Add a joint, groove or print line: straight, even, from one edge of the picture to the other."""
    shape_hw = (grey.shape[0], grey.shape[1])
    _, ys = grid(shape_hw, float(rng.integers(0, 2)) * np.pi / 2.0 + rng.normal(0.0, 0.02))
    offsets = rng.uniform(-0.45, 0.45, int(rng.integers(1, 4))) * max(shape_hw)
    width, contrast = rng.uniform(1.0, 5.0), rng.uniform(-0.4, 0.4)
    for offset in offsets:
        grey *= 1.0 + np.float32(contrast) * np.exp(-(((ys - np.float32(offset)) / np.float32(width)) ** 4))


def _add_marking(rng: Rng, grey: Field) -> None:
    """Add a printed or stamped number: clean strokes, evenly spaced."""
    shape_hw = (grey.shape[0], grey.shape[1])
    canvas = np.zeros(shape_hw, np.uint8)
    text = "".join(rng.choice(list("0123456789ABCEHKLMNPRSTXZ-"), int(rng.integers(2, 7))))
    x, y = point_in(rng, shape_hw)
    cv2.putText(
        canvas,
        text,
        (int(x * 0.7), int(y)),
        cv2.FONT_HERSHEY_SIMPLEX,
        rng.uniform(0.4, 1.2),
        255,
        int(rng.integers(1, 3)),
        cv2.LINE_AA,
    )
    grey *= 1.0 + np.float32(rng.uniform(-0.5, 0.5)) * (canvas.astype(np.float32) / np.float32(255.0))
