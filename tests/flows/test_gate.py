"""The gate's rules as tables."""

import json
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("scipy", reason="needs the train extra")

from flows.gate import GateRules, GateWord, GoldenDifference, MeasuredVersion, ParityCheck, judge
from flows.gate_report import DifferingPart, GateRecord
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
    parity=(ParityCheck("torch f32", 1e-6), ParityCheck("onnxruntime f32", 0.0)),
)


def _judged(**changes: Any) -> tuple[GateWord, ...]:
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
        (
            {"parity": (ParityCheck("torch f32", 0.0), ParityCheck("openvino int8", broken="off"))},
            "parity: openvino int8: off",
        ),
        ({"golden_pictures": 0}, "no golden pictures"),
        ({"escape": clopper_pearson(0, 0)}, "no defective part"),
        ({"overkill": clopper_pearson(0, 0)}, "no good part"),
    ],
)
def test_blocks_with_the_one_reason_when_worse(changes: dict[str, Any], reason: str) -> None:
    (only,) = _judged(**changes)
    assert reason in only.text
    assert all(isinstance(value, str | int | float) for value in only.params.values())


@pytest.mark.parametrize(("overkill", "is_remarked"), [(200, True), (110, False), (4, False)])
def test_remarked_that_few_escapes_are_no_measure_when_the_deployed_version_fails_most_good_parts(
    overkill: int, is_remarked: bool
) -> None:
    deployed = replace(DEPLOYED, escape=clopper_pearson(0, 200), overkill=clopper_pearson(overkill, 200))
    judgement = judge(replace(DEPLOYED, version="2"), deployed, GateRules())
    assert [reason.code for reason in judgement.reasons] == ["more_escapes"]
    remarks = [remark for remark in judgement.remarks if remark.code == "deployed_fails_good_parts"]
    assert [remark.params for remark in remarks] == ([{"count": 200, "of": 200}] if is_remarked else [])


def test_every_reason_is_given_when_there_are_several() -> None:
    broken = (ParityCheck("openvino f32", broken="a"), ParityCheck("openvino int8", broken="b"))
    assert len(_judged(escape=clopper_pearson(9, 200), latency_p95_ms=99.0, parity=broken)) == 4


def _golden(expected: Any, found: Any, *, binds: bool = True) -> tuple[tuple[str, ...], tuple[str, ...]]:
    difference = GoldenDifference("golden/00.png", expected, found)
    judgement = judge(replace(DEPLOYED, version="2"), DEPLOYED, GateRules(50.0, golden_binds=binds), [difference])
    return tuple(map(str, judgement.reasons)), tuple(map(str, judgement.remarks))


def test_escape_on_a_golden_picture_of_the_deployed_version_blocks() -> None:
    assert _golden("fail", "pass") == (("golden picture golden/00.png: pass, deployed fail",), ())


@pytest.mark.parametrize(
    ("expected", "found", "binds"), [("fail", "pass", False), ("fail", "uncertain", True), ("pass", "fail", True)]
)
def test_golden_difference_is_a_remark_when_it_is_no_escape_or_of_another_line(
    expected: str, found: str, binds: bool
) -> None:
    reasons, remarks = _golden(expected, found, binds=binds)
    assert reasons == ()
    assert remarks == (f"golden picture golden/00.png: {found}, deployed {expected}",)


def test_no_override_can_help_when_there_are_no_golden_pictures() -> None:
    judgement = judge(replace(DEPLOYED, version="2", golden_pictures=0), DEPLOYED, GateRules())
    assert judgement.unfit == judgement.reasons
    assert judge(replace(DEPLOYED, escape=clopper_pearson(9, 200)), DEPLOYED, GateRules()).unfit == ()


def test_remark_says_so_when_torch_was_not_compared() -> None:
    (remark,) = judge(replace(DEPLOYED, parity=()), DEPLOYED, GateRules()).remarks
    assert remark.text.startswith("torch: not compared")


def test_record_shows_reasons_and_both_versions_to_people_and_machines() -> None:
    candidate = replace(DEPLOYED, version="2", escape=clopper_pearson(5, 200))
    differing = (DifferingPart("a.png", "defective", "pass", "fail", "differing/00_a.jpg"),)
    rules = GateRules()
    record = GateRecord(
        candidate, DEPLOYED, rules, judge(candidate, DEPLOYED, rules), "blocked", "d" * 64, 400, differing=differing
    )
    text = record.to_markdown(["[more](http://localhost/)"])
    for part in (
        "# Gate: blocked",
        "- more escapes",
        "| escape | 5 of 200 (2.50%, 95 % 0.82% to 5.74%) | 4 of 200 (2.00%, 95 % 0.55% to 5.04%) |",
        "| recall of dent | 90 of 100",
        "| parity: torch f32 | agrees, scores within 0.0000 |",
        "| a.png | defective | pass | fail |",
        "[more](http://localhost/)",
    ):
        assert part in text
    content = json.loads(json.dumps(record.to_json()))
    (word,) = content["reason_words"]
    assert (word["code"], word["params"]["now_count"], word["params"]["before_of"]) == ("more_escapes", 5, 200)
    assert content["candidate"]["escape"] == {"count": 5, "of": 200, "share": 0.025} | {
        key: pytest.approx(value, abs=1e-4) for key, value in (("low", 0.0082), ("high", 0.0574))
    }
    assert (content["version"], content["compared_with"], content["outcome"]) == ("2", "1", "blocked")
    assert record.metrics()["candidate.escape_rate"] == 0.025
    assert record.metrics()["deployed.recall.dent"] == 0.9
