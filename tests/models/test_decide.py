"""fail, uncertain or pass: by the thresholds in force, the smallest size and the region of interest."""

import pytest

from models.decide import decide, thresholds_in_force
from models.detections import Detection, Polygon
from models.measure import measure
from models.recipe import Recipe, Thresholds

LIMITS = {"scratch": Thresholds(0.3, 0.6), "dent": Thresholds(0.5, 0.9)}
REGION: Polygon = ((100.0, 0.0), (200.0, 0.0), (200.0, 100.0), (100.0, 100.0))


def _detection(
    class_name: str, confidence: float, *, x_px: float = 10, side_px: float = 10, mm_per_px: float | None = None
) -> Detection:
    extent = measure(side_px * side_px, side_px, side_px, mm_per_px)
    return Detection(class_name, confidence, (x_px, 10, x_px + side_px, 10 + side_px), extent)


@pytest.mark.parametrize(
    ("found", "decision"),
    [
        ([], "pass"),
        ([("scratch", 0.29)], "pass"),
        ([("scratch", 0.30)], "uncertain"),
        ([("scratch", 0.59)], "uncertain"),
        ([("scratch", 0.60)], "fail"),
        ([("dent", 0.49)], "pass"),
        ([("dent", 0.89)], "uncertain"),
        ([("dent", 0.90)], "fail"),
        ([("dent", 0.55), ("scratch", 0.61)], "fail"),
        ([("dent", 0.89), ("scratch", 0.1)], "uncertain"),
    ],
)
def test_decision_follows_the_thresholds(found: list[tuple[str, float]], decision: str) -> None:
    assert decide([_detection(*f) for f in found], LIMITS, Recipe()).decision == decision


def test_confidence_is_what_is_missing_to_a_defect_when_passed() -> None:
    judgement = decide([_detection("scratch", 0.2), _detection("dent", 0.1)], LIMITS, Recipe())
    assert judgement.confidence == pytest.approx(0.8)
    assert judgement.detections == ()


def test_only_counted_detections_are_reported_best_first() -> None:
    found = [_detection("scratch", 0.4), _detection("scratch", 0.1), _detection("dent", 0.95)]
    judgement = decide(found, LIMITS, Recipe())
    assert [d.confidence for d in judgement.detections] == [0.95, 0.4]
    assert judgement.confidence == 0.95


def test_small_region_is_ignored_when_the_recipe_says_so() -> None:
    found = [_detection("scratch", 0.9, side_px=3, mm_per_px=0.1)]
    assert decide(found, LIMITS, Recipe(mm_per_px=0.1, min_area_mm2={"scratch": 0.1})).decision == "pass"
    assert decide(found, LIMITS, Recipe(mm_per_px=0.1, min_area_mm2={"dent": 0.1})).decision == "fail"
    assert decide(found, LIMITS, Recipe(min_area_px={"scratch": 10})).decision == "pass"


def test_small_region_still_counts_when_there_is_no_calibration() -> None:
    assert decide([_detection("scratch", 0.9)], LIMITS, Recipe(min_area_mm2={"scratch": 99.0})).decision == "fail"


@pytest.mark.parametrize(
    ("x_px", "decision"), [(10, "pass"), (95, "fail"), (150, "fail"), (195, "fail"), (205, "pass")]
)
def test_region_of_interest_counts_everything_that_touches_it(x_px: float, decision: str) -> None:
    recipe = Recipe(region_of_interest=REGION)
    assert decide([_detection("scratch", 0.9, x_px=x_px)], LIMITS, recipe).decision == decision


def test_mask_outside_the_region_is_ignored_though_its_box_reaches_in() -> None:
    box = _detection("scratch", 0.9, x_px=80, side_px=40)
    ring: Polygon = ((80.0, 10.0), (90.0, 10.0), (90.0, 50.0))
    masked = Detection(box.class_name, box.confidence, box.box_xyxy, box.extent, (ring,))
    assert decide([masked], LIMITS, Recipe(region_of_interest=REGION)).decision == "pass"
    assert decide([box], LIMITS, Recipe(region_of_interest=REGION)).decision == "fail"


def test_station_thresholds_lie_over_those_of_the_bundle() -> None:
    own = Thresholds(0.8, 0.9)
    assert thresholds_in_force(LIMITS, Recipe(thresholds={"scratch": own})) == {"scratch": own, "dent": LIMITS["dent"]}


@pytest.mark.parametrize("limits", [(0.0, 0.5), (0.6, 0.5), (0.5, 1.1), (-0.1, 0.2)])
def test_thresholds_are_refused_when_out_of_order(limits: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="accept_below"):
        Thresholds(*limits)


def test_digest_changes_with_each_rule_and_only_then() -> None:
    recipes = [Recipe(), Recipe(mm_per_px=0.1), Recipe(min_area_px={"dent": 3}), Recipe(region_of_interest=REGION)]
    recipes.append(Recipe(thresholds={"dent": Thresholds(0.5, 0.9)}))
    assert len({r.digest for r in recipes}) == len(recipes)
    assert Recipe(mm_per_px=0.1).digest == recipes[1].digest
