"""Thresholds lie between what good parts show and what defects show, and keep to the budget where these overlap."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from flows.tasks.choose_thresholds import Budget, choose_thresholds
from flows.tasks.coco import Annotation, Picture
from flows.tasks.evaluate import Inspected
from flows.tasks.part_score import LOWEST
from flows.tasks.rates import verdict_rates
from flows.tasks.threshold_report import allowed_of, choice_of, proofs_of, threshold_markdown
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
    assert limits["dent"].accept_below >= LOWEST


def _of_classes(scores: dict[str, float], *, defective: bool) -> Inspected:
    annotations = tuple(Annotation(name, BOX) for name in scores) if defective else ()
    found = tuple(Detection(name, score, BOX, Extent(900.0, 30.0, 30.0)) for name, score in scores.items())
    return Inspected(Picture(Path("part.jpg"), (100, 100), annotations), found)


@pytest.mark.parametrize("escape", [0.02, 0.1])
def test_allowed_escapes_hold_for_parts_when_two_classes_overlap_with_the_good_ones(escape: float) -> None:
    rng = np.random.default_rng(3)
    names = ("crack", "dent")
    parts = [_of_classes({"crack": rng.beta(1, 9), "dent": rng.beta(1, 30)}, defective=False) for _ in range(400)] + [
        _of_classes({names[k % 2]: rng.beta(5, 3) if k % 2 else rng.beta(3, 9)}, defective=True) for k in range(200)
    ]
    budget = Budget(escape=escape, overkill=0.01, uncertain=0.9)
    limits = choose_thresholds(parts, names, budget)
    rates = verdict_rates(parts, limits)
    assert rates.escape.share <= escape
    assert rates.overkill.share <= 0.01
    # No more is left open than must be: half of the good parts still pass without a look.
    assert rates.uncertain_good.share < 0.8


def test_overkill_carries_over_to_other_parts_when_the_part_has_one_score_for_all_classes() -> None:
    rng = np.random.default_rng(8)
    names = ("crack", "dent", "pore", "fray", "stain")

    def drawn(count: int, low: float, high: float, *, defective: bool) -> list[Inspected]:
        """Parts whose one score says nothing of the class, as a surface network's."""
        return [
            _of_classes({names[int(rng.integers(5))]: float(rng.beta(low, high))}, defective=defective)
            for _ in range(count)
        ]

    seen = drawn(90, 2, 6, defective=False) + drawn(45, 5, 3, defective=True)
    limits = choose_thresholds(seen, names, Budget(escape=0.1, overkill=0.05, uncertain=0.05), is_one_score=True)
    assert len(set(limits.values())) == 1
    others = drawn(2000, 2, 6, defective=False)
    assert verdict_rates(others, limits).overkill.share <= 0.075


def test_fewer_escapes_leave_more_parts_open_when_less_is_allowed() -> None:
    rng = np.random.default_rng(4)
    parts = _parts(rng.beta(1, 8, 500), rng.beta(4, 4, 300))
    strict = choose_thresholds(parts, ["crack"], Budget(escape=0.01, uncertain=1.0))["crack"]
    loose = choose_thresholds(parts, ["crack"], Budget(escape=0.1, uncertain=1.0))["crack"]
    assert strict.accept_below < loose.accept_below


def test_parts_are_rejected_later_when_a_false_reject_costs_more() -> None:
    rng = np.random.default_rng(5)
    parts = _parts(rng.beta(1, 6, 800), rng.beta(5, 3, 300))
    budget = Budget(overkill=0.2, uncertain=1.0, defect_rate=0.3, left_open=0.0)
    cheap = choose_thresholds(parts, ["crack"], replace(budget, overkill_cost=0.2))["crack"]
    dear = choose_thresholds(parts, ["crack"], replace(budget, overkill_cost=50.0))["crack"]
    assert cheap.reject_above < dear.reject_above
    assert verdict_rates(parts, {"crack": dear}).overkill.count < verdict_rates(parts, {"crack": cheap}).overkill.count


def test_choice_says_what_is_not_kept_when_the_network_separates_badly() -> None:
    rng = np.random.default_rng(6)
    parts = _parts(rng.uniform(0.1, 0.9, 200), rng.uniform(0.1, 0.9, 100))
    budget = Budget(escape=0.02, uncertain=0.05)
    limits = choose_thresholds(parts, ["crack"], budget)
    said = choice_of(parts, limits, budget)
    assert said["validation"]["uncertain_good"]["share"] + said["validation"]["overkill"]["share"] <= 0.05
    assert len(said["not_kept"]) == 1
    assert "allowed 2.0%" in said["not_kept"][0]
    proofs = proofs_of(verdict_rates(parts, limits), escape=0.02, overkill=0.01)
    metrics = {"threshold_choice": said, "proof": {name: asdict(found) for name, found in proofs.items()}}
    text = "\n".join(threshold_markdown(metrics))
    assert "Not kept: escape of" in text
    assert "that is more than the 2.0% allowed" in text
    assert allowed_of(metrics) == (0.02, 0.01)
    assert threshold_markdown({}) == []


@pytest.mark.parametrize("wrong", [{"escape": 1.5}, {"overkill_cost": -1.0}])
def test_a_budget_is_refused_when_it_is_none(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Budget(**wrong)
