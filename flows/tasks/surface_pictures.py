"""Pictures of surfaces as batches: decoded once, varied anew each time, half of each batch defective."""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Dataset

from flows.tasks.coco import NO_CLASS, Annotation, Picture
from flows.tasks.trainer import Augmentation
from models.intake import read_image
from models.letterbox import PAD_VALUE

UNKNOWN: Final = 255
"""Label of a pixel that may or may not be defective: most of what a box without an outline says of what is in it."""
NAMELESS: Final = 254
"""Label of a pixel that is defective, and of which class is not known."""
_SPARE: Final = 1.25
"""Pictures are kept this much larger than the network sees them, so that a zoomed one still has its detail."""

_WHOLE_PICTURE: Final = 0.5
"""A box of this share of the picture or more says that the part is bad, and nothing of where."""
_MIDDLE: Final = 0.25
"""Half axes of the ellipse in the middle of a smaller box, as shares of its sides, that is taken for defective."""
_GRAIN: Final = 1000
_FEWEST_PER_EPOCH: Final = 400
_WHOLE_EVERY: Final = 4
_NEAR_EDGE: Final = 0.1
"""The pixel that a window is laid around lies no nearer to its edge than this share of the side."""

Bytes = npt.NDArray[np.uint8]


class Labelled(NamedTuple):
    """One decoded picture.

    Attributes:
        pixels: uint8 (height, width, 3), RGB; a grey picture (height, width), which costs a third.
        labels: uint8 (height, width): 0 for good, class number + 1, `NAMELESS` or `UNKNOWN`.
    """

    pixels: Bytes
    labels: Bytes


class Batch(NamedTuple):
    """What the network is shown.

    Attributes:
        pixels: float32 (N, 3, H, W), 0 to 1.
        labels: uint8 (N, H, W), as in `Labelled`.
        defective: float32 (N, 1), 1 where anything of a defect is to be seen.
    """

    pixels: torch.Tensor
    labels: torch.Tensor
    defective: torch.Tensor

    def to(self, device: str) -> Batch:
        """Return the batch on a device."""
        return Batch(self.pixels.to(device), self.labels.to(device), self.defective.to(device))


def read_labelled(picture: Picture, class_names: Sequence[str], input_hw: tuple[int, int]) -> Labelled:
    """Return a picture with its labels, shrunk to a little more than what the network sees of it.

    Raises:
        ModelError: The picture cannot be read.
    """
    pixels = read_image(picture.path.read_bytes()).pixels_rgb
    if (pixels == pixels[..., :1]).all():
        pixels = np.ascontiguousarray(pixels[..., 0])
    height, width = pixels.shape[:2]
    scale = min(1.0, _SPARE * min(input_hw[0] / height, input_hw[1] / width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if scale < 1.0:
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    labels = np.zeros((size[1], size[0]), np.uint8)
    # Smaller defects are drawn last, so that one within another is not lost.
    for annotation in sorted(picture.annotations, key=lambda a: -_box_area(a)):
        number = list(class_names).index(annotation.class_name) + 1 if annotation.class_name != NO_CLASS else NAMELESS
        _draw(labels, annotation, number, scale)
    return Labelled(pixels, labels)


def _box_area(annotation: Annotation) -> float:
    x0, y0, x1, y1 = annotation.box_xyxy
    return (x1 - x0) * (y1 - y0)


def _draw(labels: Bytes, annotation: Annotation, number: int, scale: float) -> None:
    if annotation.rings:
        rings = [np.round(np.array(ring) * scale - 0.5).astype(np.int32) for ring in annotation.rings]
        for ring in rings:  # one by one: filled together, overlapping rings would cancel out
            cv2.fillPoly(labels, [ring], number)
        return
    x0, y0, x1, y1 = (v * scale for v in annotation.box_xyxy)
    window = labels[max(0, int(y0)) : math.ceil(y1), max(0, int(x0)) : math.ceil(x1)]
    window[window == 0] = UNKNOWN
    if not is_of_whole((x0, y0, x1, y1), labels.shape):
        middle = (round((x0 + x1) / 2 - 0.5), round((y0 + y1) / 2 - 0.5))
        axes = max(1, round((x1 - x0) * _MIDDLE)), max(1, round((y1 - y0) * _MIDDLE))
        cv2.ellipse(labels, middle, axes, 0.0, 0.0, 360.0, number, -1)


def is_of_whole(box_xyxy: tuple[float, float, float, float], shape_hw: tuple[int, ...]) -> bool:
    """Return whether a box covers so much of a picture that it says nothing of where the defect is."""
    x0, y0, x1, y1 = box_xyxy
    return (x1 - x0) * (y1 - y0) >= _WHOLE_PICTURE * math.prod(shape_hw)


class SurfacePictures:
    """The training pictures in memory."""

    def __init__(
        self, pictures: Sequence[Picture], class_names: Sequence[str], input_hw: tuple[int, int], *, loaders: int = 0
    ) -> None:
        """Decodes all pictures.

        Args:
            pictures: Of which some may be named several times, to be shown more often.
            class_names: The classes to learn.
            input_hw: Height and width of the network's input.
            loaders: Processes that make batches ahead, for a network that computes elsewhere; with none they are made
                when they are wanted. The batches are the same.

        Raises:
            ModelError: A picture cannot be read.
            ValueError: There is no picture.
        """
        if not pictures:
            raise ValueError("there is no picture to learn from")
        read = functools.partial(read_labelled, class_names=class_names, input_hw=input_hw)
        once = dict.fromkeys(pictures)
        with ThreadPoolExecutor(max(1, loaders)) as pool:
            decoded = dict(zip(once, pool.map(read, once), strict=True))
        self._all = [decoded[picture] for picture in pictures]
        real = [picture for picture in decoded if not picture.is_made]
        self.real = tuple(decoded[picture] for picture in real)
        """Those that a camera saw, each once."""
        self.kinds = np.array([_kinds(picture, class_names) for picture in real], bool).reshape(
            len(real), len(class_names) + 1
        )
        """bool (real pictures, classes + 1), of which classes each has a defect; the last: of none that is known."""
        self.input_hw = input_hw
        self._loaders = loaders
        self._good = [k for k, picture in enumerate(pictures) if picture.is_good]
        self._defective = [k for k, picture in enumerate(pictures) if not picture.is_good]
        self._weights = _weights_by_class([pictures[k] for k in self._defective])

    def batches_per_epoch(self, size: int) -> int:
        """Return the batches that show each picture of the more frequent kind once, and as many of the other.

        Few pictures are shown several times in an epoch: what a network needs to learn hardly depends on how many
        pictures there are.
        """
        return math.ceil(max(2 * max(len(self._good), len(self._defective)), _FEWEST_PER_EPOCH) / size)

    def batches(
        self,
        size: int,
        vary: Augmentation,
        rng: np.random.Generator,
        *,
        shrink: float = 1.0,
        window_px: int = 0,
    ) -> Iterator[Batch]:
        """Yield one epoch; half of each batch is defective, half good.

        Half and half, because a network that sees one defect among ten good parts learns to pass them all; rare classes
        come more often than their share, and the good parts take turns.

        Args:
            size: Pictures per batch.
            vary: How they are varied.
            rng: Makes the epoch repeatable.
            shrink: The input's side for this epoch as a share of the whole one.
            window_px: Show windows of this side, a multiple of 32, those of defective pictures with a defect in them.
                Every fourth batch is of whole pictures all the same, for what is wider than a window; with 0 all are.
        """
        height, width = (max(32, round(side * shrink / 32) * 32) for side in self.input_hw)
        window_hw = (min(window_px or height, height), min(window_px or width, width))
        good, seed = _in_turns(self._good, rng), int(rng.integers(2**62))
        planned = []
        for number in range(self.batches_per_epoch(size)):
            shown_hw = window_hw if (number + 1) % _WHOLE_EVERY else (height, width)
            wanted = size if not self._good else size // 2 if self._defective else 0
            chosen = rng.choice(self._defective, wanted, p=self._weights).tolist() if wanted else []
            chosen += [next(good) for _ in range(size - wanted)]
            planned.append(_Planned(tuple(chosen), shown_hw, (seed, number)))
        yield from DataLoader(
            _Epoch(self._all, planned, (height, width), vary),
            batch_size=None,
            num_workers=self._loaders,
            worker_init_fn=_without_threads,
            generator=torch.Generator().manual_seed(seed),
        )


@dataclass(frozen=True, slots=True)
class _Planned:
    """A batch to be made: numbers of its pictures, height and width of what is shown, and what chance begins with."""

    pictures: tuple[int, ...]
    shown_hw: tuple[int, int]
    seed: tuple[int, int]


class _Epoch(Dataset[Batch]):
    """Batches by their number; each draws its own chance, so that it does not matter who makes it, and when."""

    def __init__(
        self, pictures: Sequence[Labelled], planned: Sequence[_Planned], input_hw: tuple[int, int], vary: Augmentation
    ) -> None:
        self._pictures, self._planned, self._input_hw, self._vary = pictures, planned, input_hw, vary

    def __len__(self) -> int:
        return len(self._planned)

    def __getitem__(self, number: int) -> Batch:
        planned = self._planned[number]
        rng = np.random.default_rng(planned.seed)
        shown = (varied(self._pictures[k], self._input_hw, self._vary, rng, planned.shown_hw) for k in planned.pictures)
        return to_batch(list(shown))


def _without_threads(_: int) -> None:
    """Keeps OpenCV in a loading process from waiting for threads that its parent alone has."""
    cv2.setNumThreads(0)


def _kinds(picture: Picture, class_names: Sequence[str]) -> list[bool]:
    names = {annotation.class_name for annotation in picture.annotations}
    return [*(name in names for name in class_names), NO_CLASS in names]


def _weights_by_class(defective: Sequence[Picture]) -> npt.NDArray[np.float64] | None:
    """Return how often to show each picture: by the square root of how rare its rarest class is."""
    if not defective:
        return None
    counts = Counter(name for picture in defective for name in {a.class_name for a in picture.annotations})
    weights = np.array([min(counts[a.class_name] for a in p.annotations) ** -0.5 for p in defective])
    return np.asarray(weights / weights.sum(), np.float64)


def _in_turns(members: Sequence[int], rng: np.random.Generator) -> Iterator[int]:
    while True:
        yield from (members[int(k)] for k in rng.permutation(len(members)))


def to_batch(shown: Sequence[Labelled]) -> Batch:
    """Return pictures of one size as tensors."""
    colours = [cv2.merge([one.pixels] * 3) if one.pixels.ndim == 2 else one.pixels for one in shown]
    pixels = torch.from_numpy(np.stack(colours).astype(np.float32) * np.float32(1 / 255)).permute(0, 3, 1, 2)
    labels = torch.from_numpy(np.stack([one.labels for one in shown]))
    defective = torch.tensor([[float(one.labels.any())] for one in shown])
    return Batch(pixels, labels, defective)


def varied(
    one: Labelled,
    input_hw: tuple[int, int],
    vary: Augmentation,
    rng: np.random.Generator,
    window_hw: tuple[int, int] | None = None,
) -> Labelled:
    """Return a picture fitted into the input, turned, moved, lit and blurred at random, or a window of that.

    A defect is not moved out of the picture: then it stays where it is and is only mirrored. Of a defective picture a
    window shows a defect; it costs as much less than the whole as it is smaller, and has as many defective pixels.
    """
    size_hw = window_hw or input_hw
    for still in (False, True):
        matrix = _movement(one.labels.shape, input_hw, vary, rng, still=still)
        if size_hw != input_hw:
            matrix[:, 2] += _into_window(one.labels, matrix, size_hw, rng)
        labels = cv2.warpAffine(one.labels, matrix, size_hw[::-1], flags=cv2.INTER_NEAREST).astype(np.uint8)
        if labels.any() or not one.labels.any():
            break
    pixels = cv2.warpAffine(one.pixels, matrix, size_hw[::-1], flags=cv2.INTER_LINEAR, borderValue=(PAD_VALUE,) * 3)
    inside = cv2.warpAffine(np.ones_like(one.labels), matrix, size_hw[::-1], flags=cv2.INTER_NEAREST)
    return Labelled(_lit(pixels.astype(np.uint8, copy=False), inside.astype(np.uint8), vary, rng), labels)


def _into_window(
    labels: Bytes, matrix: npt.NDArray[np.float64], window_hw: tuple[int, int], rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Return the shift (x, y) that brings a pixel drawn at random, of a defect if there is one, into the window."""
    marked = np.flatnonzero(labels)
    drawn = marked[rng.integers(marked.size)] if marked.size else rng.integers(labels.size)
    row, column = divmod(int(drawn), labels.shape[1])
    place = rng.uniform(_NEAR_EDGE, 1.0 - _NEAR_EDGE, 2) * np.array(window_hw[::-1])
    return np.asarray(place - matrix @ np.array([column, row, 1.0]), np.float64)


def _movement(
    shape_hw: tuple[int, ...], input_hw: tuple[int, int], vary: Augmentation, rng: np.random.Generator, *, still: bool
) -> npt.NDArray[np.float64]:
    """Return the matrix (2, 3) from picture to input: letterboxed, then mirrored, turned, zoomed and moved."""
    height, width = shape_hw
    # In an input that is not square a turned picture would be a small one.
    turned = input_hw[0] == input_hw[1] and rng.random() < vary.quarter_turn
    fit = min(input_hw[0] / (width if turned else height), input_hw[1] / (height if turned else width))
    zoom = 1.0 if still else math.exp(rng.uniform(-1.0, 1.0) * math.log1p(vary.zoom))
    stretch = 1.0 if still else math.exp(rng.uniform(-1.0, 1.0) * math.log1p(vary.zoom / 4))
    angle = 0.0 if still else math.radians(rng.uniform(-1.0, 1.0) * vary.rotation_deg)
    flips = [-1.0 if rng.random() < p else 1.0 for p in (vary.flip_horizontal, vary.flip_vertical)]
    moved = np.zeros(2) if still else rng.uniform(-1.0, 1.0, 2) * vary.translation
    cos, sin = math.cos(angle), math.sin(angle)
    linear = (
        np.array([[cos, -sin], [sin, cos]]) @ np.diag([fit * zoom * stretch, fit * zoom / stretch]) @ np.diag(flips)
    )
    if turned:
        linear = np.array([[0.0, -1.0], [1.0, 0.0]]) @ linear
    # Pixel centres lie at whole numbers for OpenCV, so that the middle of n pixels is (n - 1) / 2.
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    target = np.array([(input_hw[1] - 1) / 2, (input_hw[0] - 1) / 2]) + moved * np.array(input_hw[::-1])
    return np.hstack([linear, (target - linear @ middle)[:, None]])


def _lit(pixels: Bytes, inside: Bytes, vary: Augmentation, rng: np.random.Generator) -> Bytes:
    """Return the picture under another light; the grey around it stays, for there no lamp shines."""
    lit = pixels
    if vary.saturation > 0.0 and pixels.ndim == 3:
        grey = lit.mean(axis=2, keepdims=True)
        factor = 1.0 + rng.uniform(-1.0, 1.0) * vary.saturation
        lit = np.clip(grey + (lit - grey) * factor, 0, 255).astype(np.uint8)
    if vary.brightness > 0.0:
        level = float(np.mean(cv2.mean(lit, inside)[: 3 if lit.ndim == 3 else 1])) / 255.0
        lit = cv2.LUT(lit, _light_curve(level, vary.brightness, rng)).astype(np.uint8, copy=False)
    if rng.random() < vary.blur:
        lit = cv2.GaussianBlur(lit, (0, 0), float(rng.uniform(0.3, 1.0))).astype(np.uint8, copy=False)
    if vary.noise > 0.0:
        strength = rng.uniform(0.0, vary.noise) * 255.0 / _GRAIN
        grain = (_grain(lit.shape[:2], rng) * np.float32(strength)).astype(np.int16)
        lit = cv2.add(lit, cv2.merge([grain] * 3) if lit.ndim == 3 else grain, dtype=cv2.CV_8U).astype(np.uint8)
    lit[inside == 0] = PAD_VALUE
    return lit


def _grain(shape_hw: tuple[int, ...], rng: np.random.Generator) -> npt.NDArray[np.int16]:
    """Return a window of noise with the standard deviation `_GRAIN`; drawing it anew would cost as much as all else."""
    y, x = (int(rng.integers(0, side)) for side in shape_hw)
    return np.ascontiguousarray(_noise_field(shape_hw)[y : y + shape_hw[0], x : x + shape_hw[1]])


@functools.cache
def _noise_field(shape_hw: tuple[int, ...]) -> npt.NDArray[np.int16]:
    drawn = np.random.default_rng(0).standard_normal((2 * shape_hw[0], 2 * shape_hw[1]), np.float32)
    return np.rint(drawn * _GRAIN).astype(np.int16)


def _light_curve(level: float, strength: float, rng: np.random.Generator) -> Bytes:
    """Return the new value of each grey level: another contrast around the picture's own level, exposure and gamma."""
    contrast, exposure, gamma = (math.exp(rng.uniform(-1.0, 1.0) * strength * part) for part in (1.0, 0.8, 0.6))
    curve = (np.arange(256) / 255.0 - level) * contrast + level * exposure
    return np.rint(np.clip(curve, 0.0, 1.0) ** gamma * 255.0).astype(np.uint8)
