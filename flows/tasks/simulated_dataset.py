"""Parts of the simulated line, or pictures of simulated surfaces, written as a COCO folder."""

from __future__ import annotations

import functools
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from flows.tasks.coco import Annotation, Dataset, Picture, Ring, write_annotations
from models.simulation import DEFECT_CLASSES, SimulatedDefect, SimulatedLine
from models.simulation.surfaces import SURFACE_CLASSES, surface_picture

JPEG_QUALITY = 95  # what industrial cameras send by default; the network must not depend on lossless pictures
SURFACE_PX = 256
_FINER = 4
_AT_A_TIME = 50


def write_simulated_dataset(
    folder: Path,
    *,
    line: SimulatedLine,
    count: int,
    on_part: Callable[[int], None] = lambda _: None,
) -> Dataset:
    """Return the first `count` parts of `line` as a data set of JPEG pictures in `folder`.

    Args:
        folder: Is created; holds `images/` and `annotations.json` afterwards.
        line: The line to take parts from.
        count: How many parts.
        on_part: Called with the number of parts written so far.

    Raises:
        OSError: A picture cannot be written.
    """
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    pictures = []
    for index in range(count):
        part = line.part(index)
        path = images / f"part_{index:06d}.jpg"
        bgr = cv2.cvtColor(part.pixels_rgb, cv2.COLOR_RGB2BGR)
        _, encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        path.write_bytes(encoded.tobytes())
        height, width = part.pixels_rgb.shape[:2]
        pictures.append(Picture(path, (height, width), tuple(_annotation(defect) for defect in part.defects)))
        on_part(index + 1)
    write_annotations(folder, DEFECT_CLASSES, pictures)
    return Dataset(DEFECT_CLASSES, tuple(pictures))


def _annotation(defect: SimulatedDefect) -> Annotation:
    ring = tuple((float(x), float(y)) for x, y in defect.mask_polygon)
    return Annotation(defect.class_name, defect.box_xyxy, (ring,))


def write_surface_dataset(
    folder: Path,
    *,
    seed: int,
    count: int,
    side_px: int = SURFACE_PX,
    defect_rate: float = 0.6,
    processes: int = 1,
    on_part: Callable[[int], None] = lambda _: None,
) -> Dataset:
    """Return `count` pictures of simulated surfaces as a data set of JPEG pictures in `folder`.

    Half of them are square, the others up to 1 : 2.5, upright or lying; the JPEG quality varies too.

    Args:
        folder: Is created; holds `images/` and `annotations.json` afterwards.
        seed: Chooses the pictures; other seeds share none of them.
        count: How many.
        side_px: The longer side.
        defect_rate: Share of pictures that are given defects.
        processes: How many draw at a time; the pictures are the same.
        on_part: Called with the number of pictures written so far.

    Raises:
        ValueError: The pictures would be too small.
        OSError: A picture cannot be written.
    """
    (images := folder / "images").mkdir(parents=True, exist_ok=True)
    draw = functools.partial(_write_surface, images, seed=seed, side_px=side_px, defect_rate=defect_rate)
    pictures = []
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        for picture in pool.map(draw, range(count), chunksize=_AT_A_TIME) if processes > 1 else map(draw, range(count)):
            pictures.append(picture)
            on_part(len(pictures))
    write_annotations(folder, SURFACE_CLASSES, pictures)
    return Dataset(SURFACE_CLASSES, tuple(pictures))


def _write_surface(images: Path, index: int, *, seed: int, side_px: int, defect_rate: float) -> Picture:
    """Draw one picture into the folder."""
    rng = np.random.default_rng((seed, index, 0x5FACE))
    short_px = side_px if rng.random() < 0.5 else round(side_px * rng.uniform(0.4, 1.0))
    shape_hw = (side_px, short_px) if rng.random() < 0.5 else (short_px, side_px)
    made = surface_picture((seed, index), shape_hw=shape_hw, defect_rate=defect_rate)
    path = images / f"surface_{index:06d}.jpg"
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(75, 99))]
    _, encoded = cv2.imencode(".jpg", made.pixels_rgb[..., ::-1], quality)
    path.write_bytes(encoded.tobytes())
    return Picture(path, shape_hw, tuple(annotation_of_mask(d.class_name, d.mask) for d in made.defects))


def annotation_of_mask(class_name: str, mask: npt.NDArray[np.bool_]) -> Annotation:
    """Return the annotation of a defect whose pixels are known, (H, W) bool, with its box and its outer rings."""
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    box = (float(left), float(top), float(left + width), float(top + height))
    return Annotation(class_name, box, mask_to_rings(mask))


def mask_to_rings(mask: npt.NDArray[np.bool_]) -> tuple[Ring, ...]:
    """Return the outer rings of a mask (H, W) bool, around its pixels and not through their centres.

    A scratch is often one pixel wide: a ring through the centres of its pixels has no area.
    """
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    piece = mask[top : top + height, left : left + width].astype(np.uint8)
    fine = np.repeat(np.repeat(piece, _FINER, axis=0), _FINER, axis=1)
    contours, _ = cv2.findContours(fine, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    rings = [(contour.reshape(-1, 2) + 0.5) / _FINER + (left, top) for contour in contours]
    return tuple(tuple((float(x), float(y)) for x, y in ring) for ring in rings)
