"""A judgement of the gate as the flow keeps it in MLflow, without the minutes that the flow takes."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from mlflow import MlflowClient

from registry.rest import MlflowRest
from registry.version import GATE_REPORT, MODEL_NAME, TAG_GATE, TAG_GATE_RUN
from tests.pictures import jpeg_bytes, square_picture

DRAWN: Final = jpeg_bytes(square_picture("red"))
"""The one drawing, `differing/00_0.jpg`; `differing/01_1.jpg` is no picture."""


def gate_report(places: Sequence[str | None], outcome: str = "blocked") -> dict[str, Any]:
    """A report on version 2 against version 1, with a differing part for each place of a drawing."""
    return {
        "version": "2",
        "compared_with": "1",
        "outcome": outcome,
        "reasons": ["more escapes: 1 of 20 instead of 0"] if outcome == "blocked" else [],
        "remarks": [],
        "rules": {"latency_budget_ms": 200.0, "golden_binds": True},
        "test_set": {"digest": "d" * 64, "pictures": 40},
        "candidate": _measured("2", escapes=1),
        "deployed": _measured("1", escapes=0),
        "differing": [
            {"picture": f"{n}.png", "truth": "defective", "candidate": "pass", "deployed": "fail", "shown_in": place}
            for n, place in enumerate(places)
        ],
        "judged_at": "2026-11-25T08:00:00Z",
    }


def keep_judgement(url: str, rest: MlflowRest, folder: Path, report: dict[str, Any]) -> None:
    """Keeps the report with its drawings in a run of MLflow, and marks version 2 with it."""
    client = MlflowClient(url, url)
    experiment = client.get_experiment_by_name(MODEL_NAME)
    assert experiment is not None
    run_id = client.create_run(experiment.experiment_id).info.run_id
    (folder / "differing").mkdir()
    (folder / "differing" / "00_0.jpg").write_bytes(DRAWN)
    (folder / "differing" / "01_1.jpg").write_bytes(b"<svg onload=alert(1)>")
    (folder / GATE_REPORT).write_text(json.dumps(report), encoding="utf-8")
    client.log_artifacts(run_id, str(folder))
    rest.set_tag(MODEL_NAME, "2", TAG_GATE_RUN, run_id)
    rest.set_tag(MODEL_NAME, "2", TAG_GATE, report["outcome"])


def _measured(version: str, *, escapes: int) -> dict[str, Any]:
    escape, found = _rate(escapes), _rate(20 - escapes)
    return {
        "version": version,
        "classes": ["scratch", "dent"],
        "box_ap50": 0.91,
        "escape": escape,
        "overkill": _rate(0),
        "uncertain": _rate(1, 40),
        "recall": {"scratch": found, "dent": _rate(20)},
        "latency_p95_ms": 9.0,
        "golden_pictures": 1,
        "parity": [{"runs_on": "onnxruntime f32", "score_gap": 0.0, "broken": None}],
    }


def _rate(count: int, of: int = 20) -> dict[str, Any]:
    share = count / of
    return {"count": count, "of": of, "share": share, "low": max(0.0, share - 0.1), "high": min(1.0, share + 0.15)}
