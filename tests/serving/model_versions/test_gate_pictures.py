"""What the gate has drawn is shown by the API: the browser has no way to MLflow of its own."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from registry.rest import MlflowRest
from registry.version import GATE_REPORT
from tests.serving.model_versions.judged import DRAWN, gate_report, keep_judgement

Judge = Callable[[list[str | None]], None]


@pytest.fixture
def judge(two_versions: None, rest: MlflowRest, mlflow_url: str, tmp_path: Path) -> Judge:
    """Keeps a judgement with these places of drawings."""
    (folder := tmp_path / "report").mkdir()
    return lambda places: keep_judgement(mlflow_url, rest, folder, gate_report(places))


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
