"""How open a verdict was."""

import pytest

from models.recipe import Thresholds
from models.uncertainty import uncertainty_of_part, uncertainty_of_score

LIMITS = Thresholds(0.4, 0.8)


@pytest.mark.parametrize(
    ("score", "expected"),
    [(0.6, 1.0), (0.5, 0.75), (0.7, 0.75), (0.4, 0.5), (0.8, 0.5), (0.2, 0.25), (0.9, 0.25), (0.0, 0.0), (1.0, 0.0)],
)
def test_score_is_most_open_in_the_middle_and_closes_on_both_sides_when_it_moves(score: float, expected: float) -> None:
    assert uncertainty_of_score(score, LIMITS) == pytest.approx(expected)


def test_score_on_the_threshold_is_wholly_open_when_both_are_one() -> None:
    limits = Thresholds(0.5, 0.5)
    assert uncertainty_of_score(0.5, limits) == 1.0
    assert uncertainty_of_score(0.25, limits) == 0.25
    assert uncertainty_of_score(1.0, Thresholds(0.5, 1.0)) == 0.5


def test_part_is_as_open_as_its_most_open_detection_when_it_has_several() -> None:
    limits = {"scratch": LIMITS, "dent": Thresholds(0.2, 0.4)}
    assert uncertainty_of_part([("scratch", 0.9), ("dent", 0.3)], limits) == pytest.approx(1.0)
    assert uncertainty_of_part([("unknown", 0.6)], limits) == 0.0
    assert uncertainty_of_part([], limits) == 0.0


def test_pass_is_measured_by_the_nearest_threshold_when_the_class_is_not_stored() -> None:
    limits = {"scratch": LIMITS, "dent": Thresholds(0.2, 0.4)}
    assert uncertainty_of_part([], limits, highest_not_counted=0.1) == pytest.approx(0.25)  # half-way to 0.2
    assert uncertainty_of_part([], limits, highest_not_counted=0.3) == pytest.approx(0.375)  # cannot have been a dent
    assert uncertainty_of_part([], limits, highest_not_counted=0.0) == 0.0
