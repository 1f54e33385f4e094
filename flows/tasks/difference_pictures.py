"""The parts on which two versions decide differently, drawn side by side: what a person wants to see first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from flows.gate import GoldenDifference
from flows.gate_report import DifferingPart
from flows.tasks.coco import Annotation
from flows.tasks.measure_version import Measured
from models.bundle import Bundle
from models.detections import Detection
from models.intake import read_image
from models.recipe import Recipe
from models.runtime import open_runtime

Pixels = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]
MAX_DRAWN: Final = 24
_WIDTH_PX: Final = 480
_CAPTION_PX: Final = 28
_SHEET: Final = 6
_WHITE, _YELLOW, _DARK = (255, 255, 255), (255, 220, 0), (32, 32, 32)
# What costs most comes first: a defect that would now reach the customer.
_SEVERITY: Final = {"pass": 0, "uncertain": 1, "fail": 2}


@dataclass(frozen=True, slots=True)
class _Part:
    part: DifferingPart
    path: Path
    annotations: tuple[Annotation, ...]
    found: tuple[tuple[Detection, ...], tuple[Detection, ...]]


def draw_differences(
    candidate: Measured,
    deployed: Measured,
    bundles: tuple[Bundle, Bundle],
    golden: Sequence[GoldenDifference],
    folder: Path,
) -> tuple[DifferingPart, ...]:
    """Return every part with two decisions, worst first; the first 24 are drawn into `folder`.

    Args:
        candidate: Measured on the test set.
        deployed: Measured on the same pictures in the same order.
        bundles: The candidate's and the deployed one's.
        golden: Golden pictures of the deployed bundle with two decisions.
        folder: An existing folder.

    Raises:
        ModelError: A golden picture cannot be read or judged again.
    """
    parts = [*_of_test_set(candidate, deployed, bundles), *_of_golden(bundles, golden)]
    parts.sort(key=lambda p: (p.part.truth == "good", _SEVERITY[p.part.candidate], p.part.picture))
    shown = []
    for number, part in enumerate(parts):
        if number >= MAX_DRAWN:
            shown.append(part.part)
            continue
        name = f"{number:02d}_{Path(part.part.picture).stem}.jpg"
        (folder / name).write_bytes(_encoded(_drawing(part)))
        shown.append(replace(part.part, shown_in=f"{folder.name}/{name}"))
    return tuple(shown)


def contact_sheet(drawings: Sequence[Path]) -> bytes:
    """Return the first drawings below each other as one JPEG."""
    read = [cv2.imdecode(np.frombuffer(p.read_bytes(), np.uint8), cv2.IMREAD_COLOR_RGB) for p in drawings[:_SHEET]]
    return _encoded(np.vstack([np.asarray(drawing, np.uint8) for drawing in read]))


def _of_test_set(candidate: Measured, deployed: Measured, bundles: tuple[Bundle, Bundle]) -> Iterator[_Part]:
    rows = zip(candidate.inspected, candidate.decisions, deployed.inspected, deployed.decisions, strict=True)
    for now, decision, before, earlier in rows:
        if decision != earlier:
            picture = now.picture
            part = DifferingPart(picture.path.name, "good" if picture.is_good else "defective", decision, earlier)
            found = (_counted(now.detections, bundles[0]), _counted(before.detections, bundles[1]))
            yield _Part(part, picture.path, picture.annotations, found)


def _of_golden(bundles: tuple[Bundle, Bundle], golden: Sequence[GoldenDifference]) -> Iterator[_Part]:
    runtimes = [open_runtime(bundle, backend="onnxruntime") for bundle in bundles] if golden else []
    for difference in golden:
        path = bundles[1].root / difference.picture
        picture = read_image(path.read_bytes())
        now, before = (runtime.inspect(picture, Recipe()).detections for runtime in runtimes)
        part = DifferingPart(difference.picture, "golden", difference.found, difference.expected)
        yield _Part(part, path, (), (now, before))


def _counted(detections: tuple[Detection, ...], bundle: Bundle) -> tuple[Detection, ...]:
    limits = bundle.manifest.thresholds
    return tuple(d for d in detections if d.confidence >= limits[d.class_name].accept_below)


def _drawing(part: _Part) -> Pixels:
    """Return both versions' view beside each other, uint8 (height, 960, 3) RGB."""
    pixels = read_image(part.path.read_bytes()).pixels_rgb
    sides = zip(("candidate", "deployed"), (part.part.candidate, part.part.deployed), part.found, strict=True)
    return np.hstack([_panel(pixels, f"{who}: {said}", part, found) for who, said, found in sides])


def _panel(pixels: Pixels, said: str, part: _Part, found: tuple[Detection, ...]) -> Pixels:
    scale = _WIDTH_PX / pixels.shape[1]
    size = (_WIDTH_PX, max(1, round(pixels.shape[0] * scale)))
    canvas = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    for annotation in part.annotations:
        _box(canvas, annotation.box_xyxy, scale, _WHITE, 1)
    for detection in found:
        _box(canvas, detection.box_xyxy, scale, _YELLOW, 2)
        at = (round(detection.box_xyxy[0] * scale), max(12, round(detection.box_xyxy[1] * scale) - 4))
        _write(canvas, f"{detection.class_name} {detection.confidence:.2f}", at, 0.4)
    caption = np.full((_CAPTION_PX, _WIDTH_PX, 3), _DARK, np.uint8)
    _write(caption, f"{said}  ({part.part.truth})", (6, 19), 0.5)
    return np.vstack([caption, canvas])


def _box(canvas: Pixels, box_xyxy: tuple[float, float, float, float], scale: float, colour: Colour, px: int) -> None:
    left, top, right, bottom = (round(value * scale) for value in box_xyxy)
    cv2.rectangle(canvas, (left, top), (right, bottom), colour, px)


def _write(canvas: Pixels, text: str, at: tuple[int, int], size: float) -> None:
    # Dark below light, so that it can be read on any part; the font knows no letters beyond ASCII.
    plain = text.encode("ascii", "replace").decode()
    cv2.putText(canvas, plain, at, cv2.FONT_HERSHEY_SIMPLEX, size, _DARK, 3, cv2.LINE_AA)
    cv2.putText(canvas, plain, at, cv2.FONT_HERSHEY_SIMPLEX, size, _WHITE, 1, cv2.LINE_AA)


def _encoded(pixels_rgb: Pixels) -> bytes:
    done, data = cv2.imencode(".jpg", pixels_rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    if not done:
        raise ValueError("the drawing cannot be encoded")
    return bytes(data)
