"""The gate by REST alone: judged by the real flow on real servers, deployed, blocked, overridden."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("torch", reason="needs the train extra")

from fastapi import FastAPI
from sqlmodel import col, select

from flows.tasks.coco import write_annotations
from models.bundle import Bundle
from registry.rest import MlflowRest
from registry.version import CANDIDATE, DEPLOYED, MODEL_NAME
from serving.app import create_app
from serving.platform import Platform
from serving.settings import Settings
from serving.tables import AuditEntry
from tests.flows.tasks.square_finder import CLASSES, square_pictures
from tests.prefect_platform import PrefectPlatform, prefect_platform
from tests.serving.conftest import bearer, log_in
from tests.serving.model_versions.conftest import Publish, inspected, port_of, publisher
from tests.serving.server import serve
from tests.tiny_bundle import build_tiny_bundle
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.training]
DIGEST = "d" * 64  # as the publisher tags each version
BLIND = -0.5  # added to each score: nothing is found any more
DEADLINE_S = 120.0


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectPlatform]:
    """Prefect, MLflow and the host of flows, with the frozen test parts of one data set."""
    folder = tmp_path_factory.mktemp("circle")
    test_set = folder / "test"
    (test_set / "images").mkdir(parents=True)
    write_annotations(test_set, CLASSES, square_pictures(test_set / "images", 30))
    with prefect_platform(folder / "data") as running:
        shutil.copytree(test_set, running.folder / "training" / "datasets" / DIGEST / "test")
        running.deployment_id("promote")
        yield running


@pytest.fixture
def settings(settings: Settings, servers: PrefectPlatform) -> Settings:
    ports = {"mlflow_port": port_of(servers.mlflow_url), "prefect_port": servers.prefect_port}
    return settings.model_copy(update=ports)


@dataclass
class Circle:
    """A running API beside the servers, with version `before` deployed and a candidate."""

    app: FastAPI
    client: httpx.Client
    rest: MlflowRest
    before: str
    candidate: str

    def send(self, who: str, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        headers = bearer(log_in(self.client, who))
        return self.client.request(method, f"/api/v1/models/{path}".rstrip("/"), json=body, headers=headers)

    def judged(self) -> dict[str, Any]:
        """What the gate says once it is done."""

        def done() -> dict[str, Any] | None:
            answer = self.send("viewer", "GET", f"{self.candidate}/gate").raise_for_status().json()
            return answer if answer["state"] in {"completed", "failed", "cancelled"} else None

        found: dict[str, Any] = wait_until(done, "the gate is done", DEADLINE_S)
        return found

    def audited(self, action: str) -> list[AuditEntry]:
        platform = self.app.state.platform
        assert isinstance(platform, Platform)
        with platform.database.read() as session:
            entries = session.exec(select(AuditEntry).where(col(AuditEntry.action) == action)).all()
            return [entry for entry in entries if entry.subject == f"model/{self.candidate}"]

    def waits_for(self, version: str) -> None:
        self.client.headers.update(bearer(log_in(self.client, "operator")))
        wait_until(lambda: inspected(self.client)[0] == version, f"version {version} inspects", DEADLINE_S)


@pytest.fixture
def circle(
    settings: Settings, servers: PrefectPlatform, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[Bundle, Bundle], Circle]]:
    """Publishes the two versions and gives the circle."""
    publish: Publish = publisher(servers.mlflow_url, monkeypatch)
    app = create_app(settings)
    with MlflowRest(servers.mlflow_url) as rest:

        def make(deployed: Bundle, candidate: Bundle) -> Circle:
            before = publish(deployed)
            rest.set_alias(MODEL_NAME, DEPLOYED, before)
            after = publish(candidate)
            rest.set_alias(MODEL_NAME, CANDIDATE, after)
            return Circle(app, client, rest, before, after)

        with serve(app) as url, httpx.Client(base_url=url, timeout=30.0, trust_env=False) as client:
            yield make


Make = Callable[[Bundle, Bundle], Circle]


def test_candidate_is_judged_on_its_own_frozen_parts_and_deployed_when_no_worse(
    circle: Make, tiny_bundle: Bundle, second_bundle: Bundle
) -> None:
    c = circle(tiny_bundle, second_bundle)
    assert c.send("viewer", "GET", f"{c.candidate}/gate").json()["state"] == "idle"
    answer = c.send("engineer", "POST", f"{c.candidate}/promote")
    assert answer.status_code == 202, answer.text
    assert answer.json()["state"] in {"queued", "running"}
    second = c.send("engineer", "POST", f"{c.candidate}/promote")
    assert (second.status_code, second.json()["detail"]) == (409, f"the gate is at work on version {c.candidate}")
    gate = c.judged()
    assert (gate["state"], gate["outcome"], gate["reasons"], gate["progress"]) == ("completed", "passed", [], 100.0)
    report = gate["report"]
    assert (report["version"], report["compared_with"]) == (c.candidate, c.before)
    assert report["test_set"]["pictures"] == 30
    for version in ("candidate", "deployed"):
        assert report[version]["escape"]["count"] == 0
        assert report[version]["escape"]["of"] == 20
        assert 0.0 < report[version]["escape"]["high"] < 0.2
        assert report[version]["overkill"]["of"] == 10
        assert set(report[version]["recall"]) == set(CLASSES)
        assert report[version]["latency_p95_ms"] > 0.0
        assert {p["runs_on"] for p in report[version]["parity"]} == {"onnxruntime f32", "openvino f32", "openvino bf16"}
    assert gate["links"]["prefect"].endswith(gate["job_id"])
    assert "/#/experiments/" in gate["links"]["mlflow"]
    c.waits_for(c.candidate)
    assert c.rest.version(MODEL_NAME, c.candidate).aliases == (DEPLOYED,)
    (entry,) = c.audited("model.gate_started")
    assert entry.actor_name == "engineer"
    again = c.send("engineer", "POST", f"{c.candidate}/promote")
    assert (again.status_code, again.json()["detail"]) == (409, f"version {c.candidate} is deployed already")
    (shown,) = [m for m in c.send("viewer", "GET", "").json()["models"] if m["id"] == c.candidate]
    assert (shown["gate"], shown["status"]) == ("passed", "deployed")
    assert shown["deployed_at"] is not None


def test_blocked_candidate_is_deployed_by_nobody_but_an_admin_with_a_reason(
    circle: Make, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    c = circle(tiny_bundle, build_tiny_bundle(tmp_path / "blind", version="blind", score_shift=BLIND))
    assert c.send("engineer", "POST", f"{c.candidate}/promote").status_code == 202
    gate = c.judged()
    assert gate["outcome"] == "blocked"
    assert any(reason.startswith("more escapes: 20 of 20") for reason in gate["reasons"])
    assert {part["truth"] for part in gate["report"]["differing"]} == {"defective", "golden"}
    assert c.rest.version_of_alias(MODEL_NAME, DEPLOYED).version == c.before

    refused = c.send("engineer", "POST", f"{c.candidate}/deploy")
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert "the gate blocked it: more escapes: 20 of 20" in refused.json()["detail"]
    assert c.send("engineer", "POST", f"{c.candidate}/rollback").status_code == 409
    word = {"override_reason": "known bad on purpose: a trial of the alarm"}
    assert c.send("engineer", "POST", f"{c.candidate}/deploy", word).status_code == 403
    assert c.send("admin", "POST", f"{c.candidate}/deploy", {"override_reason": "  "}).status_code == 422
    assert c.audited("model.deployed") == []

    answer = c.send("admin", "POST", f"{c.candidate}/deploy", word)
    assert answer.status_code == 200, answer.text
    (entry,) = c.audited("model.gate_overridden")
    assert entry.actor_name == "admin"
    assert "a trial of the alarm" in str(entry.after)
    assert "more escapes" in str(entry.after)
    tags = c.rest.version(MODEL_NAME, c.candidate).tags
    assert (tags["ussop.gate"], tags["ussop.gate.approved_by"]) == ("overridden", "admin")
    # What inspected before is free: back, and there again.
    assert c.send("engineer", "POST", f"{c.before}/rollback").status_code == 200
    assert c.send("engineer", "POST", f"{c.candidate}/deploy").status_code == 200
    assert c.send("engineer", "POST", f"{c.before}/deploy").status_code == 200


def test_override_is_in_the_name_of_the_admin_who_asks(circle: Make, tiny_bundle: Bundle, tmp_path: Path) -> None:
    c = circle(tiny_bundle, build_tiny_bundle(tmp_path / "blind", version="blind", score_shift=BLIND))
    word = {"override_reason": "the customer wants it"}
    assert c.send("engineer", "POST", f"{c.candidate}/promote", word).status_code == 403
    assert c.send("admin", "POST", f"{c.candidate}/promote", {**word, "approved_by": "ada"}).status_code == 422
    assert c.audited("model.override_ordered") == []
    assert c.send("admin", "POST", f"{c.candidate}/promote", word).status_code == 202
    gate = c.judged()
    assert (gate["outcome"], gate["approved_by"], gate["override_reason"]) == (
        "overridden",
        "admin",
        "the customer wants it",
    )
    c.waits_for(c.candidate)
    (entry,) = c.audited("model.override_ordered")
    assert (entry.actor_name, "the customer wants it" in str(entry.after)) == ("admin", True)


def test_failed_run_says_why_and_leaves_the_version_unjudged(
    circle: Make, tiny_bundle: Bundle, second_bundle: Bundle
) -> None:
    c = circle(tiny_bundle, second_bundle)
    assert c.send("engineer", "POST", f"{c.candidate}/promote", {"dataset": "e" * 64}).status_code == 202
    gate = c.judged()
    assert (gate["state"], gate["outcome"], gate["report"]) == ("failed", None, None)
    assert "is not on this machine" in gate["message"]
    refused = c.send("engineer", "POST", f"{c.candidate}/deploy")
    assert refused.status_code == 409
    assert f"not judged it yet (POST /api/v1/models/{c.candidate}/promote)" in refused.json()["detail"]
