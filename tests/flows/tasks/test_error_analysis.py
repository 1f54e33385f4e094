"""The error analysis tells escapes, false rejects, wrong names and loose masks apart, and leaves files that open."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("scipy", reason="needs the train extra")

from flows.tasks.coco import Annotation, Picture
from flows.tasks.error_analysis import ErrorAnalysis, analyse_errors, part_auroc
from flows.tasks.error_report import error_markdown, error_metrics, write_errors
from flows.tasks.evaluate import Inspected
from flows.tasks.part_score import auroc, is_on
from models.bundle import Bundle
from models.detections import Detection, Extent
from models.recipe import Thresholds
from tests.pictures import png_bytes, square_picture

pytestmark = pytest.mark.training

BOX = (10.0, 10.0, 40.0, 40.0)
RING = ((10.0, 10.0), (40.0, 10.0), (40.0, 40.0), (10.0, 40.0))
LIMITS = {"crack": Thresholds(0.3, 0.6), "dent": Thresholds(0.1, 0.2)}
CLASSES = ("crack", "dent")


def _found(score: float, class_name: str = "crack", box: tuple[float, float, float, float] = BOX) -> Detection:
    x0, y0, x1, y1 = box
    ring = ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
    return Detection(class_name, score, box, Extent(900.0, 30.0, 30.0), (ring,))


def _part(*found: Detection, defective: bool, name: str = "part.png") -> Inspected:
    annotations = (Annotation("crack", BOX, (RING,)),) if defective else ()
    return Inspected(Picture(Path(name), (64, 64), annotations), found)


def _analysed(*parts: Inspected) -> ErrorAnalysis:
    return analyse_errors(parts, LIMITS, CLASSES)


def test_worst_parts_come_first_when_verdicts_are_wrong() -> None:
    analysis = _analysed(
        _part(_found(0.25), defective=True, name="nearly.png"),
        _part(_found(0.01), defective=True, name="blind.png"),
        _part(_found(0.9), defective=True, name="caught.png"),
        _part(_found(0.7), defective=False, name="alarm.png"),
        _part(_found(0.99), defective=False, name="sure.png"),
        _part(_found(0.4), defective=False, name="open.png"),
    )
    assert [p.inspected.picture.path.name for p in analysis.escapes] == ["blind.png", "nearly.png"]
    assert [p.inspected.picture.path.name for p in analysis.overkills] == ["sure.png", "alarm.png"]


def test_scores_of_classes_are_compared_from_where_each_begins_when_parts_are_ranked() -> None:
    # 0.25 is far above where a dent counts and below where a crack does.
    dent, crack = _part(_found(0.25, "dent"), defective=True), _part(_found(0.25), defective=False)
    analysis = _analysed(dent, crack)
    assert analysis.auroc == 1.0
    assert analysis.parts[0].score > 0.5 > analysis.parts[1].score


@pytest.mark.parametrize(
    ("good", "defective", "area"),
    [([0.1, 0.2], [0.3, 0.4], 1.0), ([0.3, 0.4], [0.1, 0.2], 0.0), ([0.2, 0.2], [0.2], 0.5), ([0.1, 0.3], [0.2], 0.5)],
)
def test_area_is_that_of_all_pairs_when_counted(good: list[float], defective: list[float], area: float) -> None:
    assert auroc(good, defective) == pytest.approx(area)


def test_there_is_no_area_when_parts_of_one_kind_are_missing() -> None:
    assert part_auroc([_part(defective=True)], LIMITS) is None


def test_defects_fall_into_the_matrix_when_missed_misnamed_or_invented() -> None:
    elsewhere = (45.0, 45.0, 60.0, 60.0)
    analysis = _analysed(
        _part(_found(0.9), defective=True),
        _part(_found(0.9, "dent"), defective=True),
        _part(_found(0.9, box=elsewhere), defective=True),
        _part(_found(0.05), defective=True),
    )
    assert analysis.class_names == ("crack", "dent", "nothing")
    assert analysis.confusion == ((1, 1, 2), (0, 0, 0), (1, 0, 0))
    (crack,) = analysis.by_class
    assert (crack.found.count, crack.found.of, crack.named_otherwise) == (1, 4, 1)
    (size,) = analysis.by_size
    assert size.name == "16 to 32 px"


def test_overlap_is_that_of_the_masks_when_a_defect_is_found() -> None:
    half = replace(_found(0.9), mask_polygon=(((10.0, 10.0), (40.0, 10.0), (40.0, 25.0), (10.0, 25.0)),))
    analysis = _analysed(_part(_found(0.9), defective=True), _part(half, defective=True))
    assert analysis.mask_iou == pytest.approx(0.75, abs=0.03)
    assert _analysed(_part(defective=True)).mask_iou is None


def test_curve_ends_at_the_recall_of_all_proposals_when_some_are_false() -> None:
    parts = [
        _part(_found(0.9), defective=True),
        _part(_found(0.8), defective=False),
        _part(_found(0.7), defective=True),
    ]
    first, last = _analysed(*parts).curve
    assert first == (0.5, 1.0, 0.9)
    assert last == pytest.approx((1.0, 2 / 3, 0.7), abs=1e-4)


def test_a_piece_lies_on_its_defect_when_it_is_small() -> None:
    whole = Annotation("crack", (0.0, 0.0, 100.0, 100.0))
    assert is_on(_found(0.9, box=(50.0, 50.0, 55.0, 55.0)), whole)
    assert not is_on(_found(0.9, box=(99.0, 99.0, 130.0, 130.0)), whole)


def test_files_open_and_say_the_same_when_written(tiny_bundle: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "blue.png"
    path.write_bytes(png_bytes(square_picture("blue")))
    scratch, dent = "scratch", replace(_found(0.99, "dent"), class_name="dent")
    assert set(tiny_bundle.manifest.classes) >= {scratch, "dent"}
    escape = Inspected(Picture(path, (64, 64), (Annotation(scratch, BOX, (RING,)),)), ())
    overkill = Inspected(Picture(path, (64, 64)), (dent,))
    analysis = write_errors([escape, overkill], tiny_bundle.manifest, tmp_path, "Version 1 on 2 test parts")
    folder = tmp_path / "errors"
    for name in ("charts.png", "escapes.jpg", "overkills.jpg", "escapes/00_blue.jpg", "overkills/00_blue.jpg"):
        pixels = cv2.imread(str(folder / name))
        assert pixels is not None, name
        assert np.asarray(pixels).std() > 5.0, name
    said = json.loads((folder / "errors.json").read_text())
    assert [part["decision"] for part in said["parts"]] == ["pass", "fail"]
    assert said["auroc"] == analysis.auroc == 0.0
    text = (folder / "errors.md").read_text()
    assert text.startswith("# Version 1 on 2 test parts")
    assert "1 escapes, the worst first: `blue.png`" in text
    assert error_metrics(analysis) == {"errors.part_auroc": 0.0, f"errors.found.{scratch}": 0.0}
    assert "| scratch | 0 of 1" in "\n".join(error_markdown(analysis))
