"""What may be deployed as it is, who is a candidate, and two versions beside each other; Prefect is away."""

from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from models.bundle import Bundle
from registry.rest import MlflowRest
from registry.version import CANDIDATE, DEPLOYED, MODEL_NAME, TAG_BUNDLE_DIGEST
from tests.serving.conftest import bearer, log_in
from tests.serving.model_versions.conftest import Publish, inspected
from tests.tiny_bundle import build_tiny_bundle
from tests.waiting import wait_until

_DEADLINE_S = 30.0


def _candidate(rest: MlflowRest) -> str | None:
    return next((v.version for v in rest.versions(MODEL_NAME) if CANDIDATE in v.aliases), None)


@pytest.mark.usefixtures("two_versions")
@pytest.mark.parametrize("tag", ["ussop.flow_run_id", "ussop.base_version"])
def test_unjudged_version_of_a_training_is_not_deployed(engineer: httpx.Client, rest: MlflowRest, tag: str) -> None:
    rest.set_tag(MODEL_NAME, "2", tag, "1")
    for act in ("deploy", "rollback"):
        answer = engineer.post(f"/api/v1/models/2/{act}")
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict"), act
        assert "has not judged it yet" in answer.json()["detail"]
    rest.set_tag(MODEL_NAME, "2", "ussop.gate", "passed")
    assert engineer.post("/api/v1/models/2/deploy").status_code == 200


@pytest.mark.usefixtures("two_versions")
def test_deployed_version_is_no_candidate_any_more_when_a_person_deployed_it(
    engineer: httpx.Client, rest: MlflowRest
) -> None:
    rest.set_alias(MODEL_NAME, CANDIDATE, "2")
    rest.set_tag(MODEL_NAME, "2", "ussop.gate", "passed")
    assert engineer.post("/api/v1/models/2/deploy").status_code == 200
    assert _candidate(rest) is None
    assert rest.version(MODEL_NAME, "2").tags["ussop.deployed_at"]


@pytest.mark.usefixtures("two_versions")
@pytest.mark.parametrize("order", [(CANDIDATE, DEPLOYED), (DEPLOYED, CANDIDATE)])
def test_deployed_version_is_no_candidate_any_more_when_the_alias_was_moved_in_the_registry(
    engineer: httpx.Client, rest: MlflowRest, order: tuple[str, str]
) -> None:
    for alias in order:
        rest.set_alias(MODEL_NAME, alias, "2")
    wait_until(lambda: inspected(engineer)[0] == "2", "version 2 inspects", _DEADLINE_S)
    wait_until(lambda: _candidate(rest) is None, "no candidate", _DEADLINE_S)
    assert rest.version_of_alias(MODEL_NAME, DEPLOYED).version == "2"


@pytest.mark.usefixtures("two_versions")
def test_candidate_stays_when_another_version_is_deployed(
    engineer: httpx.Client, publish: Publish, rest: MlflowRest, tmp_path: Path
) -> None:
    third = publish(build_tiny_bundle(tmp_path / "third", version="c", score_shift=0.05))
    rest.set_alias(MODEL_NAME, CANDIDATE, third)
    assert engineer.post("/api/v1/models/2/deploy").status_code == 200
    assert _candidate(rest) == third


@pytest.mark.usefixtures("two_versions")
def test_bundle_without_golden_pictures_is_refused(
    engineer: httpx.Client, publish: Publish, rest: MlflowRest, tmp_path: Path
) -> None:
    bare = publish(build_tiny_bundle(tmp_path / "bare", version="c", with_golden=False))
    answer = engineer.post(f"/api/v1/models/{bare}/deploy")
    assert (answer.status_code, answer.json()["code"]) == (422, "model_refused")
    assert "no golden pictures, so no self-test" in answer.json()["detail"]
    assert inspected(engineer)[1] == pytest.approx(0.745, abs=0.01)
    assert rest.version_of_alias(MODEL_NAME, DEPLOYED).version == "1"


@pytest.mark.usefixtures("two_versions")
def test_gate_answers_503_and_shows_what_it_knows_when_prefect_is_away(
    engineer: httpx.Client, rest: MlflowRest
) -> None:
    answer = engineer.post("/api/v1/models/2/promote", json={})
    assert (answer.status_code, answer.json()["code"]) == (503, "jobs_unavailable")
    gate = engineer.get("/api/v1/models/2/gate").json()
    assert (gate["state"], gate["jobs"], gate["outcome"]) == ("idle", "unavailable", None)
    rest.set_tag(MODEL_NAME, "2", "ussop.gate.reasons", "too slow")
    rest.set_tag(MODEL_NAME, "2", "ussop.gate", "blocked")
    gate = engineer.get("/api/v1/models/2/gate").json()
    assert (gate["state"], gate["outcome"], gate["reasons"], gate["report"]) == (
        "completed",
        "blocked",
        ["too slow"],
        None,
    )
    for path in ("99/gate", "x/gate"):
        assert engineer.get(f"/api/v1/models/{path}").status_code == 404
    assert engineer.post("/api/v1/models/99/promote").status_code == 404
    operator = bearer(log_in(engineer, "operator"))
    assert engineer.post("/api/v1/models/2/promote", headers=operator).status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {"test_set": "/etc"},
        {"dataset": "../x"},
        {"latency_budget_ms": 0},
        {"approved_by": "ada"},
        {"override_reason": ""},
    ],
)
def test_gate_refuses_options_that_make_no_sense(engineer: httpx.Client, body: dict[str, object]) -> None:
    assert engineer.post("/api/v1/models/2/promote", json=body).status_code == 422


@pytest.mark.usefixtures("two_versions")
def test_two_versions_stand_beside_each_other_when_compared(
    engineer: httpx.Client, rest: MlflowRest, app: FastAPI, tiny_bundle: Bundle
) -> None:
    rest.set_tag(MODEL_NAME, "2", "ussop.metric.box_ap50", "0.96")
    rest.set_tag(MODEL_NAME, "2", "ussop.metric.escape_rate", "0.01")
    rest.set_tag(MODEL_NAME, "2", "ussop.base_version", "1")
    found = engineer.get("/api/v1/models/compare", params={"a": "1", "b": "2"})
    assert found.status_code == 200, found.text
    answer = found.json()
    assert (answer["a"]["id"], answer["b"]["bundle_version"]) == ("1", "b")
    assert answer["metrics"] == [
        {"name": "box_ap50", "a": 0.93, "b": 0.96, "difference": 0.03},
        {"name": "escape_rate", "a": None, "b": 0.01, "difference": None},
    ]
    assert answer["classes"]["both"] == list(tiny_bundle.manifest.classes)
    assert (answer["classes"]["only_a"], answer["classes"]["only_b"]) == ([], [])
    assert answer["classes"]["thresholds"][0] == {"class_name": "scratch", "a": [0.3, 0.6], "b": [0.3, 0.6]}
    assert answer["lineage"] == {
        "same_bundle": False,
        "same_dataset": True,
        "same_git_commit": None,
        "descent": "b_from_a",
    }
    rest.set_tag(MODEL_NAME, "2", TAG_BUNDLE_DIGEST, "0" * 64)
    assert engineer.get("/api/v1/models/compare?a=1&b=2").json()["classes"] is None
    assert engineer.get("/api/v1/models/compare?a=1&b=99").status_code == 404
    assert engineer.get("/api/v1/models/compare?a=1").status_code == 422
