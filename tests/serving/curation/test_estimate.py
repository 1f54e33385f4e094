"""The estimate is unbiased: shown by going through every outcome that the lots can have, not by drawing many times."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations, product

import pytest

from serving.curation.estimate import DrawTally, count_states, estimate
from serving.curation.interval import clopper_pearson
from serving.curation.repository import DrawnPass
from serving.curation.schemas import lot_of

# Lots on a grid: each of the values is equally likely, and a share that is one of them is met exactly.
GRID = (0.0, 0.25, 0.5, 0.75)


def _drawn(lots: Sequence[float], defects: Sequence[bool], share: float, draw_id: str = "a") -> list[DrawnPass]:
    """What a draw takes of these passes: whose lot is below the share."""
    pairs = zip(lots, defects, strict=True)
    return [DrawnPass(draw_id, lot, "labeled", has_defect) for lot, has_defect in pairs if lot < share]


def _every_outcome(passes: int) -> Iterator[tuple[float, ...]]:
    return product(GRID, repeat=passes)


def test_each_pass_and_each_pair_has_the_same_chance_when_every_outcome_is_counted() -> None:
    outcomes = list(_every_outcome(4))
    for share in (0.25, 0.5, 1.0):
        alone = {sum(lots[at] < share for lots in outcomes) for at in range(4)}
        pairs = {sum(lots[a] < share and lots[b] < share for lots in outcomes) for a, b in combinations(range(4), 2)}
        assert alone == {share * len(outcomes)}
        assert pairs == {share**2 * len(outcomes)}


@pytest.mark.parametrize("defects", [(True, False, False, False), (True, False, True, True), (False,) * 4])
def test_mean_of_the_estimate_is_the_rate_when_every_outcome_is_taken(defects: tuple[bool, ...]) -> None:
    found = []
    for lots in _every_outcome(4):
        result = estimate([DrawTally(0.5, 4, _drawn(lots, defects, 0.5))])
        if result is not None:
            found.append(Fraction(result.escapes, result.labelled))
    assert sum(found) / len(found) == Fraction(sum(defects), 4)


def test_mean_stays_the_rate_when_the_draws_had_different_shares() -> None:
    first, second = (True, True), (False, False)  # all escapes happened in the window with the larger share
    found, pooled = [], []
    for lots in _every_outcome(4):
        drawn = _drawn(lots[:2], first, 0.75, "a"), _drawn(lots[2:], second, 0.25, "b")
        result = estimate([DrawTally(0.75, 2, drawn[0]), DrawTally(0.25, 2, drawn[1])])
        if result is not None:
            assert result.share == 0.25
            assert result.passes == 4
            found.append(Fraction(result.escapes, result.labelled))
        if everything := drawn[0] + drawn[1]:
            pooled.append(Fraction(sum(each.has_defect for each in everything), len(everything)))
    assert sum(found) / len(found) == Fraction(1, 2)
    assert sum(pooled) / len(pooled) > Fraction(7, 10)  # what counting everything alike would have said


def test_draw_does_not_count_when_a_look_is_missing() -> None:
    complete = DrawTally(1.0, 3, [DrawnPass("a", 0.1 * n, "trained", n == 0) for n in range(3)])
    # Its one labelled pass was in the queue before the draw, because somebody doubted it.
    waiting = DrawnPass("b", 0.2, "pending", has_defect=False)
    begun = DrawTally(1.0, 2, [DrawnPass("b", 0.1, "labeled", has_defect=True), waiting])
    result = estimate([complete, begun])
    assert result is not None
    assert (result.escapes, result.labelled, result.passes) == (1, 3, 3)
    assert (result.interval.low, result.interval.high) == clopper_pearson(1, 3)
    assert estimate([begun]) is None
    assert count_states([complete, begun]) == {
        "sampled": 5,
        "labelled": 4,
        "skipped": 0,
        "waiting": 1,
        "lost": 0,
        "escapes": 2,
    }


def test_skipped_and_lost_passes_are_left_out_when_the_rest_is_labelled() -> None:
    drawn = [DrawnPass("a", 0.1, state, has_defect=False) for state in ("labeled", "skipped", None)]
    result = estimate([DrawTally(0.5, 9, drawn)])
    assert result is not None
    assert (result.escapes, result.labelled) == (0, 1)
    assert estimate([DrawTally(0.5, 9, drawn[1:])]) is None
    assert estimate([]) is None


def test_lots_fill_the_range_evenly_and_follow_from_seed_and_id_when_made() -> None:
    lots = sorted(lot_of(7, str(number)) for number in range(5000))
    assert 0.0 <= lots[0] <= lots[-1] < 1.0
    distance = max(abs(lot - (at + 0.5) / len(lots)) for at, lot in enumerate(lots))
    assert distance < 0.02  # these very lots; no chance is at work here
    assert lot_of(7, "x") == lot_of(7, "x")
    assert len({lot_of(seed, "x") for seed in range(100)}) == 100
