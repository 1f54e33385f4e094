"""Each output layout gives the same candidates; nonsense gives an error, never an empty list."""

import numpy as np
import numpy.typing as npt
import pytest

from models.errors import InferenceError
from models.manifest import NetworkOutput, OutputLayout
from models.outputs import outputs_to_candidates

# Two objects of two classes: xyxy, scores of both classes, two mask coefficients.
ROWS = np.array(
    [
        [10, 20, 30, 60, 0.90, 0.02, 0.5, -0.5],
        [100, 100, 140, 120, 0.001, 0.70, 1.5, 2.5],
        [0, 0, 5, 5, 0.003, 0.004, 0, 0],
    ],
    np.float32,
)


def _layout(kind: OutputLayout, **changes: float) -> NetworkOutput:
    return NetworkOutput.model_validate({"layout": kind, "mask_coefficients": 2, "min_confidence": 0.01, **changes})


def _one_to_many(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    size = rows[:, 2:4] - rows[:, :2]
    centred = np.concatenate([rows[:, :2] + size / 2, size, rows[:, 4:]], axis=1)
    return centred.T[None].astype(np.float32)


def _top_k(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    best = rows[:, 4:6].argmax(axis=1)
    score = rows[np.arange(len(rows)), 4 + best]
    return np.concatenate([rows[:, :4], score[:, None], best[:, None], rows[:, 6:]], axis=1)[None].astype(np.float32)


def test_best_first_when_one_to_one() -> None:
    found = outputs_to_candidates(ROWS[None], _layout(OutputLayout.YOLO_ONE_TO_ONE), 2)
    np.testing.assert_allclose(found.scores, [0.90, 0.70, 0.02], rtol=1e-6)
    assert found.class_indices.tolist() == [0, 1, 1]
    np.testing.assert_allclose(found.boxes_xyxy[1], ROWS[1, :4])
    np.testing.assert_allclose(found.mask_coefficients[1], [1.5, 2.5])


def test_same_candidates_when_other_layouts_say_the_same() -> None:
    reference = outputs_to_candidates(ROWS[None], _layout(OutputLayout.YOLO_ONE_TO_ONE, min_confidence=0.1), 2)
    for kind, output in (
        (OutputLayout.YOLO_ONE_TO_MANY, _one_to_many(ROWS)),
        (OutputLayout.YOLO_TOP_K, _top_k(ROWS)),
    ):
        found = outputs_to_candidates(output, _layout(kind, min_confidence=0.1), 2)
        np.testing.assert_allclose(found.boxes_xyxy, reference.boxes_xyxy, atol=1e-4)
        np.testing.assert_allclose(found.scores, reference.scores)
        assert found.class_indices.tolist() == reference.class_indices.tolist()


def test_overlap_is_suppressed_within_a_class_only() -> None:
    twin = ROWS[0].copy()
    twin[:6] = [11, 20, 31, 60, 0.8, 0.0]
    other_class = ROWS[0].copy()
    other_class[4:6] = [0.0, 0.6]
    rows = np.stack([ROWS[0], twin, other_class])
    found = outputs_to_candidates(_one_to_many(rows), _layout(OutputLayout.YOLO_ONE_TO_MANY, min_confidence=0.1), 2)
    np.testing.assert_allclose(found.scores, [0.9, 0.6], rtol=1e-6)


def test_at_most_max_detections_are_kept() -> None:
    rows = np.repeat(ROWS[:1], 50, axis=0)
    found = outputs_to_candidates(rows[None], _layout(OutputLayout.YOLO_ONE_TO_ONE, max_detections=7), 2)
    assert len(found.scores) == 7


@pytest.mark.parametrize("kind", list(OutputLayout))
def test_nothing_found_when_all_scores_are_low(kind: OutputLayout) -> None:
    columns = 8
    shape = (1, columns, 20) if kind is OutputLayout.YOLO_ONE_TO_MANY else (1, 20, columns)
    assert not outputs_to_candidates(np.zeros(shape, np.float32), _layout(kind), 2).scores.size


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_error_when_values_are_not_finite(value: float) -> None:
    rows = ROWS.copy()
    rows[2, 7] = value
    with pytest.raises(InferenceError, match="finite"):
        outputs_to_candidates(rows[None], _layout(OutputLayout.YOLO_ONE_TO_ONE), 2)


@pytest.mark.parametrize("score", [1.5, -0.5])
def test_error_when_scores_are_no_probabilities(score: float) -> None:
    rows = ROWS.copy()
    rows[0, 4] = score
    with pytest.raises(InferenceError, match="scores"):
        outputs_to_candidates(rows[None], _layout(OutputLayout.YOLO_ONE_TO_ONE), 2)


@pytest.mark.parametrize("shape", [(1, 3, 7), (1, 8, 3, 1), (2, 3, 8), (3, 8)])
def test_error_when_shape_is_another(shape: tuple[int, ...]) -> None:
    with pytest.raises(InferenceError, match="shaped"):
        outputs_to_candidates(np.zeros(shape, np.float32), _layout(OutputLayout.YOLO_ONE_TO_ONE), 2)


def test_error_when_class_index_is_unknown() -> None:
    output = _top_k(ROWS)
    output[0, 0, 5] = 9
    with pytest.raises(InferenceError, match="class"):
        outputs_to_candidates(output, _layout(OutputLayout.YOLO_TOP_K), 2)
