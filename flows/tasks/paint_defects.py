"""Defects that never were on good parts that are: what a network learns from where it has seen few real ones.

A defect of the factory teaches what it looks like; one that is drawn on the factory's own good parts teaches that
whatever does not belong there is one. They have no class: only where they are is learned from them.

Source:
    Zavrtanik et al. (2021), "DRAEM": anomalies drawn on good parts teach a network to see real ones; Li et al. (2021),
    "CutPaste".
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from flows.tasks.coco import NO_CLASS, Picture
from flows.tasks.paste_defects import write_made
from flows.tasks.simulated_dataset import annotation_of_mask
from models.intake import read_image
from models.simulation.surfaces import Surface, flaws_on

_MOST: Final = 2
_DARK: Final = 0.4
"""Surroundings darker than this share of the usual brightness are not the part."""
_SMALLEST_SIDE_PX: Final = 64


def paint_defects(pictures: Sequence[Picture], folder: Path, *, count: int, seed: int = 7) -> tuple[Picture, ...]:
    """Return up to `count` new pictures in `folder`: the good parts of `pictures` in turn, with drawn defects.

    Args:
        pictures: Training pictures; the defective ones are left alone.
        folder: Is created.
        count: Pictures to make; one on which no defect would be seen is left out.
        seed: Same seed, same pictures.

    Raises:
        ModelError: A picture cannot be read.
        OSError: A picture cannot be written.
    """
    good = [p for p in pictures if p.is_good and min(p.shape_hw) >= _SMALLEST_SIDE_PX]
    if not good:
        return ()
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    order = [int(k) for _ in range(-(-count // len(good))) for k in rng.permutation(len(good))]
    made = []
    for number, chosen in enumerate(order[:count]):
        pixels = read_image(good[chosen].path.read_bytes()).pixels_rgb
        added, defects = flaws_on(rng, _surface(pixels), int(rng.integers(1, _MOST + 1)))
        if not defects:
            continue
        annotations = [annotation_of_mask(NO_CLASS, defect.mask) for defect in defects]
        made.append(write_made(folder / f"painted_{number:05d}.png", pixels + added[..., None], annotations))
    return tuple(made)


def _surface(pixels: npt.NDArray[np.uint8]) -> Surface:
    grey = pixels.mean(axis=2, dtype=np.float32)
    around = cv2.blur(grey, (9, 9))
    return Surface(grey, (around > _DARK * float(np.median(grey))).astype(np.float32))
