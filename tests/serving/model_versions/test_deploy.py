"""Deploying and rolling back through the API, against a real registry."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import httpx
import pytest
from fastapi import FastAPI
from sqlmodel import col, select

from registry.rest import MlflowRest
from registry.version import DEPLOYED, MODEL_NAME, PREVIOUS, TAG_BUNDLE_DIGEST
from serving.platform import Platform
from serving.tables import AuditEntry
from tests.contracts.reference import as_documented
from tests.prove.plugin import Proof
from tests.serving.conftest import bearer, log_in
from tests.serving.model_versions.conftest import Publish, inspected
from tests.tiny_bundle import Fault, build_tiny_bundle

_CLIENTS = 20
_CONFIDENCE = {"1": 0.745, "2": 0.845}  # the second bundle's scores are higher by 0.1


def audit_of(app: FastAPI) -> list[tuple[str, str]]:
    platform = app.state.platform
    assert isinstance(platform, Platform)
    with platform.database.read() as session:
        entries = session.exec(select(AuditEntry).order_by(col(AuditEntry.seq))).all()
        return [(entry.action, entry.subject) for entry in entries if entry.subject.startswith("model/")]


@pytest.mark.usefixtures("two_versions")
def test_next_inspection_uses_the_version_when_it_was_deployed(
    app: FastAPI, engineer: httpx.Client, rest: MlflowRest
) -> None:
    assert inspected(engineer)[1] == pytest.approx(_CONFIDENCE["1"], abs=0.01)
    answer = engineer.post("/api/v1/models/2/deploy")
    assert answer.status_code == 200, answer.text
    assert as_documented(answer) | {"previous_version": None} == {
        "status": "deployed",
        "id": "2",
        "version": "2",
        "previous_version": None,  # the follower may or may not have named the first one yet
        "registry": "updated",
    }
    version, confidence = inspected(engineer)
    assert version == "2"
    assert confidence == pytest.approx(_CONFIDENCE["2"], abs=0.01)
    assert engineer.get("/api/v1/health").json()["model"]["version"] == "2"
    text = engineer.get("/metrics").text
    assert 'version="2"' in text
    assert 'ussop_model_swaps_total{action="deployed"} 1.0' in text
    assert rest.version_of_alias(MODEL_NAME, DEPLOYED).version == "2"
    assert ("model.deployed", "model/2") in audit_of(app)
    (told,) = engineer.get("/api/v1/events?after=0&types=model&wait_s=5").json()["events"][-1:]
    assert (told["data"]["action"], told["data"]["version"], told["data"]["by"]) == ("model.deployed", "2", "engineer")


@pytest.mark.usefixtures("two_versions")
def test_earlier_version_serves_again_when_rolled_back(app: FastAPI, engineer: httpx.Client, rest: MlflowRest) -> None:
    assert engineer.post("/api/v1/models/2/deploy").status_code == 200
    # The limit of a rollback is 2 s; the request fails if the answer takes longer.
    answer = engineer.post("/api/v1/models/1/rollback", timeout=2.0)
    assert as_documented(answer)["status"] == "rolled_back"
    version, confidence = inspected(engineer)
    assert version == "1"
    assert confidence == pytest.approx(_CONFIDENCE["1"], abs=0.01)
    assert rest.version_of_alias(MODEL_NAME, DEPLOYED).version == "1"
    assert rest.version_of_alias(MODEL_NAME, PREVIOUS).version == "2"
    assert ("model.rolled_back", "model/1") in audit_of(app)


@pytest.mark.slow
@pytest.mark.prove("swap", "deploy and roll back while twenty clients inspect")
@pytest.mark.usefixtures("two_versions")
def test_nobody_fails_and_no_answer_mixes_versions_when_swaps_happen_under_load(
    engineer: httpx.Client, proof: Proof
) -> None:
    swaps = proof.size(short=20, full=200)
    done = Event()
    answers: list[tuple[str, float]] = []

    def inspect_until_done() -> int:
        with httpx.Client(base_url=engineer.base_url, headers=engineer.headers, timeout=30, trust_env=False) as client:
            count = 0
            while not done.is_set():
                answers.append(inspected(client))
                count += 1
            return count

    assert engineer.post("/api/v1/models/1/deploy").status_code == 200
    with ThreadPoolExecutor(_CLIENTS) as pool:
        clients = [pool.submit(inspect_until_done) for _ in range(_CLIENTS)]
        try:
            for turn in range(swaps):
                answer = engineer.post(f"/api/v1/models/{2 - turn % 2}/deploy")
                assert answer.status_code == 200, answer.text
        finally:
            done.set()
        assert all(client.result(60) for client in clients)
    mixed = sum(abs(confidence - _CONFIDENCE[version]) > 0.01 for version, confidence in answers)
    proof.note(swaps=swaps, clients=_CLIENTS, inspections=len(answers), failed=0, mixed_answers=mixed)
    assert {version for version, _ in answers} == {"1", "2"}
    for version, confidence in answers:
        assert confidence == pytest.approx(_CONFIDENCE[version], abs=0.01)


@pytest.mark.parametrize(("fault", "reason"), [("nan", "finite"), ("missing_prototypes", "outputs")])
@pytest.mark.usefixtures("two_versions")
def test_bundle_is_refused_when_its_network_is_broken(
    engineer: httpx.Client, publish: Publish, rest: MlflowRest, tmp_path: Path, fault: Fault, reason: str
) -> None:
    version = publish(build_tiny_bundle(tmp_path / "broken", version="c", fault=fault, with_golden=False))
    answer = engineer.post(f"/api/v1/models/{version}/deploy")
    assert (answer.status_code, answer.json()["code"]) == (422, "model_refused")
    assert reason in answer.json()["detail"]
    assert inspected(engineer)[1] == pytest.approx(_CONFIDENCE["1"], abs=0.01)
    assert rest.version_of_alias(MODEL_NAME, DEPLOYED).version == "1"


@pytest.mark.usefixtures("two_versions")
def test_bundle_is_refused_when_it_is_not_the_registered_one(engineer: httpx.Client, rest: MlflowRest) -> None:
    rest.set_tag(MODEL_NAME, "2", TAG_BUNDLE_DIGEST, "0" * 64)
    answer = engineer.post("/api/v1/models/2/deploy")
    assert (answer.status_code, answer.json()["code"]) == (422, "model_refused")
    assert "digest differs" in answer.json()["detail"]
    assert inspected(engineer)[1] == pytest.approx(_CONFIDENCE["1"], abs=0.01)


@pytest.mark.usefixtures("two_versions")
@pytest.mark.parametrize("act", ["deploy", "rollback"])
def test_nothing_happens_when_the_version_is_unknown_or_the_role_too_low(engineer: httpx.Client, act: str) -> None:
    for unknown in ("99", "abc", "-1"):
        assert engineer.post(f"/api/v1/models/{unknown}/{act}").status_code == 404
    operator = bearer(log_in(engineer, "operator"))
    assert engineer.post(f"/api/v1/models/2/{act}", headers=operator).status_code == 403
    assert engineer.post(f"/api/v1/models/2/{act}", headers={"Authorization": ""}).status_code == 401
    assert inspected(engineer)[1] == pytest.approx(_CONFIDENCE["1"], abs=0.01)


@pytest.mark.usefixtures("two_versions")
def test_second_deploy_is_refused_when_one_is_under_way(app: FastAPI, engineer: httpx.Client) -> None:
    platform = app.state.platform
    assert isinstance(platform, Platform)
    with platform.switch.alone(60.0):  # the follower may be looking just now
        answer = engineer.post("/api/v1/models/2/deploy")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
