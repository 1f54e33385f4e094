"""Following the registry's alias, and doing without the registry."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from models.bundle import Bundle
from registry.first_version import register_first_version
from registry.local_store import LocalStore
from registry.rest import MlflowRest
from registry.version import DEPLOYED, MODEL_NAME
from serving.app import create_app
from serving.settings import Settings
from tests.mlflow_server import mlflow_server
from tests.ports import free_port
from tests.serving.model_versions.conftest import Publish, inspected, port_of, publisher, signed_in
from tests.tiny_bundle import build_tiny_bundle
from tests.waiting import wait_until

_DEADLINE_S = 120.0


def open_alerts(client: httpx.Client) -> list[str]:
    alerts = client.get("/api/v1/alerts").json()["alerts"]
    return [alert["message"] for alert in alerts if alert["resolved_at"] is None]


def waits_for_version(client: httpx.Client, version: str) -> None:
    wait_until(lambda: inspected(client)[0] == version, f"version {version} inspects", _DEADLINE_S)


@pytest.mark.usefixtures("two_versions")
def test_version_is_put_to_use_when_the_alias_moves(engineer: httpx.Client, rest: MlflowRest) -> None:
    waits_for_version(engineer, "1")
    rest.set_alias(MODEL_NAME, DEPLOYED, "2")
    waits_for_version(engineer, "2")
    assert inspected(engineer)[1] == pytest.approx(0.845, abs=0.01)


@pytest.mark.usefixtures("two_versions")
def test_alert_is_raised_once_and_ends_when_the_alias_points_at_a_broken_bundle(
    engineer: httpx.Client, publish: Publish, rest: MlflowRest, tmp_path: Path
) -> None:
    waits_for_version(engineer, "1")
    broken = publish(build_tiny_bundle(tmp_path / "broken", version="c", fault="nan", with_golden=False))
    rest.set_alias(MODEL_NAME, DEPLOYED, broken)
    (message,) = wait_until(lambda: open_alerts(engineer), "an alert", _DEADLINE_S)
    assert f"model version {broken} is refused" in message
    assert inspected(engineer)[0] == "1"
    rest.set_alias(MODEL_NAME, DEPLOYED, "2")
    waits_for_version(engineer, "2")
    wait_until(lambda: not open_alerts(engineer), "the alert ends", _DEADLINE_S)
    (alert,) = engineer.get("/api/v1/alerts").json()["alerts"]
    assert alert["occurrences"] == 1


@pytest.mark.usefixtures("two_versions")
def test_versions_are_listed_with_lineage_when_the_registry_answers(engineer: httpx.Client, mlflow_url: str) -> None:
    waits_for_version(engineer, "1")
    answer = engineer.get("/api/v1/models").json()
    assert answer["registry"] == "available"
    second, first = answer["models"]
    assert (first["id"], first["status"], first["active"], first["aliases"]) == ("1", "deployed", True, ["deployed"])
    assert (second["id"], second["status"], second["active"]) == ("2", "archived", False)
    assert (second["name"], second["bundle_version"], second["dataset_digest"]) == ("inspector", "b", "d" * 64)
    assert second["metrics"] == {"box_ap50": 0.93}  # a tag that is no number is no metric
    assert second["run_id"]
    assert second["mlflow_url"].startswith(f"http://localhost:{port_of(mlflow_url)}/")
    assert engineer.get("/api/v1/models", headers={"Authorization": ""}).status_code == 401


@pytest.fixture
def mortal_registry(tmp_path: Path) -> Iterator[tuple[ExitStack, str]]:
    """A registry of the test's own, which it may end before its time."""
    (tmp_path / "mlflow").mkdir()
    with ExitStack() as stack:
        url = stack.enter_context(mlflow_server(tmp_path / "mlflow"))
        yield stack, url


@pytest.mark.slow
def test_platform_goes_on_and_starts_again_when_the_registry_dies(
    mortal_registry: tuple[ExitStack, str],
    settings: Settings,
    tiny_bundle: Bundle,
    second_bundle: Bundle,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stack, url = mortal_registry
    publish = publisher(url, monkeypatch)
    publish(tiny_bundle)
    publish(second_bundle)
    settings = settings.model_copy(update={"mlflow_port": port_of(url)})
    with signed_in(create_app(settings), "engineer") as client:
        for version in ("1", "2"):
            assert client.post(f"/api/v1/models/{version}/deploy").status_code == 200
        stack.close()  # MLflow is gone
        assert inspected(client)[0] == "2"
        answer = client.get("/api/v1/models").json()
        assert answer["registry"] == "unavailable"
        assert [(m["id"], m["status"], m["active"]) for m in answer["models"]] == [
            ("2", "deployed", True),
            ("1", "previous", False),
        ]
    with signed_in(create_app(settings), "engineer") as client:
        assert inspected(client)[0] == "2"
        unknown = client.post("/api/v1/models/9/deploy")
        assert (unknown.status_code, unknown.json()["code"]) == (503, "registry_unavailable")
        back = client.post("/api/v1/models/1/rollback")
        assert (back.status_code, back.json()["registry"]) == (200, "pending"), back.text
        assert inspected(client)[0] == "1"
    with signed_in(create_app(settings), "engineer") as client:
        assert inspected(client)[0] == "1"


def test_model_in_use_is_listed_when_no_registry_has_seen_it(settings: Settings, tiny_bundle: Bundle) -> None:
    nobody = settings.model_copy(update={"mlflow_port": free_port()})
    with signed_in(create_app(nobody), "viewer") as client:
        answer = client.get("/api/v1/models").json()
        (only,) = answer["models"]
        assert (only["active"], only["status"], answer["registry"]) == (True, "deployed", "unavailable")
        assert (only["bundle_digest"], only["version"]) == (tiny_bundle.digest, tiny_bundle.manifest.version)


@pytest.mark.usefixtures("two_versions")
def test_registry_hears_of_the_rollback_when_it_is_back(settings: Settings, rest: MlflowRest) -> None:
    with signed_in(create_app(settings), "engineer") as client:
        assert client.post("/api/v1/models/2/deploy").status_code == 200
    nobody = settings.model_copy(update={"mlflow_port": free_port()})
    with signed_in(create_app(nobody), "engineer") as client:
        answer = client.post("/api/v1/models/1/rollback")
        assert (answer.status_code, answer.json()["registry"]) == (200, "pending"), answer.text
    assert rest.version_of_alias(MODEL_NAME, DEPLOYED).version == "2"
    with signed_in(create_app(settings), "engineer") as client:
        wait_until(lambda: rest.version_of_alias(MODEL_NAME, DEPLOYED).version == "1", "the alias", _DEADLINE_S)
        assert inspected(client)[0] == "1"


@pytest.mark.usefixtures("publish")
def test_deployed_bundle_becomes_version_1_when_the_registry_is_empty(
    rest: MlflowRest, settings: Settings, app: FastAPI, mlflow_url: str, tiny_bundle: Bundle
) -> None:
    store = LocalStore(settings.bundles_dir)
    assert register_first_version(mlflow_url, store) == "1"
    assert register_first_version(mlflow_url, store) is None
    (version,) = rest.versions(MODEL_NAME)
    assert (version.aliases, version.tags["ussop.bundle_digest"]) == ((DEPLOYED,), tiny_bundle.digest)
    with signed_in(app, "engineer") as client:
        # The same bundle gets its number; nothing is loaded anew and nobody is told of a change.
        wait_until(lambda: store.pointer(DEPLOYED) and inspected(client)[0] == "1", "the number", _DEADLINE_S)
        wait_until(lambda: client.get("/api/v1/models").json()["models"][0]["active"], "it is active", _DEADLINE_S)
        pointer = store.pointer(DEPLOYED)
        assert pointer is not None
        assert pointer.version == "1"


def test_alias_is_set_when_an_earlier_registration_died_before_it(
    publish: Publish, rest: MlflowRest, settings: Settings, mlflow_url: str, tiny_bundle: Bundle
) -> None:
    publish(tiny_bundle)
    assert register_first_version(mlflow_url, LocalStore(settings.bundles_dir)) is None
    assert rest.version_of_alias(MODEL_NAME, DEPLOYED).version == "1"
