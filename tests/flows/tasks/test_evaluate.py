"""Average precision through the live runtime is 1 for a perfect network and falls with each kind of mistake."""

from dataclasses import replace
from pathlib import Path

import pytest

from flows.tasks.coco import Annotation, Picture
from flows.tasks.evaluate import Inspected, average_precision, inspect_pictures
from models.bundle import Bundle
from models.detections import Detection, Extent
from models.runtime import open_runtime
from tests.pictures import png_bytes, square_picture

BOX = (8.0, 16.0, 40.0, 32.0)
RING = ((8.0, 16.0), (40.0, 16.0), (40.0, 32.0), (8.0, 32.0))


def _found(class_name: str = "scratch", box: tuple[float, float, float, float] = BOX, score: float = 0.9) -> Detection:
    x0, y0, x1, y1 = box
    ring = ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
    return Detection(class_name, score, box, Extent((x1 - x0) * (y1 - y0), x1 - x0, y1 - y0), (ring,))


def _part(*detections: Detection, annotated: bool = True) -> Inspected:
    annotations = (Annotation("scratch", BOX, (RING,)),) if annotated else ()
    return Inspected(Picture(Path("part.jpg"), (64, 64), annotations), detections)


@pytest.mark.parametrize("kind", ["bbox", "segm"])
def test_precision_is_perfect_when_every_defect_is_found(kind: str) -> None:
    parts = [_part(_found()), _part(_found()), _part(annotated=False)]
    result = average_precision(parts, ["scratch", "dent"], "bbox" if kind == "bbox" else "segm")
    assert result.ap50 == pytest.approx(1.0)
    assert result.ap50_95 == pytest.approx(1.0)
    assert set(result.per_class_ap50) == {"scratch"}


@pytest.mark.parametrize(
    "wrong",
    [
        _found(class_name="dent"),
        _found(box=(40.0, 40.0, 60.0, 60.0)),
        _found(box=(8.0, 16.0, 22.0, 32.0)),  # overlap 0.44
    ],
)
def test_a_proposal_counts_as_wrong_when_class_or_place_is(wrong: Detection) -> None:
    assert average_precision([_part(wrong)], ["scratch", "dent"], "bbox").ap50 == pytest.approx(0.0)


def test_precision_falls_when_good_parts_raise_alarms() -> None:
    alarm = _part(_found(score=0.95), annotated=False)
    clean = average_precision([_part(_found()), _part()], ["scratch"], "bbox")
    noisy = average_precision([_part(_found()), _part(), alarm], ["scratch"], "bbox")
    assert noisy.ap50 < clean.ap50 < 1.0


def test_masks_are_judged_by_their_shape_when_boxes_agree() -> None:
    half = replace(_found(), mask_polygon=(((8.0, 16.0), (40.0, 16.0), (8.0, 24.0)),))
    parts = [_part(half)]
    assert average_precision(parts, ["scratch"], "bbox").ap50 == pytest.approx(1.0)
    assert average_precision(parts, ["scratch"], "segm").ap50 == pytest.approx(0.0)


def test_precision_is_zero_when_nothing_was_proposed() -> None:
    assert average_precision([_part()], ["scratch"], "bbox").ap50 == 0.0


def test_pictures_run_as_live_when_evaluated(tiny_bundle: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "red.png"
    path.write_bytes(png_bytes(square_picture("red")))
    runtime = open_runtime(tiny_bundle, backend="onnxruntime")
    (part,) = inspect_pictures(runtime, [Picture(path, (64, 64))])
    assert part.detections
    assert part.detections[0].class_name == "scratch"
