"""Thresholds lie between what good parts show and what defects show, and keep to the budget where these overlap."""

from pathlib import Path

import numpy as np
import pytest

from flows.tasks.choose_thresholds import Budget, choose_thresholds
from flows.tasks.coco import Annotation, Picture
from flows.tasks.evaluate import Inspected
from flows.tasks.rates import verdict_rates
from models.detections import Detection, Extent

BOX = (10.0, 10.0, 40.0, 40.0)


def _part(score: float, *, defective: bool, box: tuple[float, float, float, float] = BOX) -> Inspected:
    picture = Picture(Path("part.jpg"), (100, 100), (Annotation("crack", BOX),) if defective else ())
    return Inspected(picture, (Detection("crack", score, box, Extent(900.0, 30.0, 30.0)),))


def _parts(good: np.ndarray, defective: np.ndarray) -> list[Inspected]:
    return [_part(float(s), defective=False) for s in good] + [_part(float(s), defective=True) for s in defective]


def test_both_thresholds_lie_in_the_gap_when_defects_stand_out() -> None:
    rng = np.random.default_rng(1)
    parts = _parts(rng.uniform(0.0, 0.2, 300), rng.uniform(0.7, 1.0, 300))
    limits = choose_thresholds(parts, ["crack"], Budget())["crack"]
    assert 0.2 < limits.accept_below < limits.reject_above < 0.7
    rates = verdict_rates(parts, {"crack": limits})
    assert rates.escape.count + rates.overkill.count + rates.uncertain.count == 0


@pytest.mark.parametrize("share", [0.02, 0.1])
def test_budgets_are_kept_when_good_and_defective_parts_look_alike(share: float) -> None:
    rng = np.random.default_rng(2)
    parts = _parts(rng.uniform(0.0, 0.8, 1000), rng.uniform(0.1, 1.0, 300))
    limits = choose_thresholds(parts, ["crack"], Budget(overkill=share / 2, uncertain=share))["crack"]
    rates = verdict_rates(parts, {"crack": limits})
    assert rates.overkill.share <= share / 2
    assert rates.overkill.share + rates.uncertain_good.share <= share
    assert limits.accept_below < limits.reject_above


def test_a_proposal_elsewhere_counts_for_nothing_when_the_defect_was_not_found() -> None:
    good = [_part(0.05, defective=False) for _ in range(50)]
    elsewhere = [_part(0.9, defective=True, box=(60.0, 60.0, 90.0, 90.0)) for _ in range(50)]
    limits = choose_thresholds(good + elsewhere, ["crack"], Budget())["crack"]
    # Nothing true was seen at any score, so the thresholds lie as low as the good parts allow.
    assert limits.accept_below < 0.1


def test_a_class_without_an_example_gets_thresholds_when_others_have_some() -> None:
    parts = _parts(np.full(20, 0.1), np.full(20, 0.9))
    limits = choose_thresholds(parts, ["crack", "dent"], Budget())
    assert set(limits) == {"crack", "dent"}
    assert limits["dent"].accept_below >= Budget().lowest
