"""The parts on which two versions decide differently, drawn side by side: what a person wants to see first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from flows.gate import GoldenDifference
from flows.gate_report import DifferingPart
from flows.tasks.coco import Annotation
from flows.tasks.drawn_part import Pixels, draw_part, encode_jpeg
from flows.tasks.measure_version import Measured
from models.bundle import Bundle
from models.detections import Detection
from models.intake import read_image
from models.recipe import Recipe
from models.runtime import open_runtime

MAX_DRAWN: Final = 24
_SHEET: Final = 6
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
        (folder / name).write_bytes(encode_jpeg(_drawing(part)))
        shown.append(replace(part.part, shown_in=f"{folder.name}/{name}"))
    return tuple(shown)


def contact_sheet(drawings: Sequence[Path]) -> bytes:
    """Return the first drawings below each other as one JPEG."""
    read = [cv2.imdecode(np.frombuffer(p.read_bytes(), np.uint8), cv2.IMREAD_COLOR_RGB) for p in drawings[:_SHEET]]
    return encode_jpeg(np.vstack([np.asarray(drawing, np.uint8) for drawing in read]))


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
    return np.hstack(
        [
            draw_part(pixels, f"{who}: {said}  ({part.part.truth})", part.annotations, found)
            for who, said, found in sides
        ]
    )
