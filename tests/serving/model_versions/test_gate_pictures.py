"""What the gate has drawn is shown by the API: the browser has no way to MLflow of its own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from mlflow import MlflowClient

from registry.rest import MlflowRest
from registry.version import GATE_REPORT, MODEL_NAME, TAG_GATE, TAG_GATE_RUN
from tests.pictures import jpeg_bytes, square_picture

_RATE = {"count": 0, "of": 2, "share": 0.0, "low": 0.0, "high": 0.84}
DRAWN = jpeg_bytes(square_picture("red"))
Judge = Callable[[list[str | None]], None]


def gate_report(places: list[str | None]) -> dict[str, Any]:
    """A report as the flow writes it, with a part for each place of a drawing."""

    def measured(version: str) -> dict[str, Any]:
        rates = {"escape": _RATE, "overkill": _RATE, "uncertain": _RATE, "recall": {"scratch": _RATE}}
        return {
            "version": version,
            "classes": ["scratch"],
            "box_ap50": 0.9,
            **rates,
            "latency_p95_ms": 9.0,
            "golden_pictures": 1,
            "parity": [{"runs_on": "onnxruntime f32", "score_gap": 0.0, "broken": None}],
        }

    return {
        "version": "2",
        "compared_with": "1",
        "outcome": "blocked",
        "reasons": ["more escapes: 1 of 2 instead of 0"],
        "remarks": [],
        "rules": {"latency_budget_ms": 200.0, "golden_binds": True},
        "test_set": {"digest": "d" * 64, "pictures": 4},
        "candidate": measured("2"),
        "deployed": measured("1"),
        "differing": [
            {"picture": f"{n}.png", "truth": "defective", "candidate": "pass", "deployed": "fail", "shown_in": place}
            for n, place in enumerate(places)
        ],
        "judged_at": "2026-11-25T08:00:00Z",
    }


@pytest.fixture
def judge(two_versions: None, rest: MlflowRest, mlflow_url: str, tmp_path: Path) -> Judge:
    """Keeps a judgement of version 2 in MLflow, as the flow does; every drawing is the same."""

    def keep(places: list[str | None]) -> None:
        client = MlflowClient(mlflow_url, mlflow_url)
        run_id = client.create_run(client.get_experiment_by_name(MODEL_NAME).experiment_id).info.run_id
        (tmp_path / "differing").mkdir()
        (tmp_path / "differing" / "00_0.jpg").write_bytes(DRAWN)
        (tmp_path / "differing" / "01_1.jpg").write_bytes(b"<svg onload=alert(1)>")
        (tmp_path / GATE_REPORT).write_text(json.dumps(gate_report(places)), encoding="utf-8")
        client.log_artifacts(run_id, str(tmp_path))
        rest.set_tag(MODEL_NAME, "2", TAG_GATE_RUN, run_id)
        rest.set_tag(MODEL_NAME, "2", TAG_GATE, "blocked")

    return keep


def test_drawing_is_shown_when_the_gate_made_one(engineer: httpx.Client, judge: Judge) -> None:
    judge(["differing/00_0.jpg", "differing/01_1.jpg", None, f"../{GATE_REPORT}", "differing/../differing/00_0.jpg"])
    report = engineer.get("/api/v1/models/2/gate").raise_for_status().json()["report"]
    assert [part["picture"] for part in report["differing"]][:2] == ["0.png", "1.png"]
    answer = engineer.get("/api/v1/models/2/gate/pictures/0")
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, "image/jpeg", DRAWN)
    # No picture, none drawn, two ways out of the folder, beyond the last one.
    for number in (1, 2, 3, 4, 5):
        refused = engineer.get(f"/api/v1/models/2/gate/pictures/{number}")
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found"), number


@pytest.mark.usefixtures("two_versions")
def test_nothing_is_shown_when_the_gate_was_never_asked(engineer: httpx.Client) -> None:
    for path in ("2/gate/pictures/0", "77/gate/pictures/0", "x/gate/pictures/0"):
        assert engineer.get(f"/api/v1/models/{path}").status_code == 404
    assert engineer.get("/api/v1/models/2/gate/pictures/-1").status_code == 422
