"""More defective pictures out of few: real defects, turned and scaled, on real good parts.

Pictures in, pictures out, for any trainer. Only training pictures may go in: a defect of a validation or test part that
comes back in training would make the figures worth nothing.

Source:
    Dwibedi et al. (2017), "Cut, paste and learn"; Ghiasi et al. (2021), "Simple copy-paste is a strong data
    augmentation method": both blend edges, and let scale and place vary at random.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from flows.tasks.coco import Annotation, Picture
from flows.tasks.simulated_dataset import annotation_of_mask
from models.intake import read_image

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
_MARGIN_PX = 6
_AT_EDGE_PX = 3
_LARGE = 0.2
_TRIES = 12
_KEPT_SOURCES = 64


@dataclass(frozen=True, slots=True)
class Pasting:
    """How to paste.

    Attributes:
        count: Pictures to make.
        most: Largest number of defects on one of them.
        zoom: Smallest and largest change of a defect's size.
        contrast: Smallest and largest change of its contrast to its surroundings.
        seed: Same seed, same pictures.
    """

    count: int
    most: int = 2
    zoom: tuple[float, float] = (0.7, 1.4)
    contrast: tuple[float, float] = (0.7, 1.2)
    seed: int = 7


@dataclass(frozen=True, slots=True)
class _Source:
    """A defect cut out with its surroundings.

    Attributes:
        class_name: Its class.
        pixels: (H, W, 3) float32 RGB.
        mask: (H, W) bool.
        shape_hw: Height and width of the picture that it comes from.
        place_xy: Where its middle lies in that picture, as shares of the sides.
        is_bound: Whether it belongs where it is: at the edge of the picture, or over a large part of it.
    """

    class_name: str
    pixels: npt.NDArray[np.float32]
    mask: Mask
    shape_hw: tuple[int, int]
    place_xy: tuple[float, float]
    is_bound: bool


def paste_defects(pictures: Sequence[Picture], folder: Path, pasting: Pasting) -> tuple[Picture, ...]:
    """Return new pictures in `folder`: good parts with defects of the defective ones; none without parts of both kinds.

    Rare classes are drawn as often as common ones. The defect's brightness is taken relative to its surroundings and
    put on those of its new place, and its edge is feathered. (Poisson blending would pull a stain to the brightness of
    its own rim, so that it fades away.) Defects at the edge of a picture, and large ones, stay where they are, are
    mirrored and grow with the picture alone: a frayed edge in the middle of a part is something else.

    Args:
        pictures: Training pictures, good and defective.
        folder: Is created.
        pasting: How.

    Raises:
        ModelError: A picture cannot be read.
        OSError: A picture cannot be written.
    """
    good = [p for p in pictures if p.is_good]
    marked = [(p, a) for p in pictures for a in p.annotations]
    if not good or not marked:
        return ()
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(pasting.seed)
    frequency = Counter(a.class_name for _, a in marked)
    weights = np.array([1.0 / frequency[a.class_name] for _, a in marked])
    cut: dict[int, _Source] = {}
    made = []
    for number in range(pasting.count):
        base = good[int(rng.integers(0, len(good)))]
        canvas = read_image(base.path.read_bytes()).pixels_rgb.astype(np.float32)
        annotations, taken = [], np.zeros(canvas.shape[:2], np.bool_)
        for chosen in rng.choice(len(marked), int(rng.integers(1, pasting.most + 1)), p=weights / weights.sum()):
            if len(cut) > _KEPT_SOURCES:
                cut.clear()
            source = cut.setdefault(int(chosen), _cut(*marked[int(chosen)]))
            mask = _paste(rng, canvas, _varied(rng, source, taken.shape, pasting), taken, pasting)
            if mask is not None:
                annotations.append(annotation_of_mask(source.class_name, mask))
                taken |= cv2.dilate(mask.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(np.bool_)
        if annotations:
            made.append(write_made(folder / f"pasted_{number:05d}.png", canvas, annotations))
    return tuple(made)


def write_made(
    path: Path, levels: npt.NDArray[np.float32], annotations: Sequence[Annotation], *, is_made: bool = True
) -> Picture:
    """Return a picture that was made for training, written as PNG; `levels` are (H, W, 3) RGB, of 255.

    A piece that was only cut out of a picture is not `is_made`.

    Raises:
        OSError: It cannot be written.
    """
    pixels = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    path.write_bytes(cv2.imencode(".png", pixels[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes())
    return Picture(path, (pixels.shape[0], pixels.shape[1]), tuple(annotations), is_made)


def _cut(picture: Picture, annotation: Annotation) -> _Source:
    pixels = read_image(picture.path.read_bytes()).pixels_rgb
    height, width = pixels.shape[:2]
    x0, y0, x1, y1 = annotation.box_xyxy
    whole = np.zeros((height, width), np.uint8)
    rings = annotation.rings or (((x0, y0), (x1, y0), (x1, y1), (x0, y1)),)
    cv2.fillPoly(whole, [np.rint(np.array(ring) - 0.5).astype(np.int32) for ring in rings], 1)
    box = (
        slice(max(int(y0) - _MARGIN_PX, 0), min(int(np.ceil(y1)) + _MARGIN_PX, height)),
        slice(max(int(x0) - _MARGIN_PX, 0), min(int(np.ceil(x1)) + _MARGIN_PX, width)),
    )
    at_edge = min(x0, y0, width - x1, height - y1) <= _AT_EDGE_PX
    is_large = (x1 - x0) * (y1 - y0) > _LARGE * width * height
    middle = ((x0 + x1) / 2 / width, (y0 + y1) / 2 / height)
    mask = whole[box].astype(np.bool_)
    cut = pixels[box].astype(np.float32)
    return _Source(annotation.class_name, cut, mask, (height, width), middle, at_edge or is_large)


def _varied(rng: np.random.Generator, source: _Source, shape_hw: tuple[int, ...], pasting: Pasting) -> _Source:
    """Return the defect mirrored by chance; turned and scaled where it may lie anywhere, else grown to the picture."""
    pixels, mask = source.pixels, source.mask.astype(np.float32)
    x, y = source.place_xy
    if rng.random() < 0.5:
        pixels, mask, x = pixels[:, ::-1], mask[:, ::-1], 1.0 - x
    if rng.random() < 0.5:
        pixels, mask, y = pixels[::-1], mask[::-1], 1.0 - y
    pixels, mask = np.ascontiguousarray(pixels), np.ascontiguousarray(mask)
    height, width = mask.shape
    if source.is_bound:
        size = [
            max(1, round(side * new / old))
            for side, new, old in zip((height, width), shape_hw, source.shape_hw, strict=True)
        ]
        pixels = np.asarray(cv2.resize(pixels, size[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
        mask = np.asarray(cv2.resize(mask, size[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
    else:
        zoom, turn = float(rng.uniform(*pasting.zoom)), float(rng.normal(0.0, 25.0))
        side_hw = (int(np.ceil(np.hypot(height, width) * zoom)),) * 2
        matrix = np.asarray(cv2.getRotationMatrix2D((width / 2, height / 2), turn, zoom), np.float64)
        matrix[:, 2] += ((side_hw[1] - width) / 2, (side_hw[0] - height) / 2)
        outside = cv2.BORDER_REPLICATE
        pixels = np.asarray(cv2.warpAffine(pixels, matrix, side_hw, borderMode=outside), np.float32)
        mask = np.asarray(cv2.warpAffine(mask, matrix, side_hw), np.float32)
    return replace(source, pixels=pixels, mask=np.asarray(mask > 0.5), place_xy=(x, y))


def _paste(
    rng: np.random.Generator, canvas: npt.NDArray[np.float32], source: _Source, taken: Mask, pasting: Pasting
) -> Mask | None:
    """Return the defect's mask in the picture, painted into `canvas` in place; None where no place was found."""
    height, width = canvas.shape[:2]
    rows, columns = source.mask.shape
    if rows > height or columns > width or not source.mask.any():
        return None
    usual = float(np.median(canvas))
    for _ in range(1 if source.is_bound else _TRIES):
        x, y = source.place_xy if source.is_bound else rng.uniform(0.0, 1.0, 2)
        left = round(float(np.clip(x * width - columns / 2, 0, width - columns)))
        top = round(float(np.clip(y * height - rows / 2, 0, height - rows)))
        box = (slice(top, top + rows), slice(left, left + columns))
        around = float(canvas[box].mean())
        # Off the part, where the picture is much darker or brighter, a defect would hang in the air.
        on_part = source.is_bound or 0.5 * usual <= around <= 2.0 * usual + 10.0
        if on_part and not (taken[box] & source.mask).any():
            _blend(canvas[box], source, float(rng.uniform(*pasting.contrast)))
            mask = np.zeros((height, width), np.bool_)
            mask[box] = source.mask
            return mask
    return None


def _blend(under: npt.NDArray[np.float32], source: _Source, contrast: float) -> None:
    """Paint the defect over `under` in place, as bright against the new surroundings as it was against the old."""
    rim = cv2.dilate(source.mask.astype(np.uint8), np.ones((7, 7), np.uint8)).astype(np.bool_) & ~source.mask
    beside = rim if rim.any() else source.mask
    before = source.pixels[beside].mean(axis=0)
    after = under[beside].mean(axis=0)
    ratio = 1.0 + contrast * (source.pixels / np.maximum(before, 4.0) - 1.0)
    feather = cv2.GaussianBlur(source.mask.astype(np.float32), (0, 0), 1.0)
    feather = np.maximum(feather, source.mask * np.float32(0.75))[..., None]
    under += feather * (after * ratio - under)
