"""Rates of wrong verdicts carry exact intervals, and count what the live decision gives."""

from pathlib import Path

import pytest

from flows.tasks.coco import Annotation, Picture
from flows.tasks.evaluate import Inspected
from flows.tasks.rates import clopper_pearson, verdict_rates
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
