"""What each strategy chooses, on points and pictures whose answer is known."""

from collections.abc import Sequence

import numpy as np
import pytest

from flows.tasks.strategies import (
    Pick,
    Quota,
    disagreement_of,
    farthest_first,
    highest,
    quotas_of,
    rarest_first,
)
from models.decide import Decision
from models.detections import Detection, Extent
from models.runtime import Verdict

Box = tuple[float, float, float, float]
LEFT: Box = (0, 0, 10, 10)
RIGHT: Box = (50, 0, 60, 10)
NONE = np.empty((0, 2), np.float32)


def _points(*points: tuple[float, float]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.array(points, np.float32)


def _verdict(decision: Decision, *found: tuple[str, Box]) -> Verdict:
    detections = tuple(Detection(name, 0.9, box, Extent(1, 1, 1)) for name, box in found)
    return Verdict(decision, 0.9, detections, {}, {})


def test_farthest_points_come_first_when_one_is_known() -> None:
    offered = _points((1, 0), (10, 0), (4, 0), (9, 0))
    picks = farthest_first(offered, _points((0, 0)), 3)
    # 10 away from what is known; then 4 is 4 away from it, 1 from... 9 lies beside 10; last the 1.
    assert [pick.index for pick in picks] == [1, 2, 0]
    assert [pick.score for pick in picks] == pytest.approx([1.0, 0.4, 0.1])


def test_cover_is_no_worse_than_twice_the_best_when_compared_with_every_choice() -> None:
    # The promise of the greedy k-center (Gonzalez 1985), on points for which the best is known by trying all.
    offered = _points(*((x, y) for x in (0, 1, 5, 6) for y in (0, 4)), (20, 20))
    indices = [pick.index for pick in farthest_first(offered, NONE, 3)]

    def radius(chosen: Sequence[int]) -> float:
        return max(min(float(np.linalg.norm(p - offered[c])) for c in chosen) for p in offered)

    best = min(radius((a, b, c)) for a in range(9) for b in range(a) for c in range(b))
    assert radius(indices) <= 2 * best
    assert len(set(indices)) == 3


def test_most_central_point_is_first_when_nothing_is_known() -> None:
    picks = farthest_first(_points((0, 0), (5, 0), (10, 0)), NONE, 3)
    assert picks[0] == Pick(1, 1.0)
    assert {pick.index for pick in picks} == {0, 1, 2}


def test_copies_are_left_out_when_there_are_places_left() -> None:
    assert farthest_first(_points((0, 0), (0, 0)), _points((0, 0)), 5) == []
    assert [pick.index for pick in farthest_first(_points((3, 0), (3, 0)), _points((0, 0)), 5)] == [0]
    assert farthest_first(NONE, NONE, 5) == []
    assert farthest_first(_points((1, 1)), NONE, 0) == []


def test_highest_scores_are_chosen_when_above_the_least() -> None:
    assert highest([0.2, 0.9, 0.5, 0.9], 3, least=0.2) == [Pick(1, 0.9), Pick(3, 0.9), Pick(2, 0.5)]
    assert highest([0.2, 0.9], 1) == [Pick(1, 0.9)]
    assert highest([0.0], 1) == []


def test_rarest_class_comes_first_and_the_choice_evens_out_when_it_goes_on() -> None:
    classes = [["scratch"], ["dent"], ["dent"], ["dent"], [], ["dent", "scratch"]]
    picks = rarest_first(classes, {"scratch": 3, "dent": 1}, 4)
    # dent has 1 label, so two of them; then both have 3.
    assert [pick.index for pick in picks] == [1, 2, 0, 3]
    assert [pick.score for pick in picks] == pytest.approx([1.0, 2 / 3, 1 / 2, 1 / 2])
    assert rarest_first([[], []], {}, 5) == []
    assert len(rarest_first(classes, {}, 99)) == 5


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (_verdict("pass"), _verdict("pass"), 0.0),
        (_verdict("fail", ("scratch", LEFT)), _verdict("fail", ("scratch", LEFT)), 0.0),
        (_verdict("fail", ("scratch", LEFT)), _verdict("fail", ("dent", LEFT)), 0.5),
        (_verdict("fail", ("scratch", LEFT)), _verdict("fail", ("scratch", RIGHT)), 0.5),
        (_verdict("pass"), _verdict("fail", ("scratch", LEFT)), 1.0),
        (_verdict("uncertain", ("scratch", LEFT)), _verdict("fail", ("scratch", LEFT)), 0.25),
        (
            _verdict("fail", ("scratch", LEFT), ("scratch", RIGHT)),
            _verdict("fail", ("scratch", RIGHT)),
            (1 - 2 / 3) / 2,
        ),
    ],
)
def test_disagreement_grows_with_decision_and_findings_when_they_differ(
    first: Verdict, second: Verdict, expected: float
) -> None:
    assert disagreement_of(first, second) == pytest.approx(expected)
    assert disagreement_of(second, first) == pytest.approx(expected)


def test_budget_is_shared_to_the_last_place_when_weights_do_not_divide_it() -> None:
    quotas = quotas_of(["uncertainty", "random_audit", "diversity", "class_rarity"], [], 10)
    assert quotas == {"uncertainty": Quota(4, 1.0), "diversity": Quota(3, 1.0), "class_rarity": Quota(3, 1.0)}
    assert quotas_of(["uncertainty", "diversity"], [4, 1], 10) == {
        "uncertainty": Quota(8, 1.0),
        "diversity": Quota(2, 0.25),
    }
    assert quotas_of(["random_audit"], [], 10) == {}


@pytest.mark.parametrize(
    ("strategies", "weights", "says"),
    [
        (["uncertainty", "uncertainty"], [], "twice"),
        (["uncertainty", "random_audit"], [1, 1], "1 numbers, for uncertainty"),
        (["uncertainty"], [0], "above 0"),
        (["uncertainty"], [float("nan")], "above 0"),
    ],
)
def test_quotas_are_refused_when_the_weights_do_not_fit(strategies: list[str], weights: list[float], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        quotas_of(strategies, weights, 10)  # type: ignore[arg-type]
