"""The gate's rules as tables."""

from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("scipy", reason="needs the train extra")

from flows.gate import GateRules, MeasuredVersion, judge, report
from flows.tasks.rates import clopper_pearson

pytestmark = pytest.mark.training

DEPLOYED = MeasuredVersion(
    version="1",
    classes=("scratch", "dent"),
    box_ap50=0.9,
    escape=clopper_pearson(4, 200),
    overkill=clopper_pearson(4, 200),
    uncertain=clopper_pearson(10, 400),
    recall={"scratch": clopper_pearson(95, 100), "dent": clopper_pearson(90, 100)},
    latency_p95_ms=20.0,
    golden_pictures=7,
)


def _judged(**changes: Any) -> tuple[str, ...]:
    return judge(replace(DEPLOYED, version="2", **changes), DEPLOYED, GateRules(latency_budget_ms=50.0)).reasons


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"escape": clopper_pearson(0, 200)},
        {"overkill": clopper_pearson(9, 200)},  # more, but within what chance does
        {"uncertain": clopper_pearson(15, 400)},
        {"recall": {"scratch": clopper_pearson(90, 100), "dent": clopper_pearson(99, 100)}},
        {"classes": ("scratch", "dent", "stain")},
        {"box_ap50": 0.8},  # boxes may lie otherwise as long as the verdicts are right
        {"latency_p95_ms": 50.0},
    ],
)
def test_passes_when_no_worse(changes: dict[str, Any]) -> None:
    assert _judged(**changes) == ()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"escape": clopper_pearson(5, 200)}, "more escapes: 5 of 200"),
        ({"escape": clopper_pearson(0, 200), "overkill": clopper_pearson(200, 200)}, "clearly more overkill"),
        ({"uncertain": clopper_pearson(400, 400)}, "clearly more uncertain"),
        ({"recall": {"scratch": clopper_pearson(95, 100), "dent": clopper_pearson(50, 100)}}, "less recall of dent"),
        ({"classes": ("scratch",)}, "classes are lost: dent"),
        ({"latency_p95_ms": 50.1}, "too slow: p95 50.1 ms, budget 50 ms"),
        ({"parity_breaks": ("openvino int8: off",)}, "parity: openvino int8: off"),
        ({"golden_pictures": 0}, "no golden pictures"),
        ({"escape": clopper_pearson(0, 0)}, "no defective part"),
        ({"overkill": clopper_pearson(0, 0)}, "no good part"),
    ],
)
def test_blocks_with_the_one_reason_when_worse(changes: dict[str, Any], reason: str) -> None:
    (only,) = _judged(**changes)
    assert reason in only


def test_every_reason_is_given_when_there_are_several() -> None:
    assert len(_judged(escape=clopper_pearson(9, 200), latency_p95_ms=99.0, parity_breaks=("a", "b"))) == 4


def test_report_shows_reasons_and_both_versions() -> None:
    candidate = replace(DEPLOYED, version="2", escape=clopper_pearson(5, 200))
    text = report(candidate, DEPLOYED, judge(candidate, DEPLOYED, GateRules()), outcome="blocked")
    assert "# Gate: blocked" in text
    assert "- more escapes" in text
    assert "| escape | 5 of 200 (2.50%, 95 % 0.82% to 5.74%) | 4 of 200 (2.00%, 95 % 0.55% to 5.04%) |" in text
    assert "| recall of dent | 90 of 100" in text
