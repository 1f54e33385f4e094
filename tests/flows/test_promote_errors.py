"""The gate's record carries the candidate's errors and says what the test parts prove, without a server."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("scipy", reason="needs the train extra")

from flows.gate import GateRules, judge
from flows.gate_report import GateRecord
from flows.promote import _with_errors
from flows.tasks.coco import Dataset
from flows.tasks.measure_version import measure_version
from tests.flows.tasks.square_finder import CLASSES, square_pictures
from tests.tiny_bundle import build_tiny_bundle

pytestmark = pytest.mark.training


def test_record_says_what_is_proven_and_keeps_the_errors_when_a_candidate_is_measured(tmp_path: Path) -> None:
    bundle = build_tiny_bundle(tmp_path / "bundle")
    (tmp_path / "images").mkdir()
    pictures = square_pictures(tmp_path / "images", 12)
    measured = measure_version("2", bundle, Dataset(CLASSES, tuple(pictures)))
    judgement = judge(measured.figures, measured.figures, GateRules())
    record = GateRecord(measured.figures, measured.figures, GateRules(), judgement, "passed", "0" * 64, len(pictures))
    (scratch := tmp_path / "scratch").mkdir()
    found = _with_errors(record, measured, bundle, (0.05, 0.0), scratch)
    escape, overkill = found.judgement.remarks[-2:]
    bad = sum(not p.is_good for p in pictures)
    assert escape.text.startswith(f"escape: 0 of {bad} defective parts")
    assert escape.text.endswith(f"{59 - bad} more defective parts without an error are needed to prove 5.0%")
    assert "to prove 1.0%" in overkill.text  # the usual share, since the bundle says nothing of its own
    assert (escape.code, escape.params["more_parts"], escape.params["allowed"]) == ("escape_proof", 59 - bad, "5.0%")
    assert found.judgement.passed
    assert found.metrics()["candidate.escape_parts_to_prove"] == 59 - bad
    assert found.metrics()["errors.part_auroc"] == 1.0
    assert "AUROC 1.0000" in found.to_markdown()
    assert (scratch / "errors" / "charts.png").is_file()
    assert not (scratch / "errors" / "escapes.jpg").exists()
    json.dumps(replace(found).to_json())
