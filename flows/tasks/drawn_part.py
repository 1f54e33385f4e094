"""A part as a picture for people: what is annotated on it in white, what was found in yellow, a caption above."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from flows.tasks.coco import Annotation
from models.detections import Detection

Pixels = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]
WIDTH_PX: Final = 480
_CAPTION_PX: Final = 28
_WHITE, _YELLOW, _DARK = (255, 255, 255), (255, 220, 0), (32, 32, 32)


def draw_part(
    pixels: Pixels,
    caption: str,
    annotations: Iterable[Annotation],
    found: Iterable[Detection],
    width_px: int = WIDTH_PX,
) -> Pixels:
    """Return the part `width_px` wide with its caption, uint8 (height, width, 3) RGB.

    Args:
        pixels: The picture, uint8 (height, width, 3) RGB.
        caption: One line.
        annotations: In pixels of the picture.
        found: The same.
        width_px: Of the drawing.
    """
    scale = width_px / pixels.shape[1]
    size = (width_px, max(1, round(pixels.shape[0] * scale)))
    canvas = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    for annotation in annotations:
        _box(canvas, annotation.box_xyxy, scale, _WHITE, 1)
    for detection in found:
        _box(canvas, detection.box_xyxy, scale, _YELLOW, 2)
        at = (round(detection.box_xyxy[0] * scale), max(12, round(detection.box_xyxy[1] * scale) - 4))
        _write(canvas, f"{detection.class_name} {detection.confidence:.2f}", at, 0.4)
    strip = np.full((_CAPTION_PX, width_px, 3), _DARK, np.uint8)
    _write(strip, caption, (6, 19), 0.5 if width_px >= WIDTH_PX else 0.4)
    return np.vstack([strip, canvas])


def encode_jpeg(pixels_rgb: Pixels) -> bytes:
    """Return a drawing as JPEG.

    Raises:
        ValueError: It has no pixels.
    """
    if pixels_rgb.size == 0:
        raise ValueError("the drawing cannot be encoded")
    _, data = cv2.imencode(".jpg", pixels_rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    return bytes(data)


def _box(canvas: Pixels, box_xyxy: tuple[float, float, float, float], scale: float, colour: Colour, px: int) -> None:
    left, top, right, bottom = (round(value * scale) for value in box_xyxy)
    cv2.rectangle(canvas, (left, top), (right, bottom), colour, px)


def _write(canvas: Pixels, text: str, at: tuple[int, int], size: float) -> None:
    # Dark below light, so that it can be read on any part; the font knows no letters beyond ASCII.
    plain = text.encode("ascii", "replace").decode()
    cv2.putText(canvas, plain, at, cv2.FONT_HERSHEY_SIMPLEX, size, _DARK, 3, cv2.LINE_AA)
    cv2.putText(canvas, plain, at, cv2.FONT_HERSHEY_SIMPLEX, size, _WHITE, 1, cv2.LINE_AA)
