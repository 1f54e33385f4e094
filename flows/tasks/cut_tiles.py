"""Training pictures cut into tiles, as the network will see them: for pictures too large to be shown as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from flows.tasks.coco import Annotation, Picture
from flows.tasks.paste_defects import write_made
from flows.tasks.simulated_dataset import annotation_of_mask
from flows.tasks.surface_pictures import is_of_whole
from flows.tasks.surface_tiles import plan_tiles
from models.intake import read_image
from models.letterbox import Placement, letterbox

_LOOKS: Final = 2
"""A defect is shown about so often, each time at another place of its tile."""
_GOOD_TILES: Final = 8
_MOST_GOOD_TILES: Final = 1500
"""Tiles drawn at random, of one picture and of all of them, which a training keeps in memory."""
_LEAST_SHARE: Final = 0.25
_LEAST_PX: Final = 12
"""A tile that shows less than this share of a defect and fewer of its pixels shows neither a defect nor a good part."""

Mask = npt.NDArray[np.bool_]


def cut_tiles(
    pictures: Sequence[Picture], folder: Path, shape_hw: tuple[int, int], *, seed: int = 7
) -> tuple[Picture, ...]:
    """Return new pictures in `folder`: tiles around each defect, and of each picture some drawn at random.

    A tile in which a defect can hardly be seen is left out, since it is neither good nor defective; so are all tiles of
    a picture that is labelled as a whole, for nobody knows which of them are bad.

    Args:
        pictures: Training pictures.
        folder: Is created.
        shape_hw: Height and width of the network's input, into which a picture is fitted before it is cut.
        seed: Same seed, same tiles.

    Raises:
        ValueError: An input of this shape is not cut.
        ModelError: A picture cannot be read.
        OSError: A tile cannot be written.
    """
    tiles = plan_tiles(shape_hw)
    if tiles is None:
        raise ValueError(f"an input of {shape_hw} is looked at as a whole")
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    drawn = max(1, min(_GOOD_TILES, _MOST_GOOD_TILES // max(1, len(pictures))))
    made: list[Picture] = []
    for picture in pictures:
        if any(not a.rings and is_of_whole(a.box_xyxy, picture.shape_hw) for a in picture.annotations):
            continue
        canvas, placement = letterbox(read_image(picture.path.read_bytes()).pixels_rgb, shape_hw)
        masks = [_mask(annotation, placement, shape_hw) for annotation in picture.annotations]
        for top, left in _corners(masks, tiles.shape_hw, shape_hw, drawn, rng):
            shown = np.s_[top : top + tiles.shape_hw[0], left : left + tiles.shape_hw[1]]
            if any(_is_hardly_seen(mask, mask[shown]) for mask in masks):
                continue
            seen = [
                _annotation(annotation, mask[shown])
                for annotation, mask in zip(picture.annotations, masks, strict=True)
                if mask[shown].any()
            ]
            path = folder / f"tile_{len(made):05d}.png"
            made.append(write_made(path, canvas[shown].astype(np.float32), seen, is_made=False))
    return tuple(made)


def _mask(annotation: Annotation, placement: Placement, shape_hw: tuple[int, int]) -> Mask:
    """Return the pixels of an annotation in the input; those of its box where it has no outline."""
    x0, y0, x1, y1 = annotation.box_xyxy
    drawn = np.zeros(shape_hw, np.uint8)
    for ring in annotation.rings or (((x0, y0), (x1, y0), (x1, y1), (x0, y1)),):
        points = np.array(ring) * placement.scale + (placement.left_px, placement.top_px)
        cv2.fillPoly(drawn, [np.rint(points - 0.5).astype(np.int32)], 1)
    return drawn.astype(np.bool_)


def _corners(
    masks: Sequence[Mask], tile_hw: tuple[int, int], shape_hw: tuple[int, int], drawn: int, rng: np.random.Generator
) -> Iterator[tuple[int, int]]:
    """Yield top and left of tiles: some around a pixel of each defect, and some anywhere."""
    last = np.subtract(shape_hw, tile_hw)
    for mask in masks:
        rows, columns = np.nonzero(mask)
        for _ in range(_LOOKS if rows.size else 0):
            one = int(rng.integers(rows.size))
            corner = np.array([rows[one], columns[one]]) - rng.integers(0, tile_hw)
            top, left = np.clip(corner, 0, last)
            yield int(top), int(left)
    for _ in range(drawn):
        top, left = rng.integers(0, last + 1)
        yield int(top), int(left)


def _is_hardly_seen(whole: Mask, seen: Mask) -> bool:
    count = int(np.count_nonzero(seen))
    return 0 < count < min(_LEAST_PX, _LEAST_SHARE * int(np.count_nonzero(whole)))


def _annotation(annotation: Annotation, seen: Mask) -> Annotation:
    found = annotation_of_mask(annotation.class_name, seen)
    return found if annotation.rings else Annotation(annotation.class_name, found.box_xyxy)
