"""Rates of wrong verdicts carry exact intervals, and count what the live decision gives."""

from pathlib import Path

import pytest

from flows.tasks.coco import Annotation, Picture
from flows.tasks.evaluate import Inspected
from flows.tasks.rates import at_most, clopper_pearson, proof, proof_text, verdict_rates
from models.detections import Detection, Extent
from models.recipe import Thresholds

THRESHOLDS = {"crack": Thresholds(0.3, 0.6)}


def _part(*, defective: bool, score: float) -> Inspected:
    box = (10.0, 10.0, 40.0, 40.0)
    picture = Picture(Path("part.jpg"), (100, 100), (Annotation("crack", box),) if defective else ())
    return Inspected(picture, (Detection("crack", score, box, Extent(900.0, 30.0, 30.0)),))


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [
        (0, 500, 0.0, 0.007351),  # 1 - 0.025 ** (1 / 500)
        (500, 500, 0.992649, 1.0),
        (1, 10, 0.002529, 0.445016),  # tables of Clopper and Pearson
        (5, 100, 0.016432, 0.112835),
    ],
)
def test_interval_is_exact_when_compared_with_published_values(count: int, of: int, low: float, high: float) -> None:
    rate = clopper_pearson(count, of)
    assert rate.low == pytest.approx(low, abs=1e-5)
    assert rate.high == pytest.approx(high, abs=1e-5)
    assert rate.share == pytest.approx(count / of)


def test_everything_is_possible_when_nothing_was_looked_at() -> None:
    rate = clopper_pearson(0, 0)
    assert (rate.share, rate.low, rate.high) == (0.0, 0.0, 1.0)


def test_a_share_is_refused_when_it_is_none() -> None:
    with pytest.raises(ValueError, match="no share"):
        clopper_pearson(3, 2)


def test_escapes_and_overkill_are_told_apart_when_parts_are_judged() -> None:
    parts = [
        _part(defective=True, score=0.1),  # escape
        _part(defective=True, score=0.4),  # uncertain
        _part(defective=True, score=0.9),
        _part(defective=True, score=0.9),
        _part(defective=False, score=0.1),
        _part(defective=False, score=0.7),  # overkill
    ]
    rates = verdict_rates(parts, THRESHOLDS)
    assert (rates.escape.count, rates.escape.of) == (1, 4)
    assert (rates.overkill.count, rates.overkill.of) == (1, 2)
    assert (rates.uncertain.count, rates.uncertain.of) == (1, 6)
    assert (rates.uncertain_defective.count, rates.uncertain_good.count) == (1, 0)


@pytest.mark.parametrize(
    ("count", "of", "allowed", "more"),
    [
        (0, 0, 0.02, 149),  # ln 0.05 / ln 0.98 = 148.3
        (0, 149, 0.02, 0),
        (0, 148, 0.02, 1),
        (0, 100, 0.01, 199),
        (1, 93, 0.05, 0),  # tables of acceptance sampling: 93 parts with one error for 5 %
        (1, 92, 0.05, 1),
        (30, 100, 0.5, 0),
    ],
)
def test_missing_parts_are_those_of_the_tables_when_no_more_error_follows(
    count: int, of: int, allowed: float, more: int
) -> None:
    found = proof(clopper_pearson(count, of), allowed)
    assert found.more_parts == more
    assert found.is_proven == (more == 0)
    assert at_most(count, of + more) <= allowed
    if more:
        assert at_most(count, of + more - 1) > allowed


def test_a_sentence_says_what_is_missing_when_a_share_is_not_proven() -> None:
    assert proof_text("escape", "defective", proof(clopper_pearson(0, 40), 0.05)) == (
        "escape: 0 of 40 defective parts, at most 7.2% with 95 % confidence; "
        "19 more defective parts without an error are needed to prove 5.0%"
    )
    assert proof_text("overkill", "good", proof(clopper_pearson(0, 59), 0.05)).endswith("5.0% is proven")


@pytest.mark.parametrize("allowed", [0.0, 1.0])
def test_a_proof_is_refused_when_no_number_of_parts_gives_it(allowed: float) -> None:
    with pytest.raises(ValueError, match="cannot be proven"):
        proof(clopper_pearson(0, 10), allowed)
