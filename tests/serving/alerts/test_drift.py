"""The population stability index on samples whose answer is known."""

import math
import random

import pytest

from serving.alerts.drift import class_psi, psi, score_psi


def test_index_is_that_of_the_formula_when_counts_are_large() -> None:
    expected = (0.6 - 0.5) * math.log(0.6 / 0.5) + (0.4 - 0.5) * math.log(0.4 / 0.5)
    assert psi([600_000, 400_000], [500_000, 500_000]) == pytest.approx(expected, rel=1e-4)


def test_index_is_small_when_scores_come_from_one_distribution() -> None:
    chance = random.Random(2)  # noqa: S311 - a simulation
    for _ in range(50):
        scores = [chance.betavariate(8, 2) for _ in range(2500)]
        assert score_psi(scores[:500], scores[500:]) < 0.1


def test_index_is_large_when_scores_move() -> None:
    chance = random.Random(3)  # noqa: S311 - a simulation
    before = [chance.betavariate(8, 2) for _ in range(2000)]
    after = [chance.betavariate(5, 3) for _ in range(500)]
    assert score_psi(after, before) > 0.25


def test_index_is_zero_when_all_scores_are_alike() -> None:
    assert score_psi([1.0] * 500, [1.0] * 2000) < 0.01
    assert score_psi([0.6] * 500, [1.0] * 2000) > 0.25


def test_rare_classes_count_together_when_there_are_many() -> None:
    reference = {"scratch": 500, "dent": 300} | {f"rare-{n}": 2 for n in range(40)}
    recent = {"scratch": 250, "dent": 150} | {f"rare-{n}": 1 for n in range(40)}
    assert class_psi(recent, reference) < 0.1
    assert class_psi({"dent": 400, "new": 40}, reference) > 0.25
