"""Nothing deletes what an alias points at: every way of MLflow's server that could is tried."""

from collections.abc import Callable, Iterator

import httpx
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from models.bundle import Bundle
from registry.rest import MlflowRest
from registry.version import DEPLOYED

Two = tuple[str, Bundle, Bundle]
Send = Callable[[str, str, dict[str, str]], int]


@pytest.fixture
def send(mlflow_url: str) -> Iterator[Send]:
    """The status of a request."""
    with httpx.Client(base_url=mlflow_url, timeout=20.0, trust_env=False) as client:
        yield lambda method, path, body: client.request(method, path, json=body).status_code


def _requests(client: MlflowClient, name: str, version: str) -> dict[str, tuple[str, str, dict[str, str]]]:
    """Method, path and body of everything that would take the version away."""
    found = client.get_model_version(name, version)
    run_id = str(found.run_id)
    run = client.get_run(run_id)
    model_id = str(found.source).removeprefix("models:/")
    files = str(client.get_logged_model(model_id).artifact_location).removeprefix("mlflow-artifacts:/")
    api, ui, artifacts = "/api/2.0/mlflow", "/ajax-api/2.0/mlflow", "/api/2.0/mlflow-artifacts/artifacts"
    return {
        "version": ("DELETE", f"{api}/model-versions/delete", {"name": name, "version": version}),
        "version, from the UI": ("DELETE", f"{ui}/model-versions/delete", {"name": name, "version": version}),
        "model": ("DELETE", f"{api}/registered-models/delete", {"name": name}),
        "name": ("POST", f"{api}/registered-models/rename", {"name": name, "new_name": f"{name}-else"}),
        "run": ("POST", f"{api}/runs/delete", {"run_id": run_id}),
        "experiment": ("POST", f"{api}/experiments/delete", {"experiment_id": run.info.experiment_id}),
        "logged model": ("DELETE", f"{api}/logged-models/{model_id}", {}),
        "one file": ("DELETE", f"{artifacts}/{files}/bundle/model.onnx", {}),
        "all its files": ("DELETE", f"{artifacts}/{files}", {}),
        "files of the experiment": ("DELETE", f"{artifacts}/{run.info.experiment_id}", {}),
    }


def test_every_way_is_refused_when_an_alias_points_at_the_version(
    two_versions: Two, client: MlflowClient, rest: MlflowRest, send: Send
) -> None:
    name, first, _ = two_versions
    rest.set_alias(name, DEPLOYED, "1")
    for what, request in _requests(client, name, "1").items():
        assert send(*request) == 409, what
    found = rest.version_of_alias(name, DEPLOYED)
    assert (found.version, found.tags["ussop.bundle_digest"]) == ("1", first.digest)
    assert client.get_run(str(found.run_id)).info.lifecycle_stage == "active"
    assert rest.read_version_file(found, "bundle/model.onnx") == (first.root / "model.onnx").read_bytes()


def test_the_rest_may_go_when_no_alias_points_at_it(
    two_versions: Two, client: MlflowClient, rest: MlflowRest, send: Send
) -> None:
    name, _, _ = two_versions
    rest.set_alias(name, DEPLOYED, "1")
    ways = _requests(client, name, "2")
    for what in ("one file", "all its files", "logged model", "run", "version"):
        assert send(*ways[what]) == 200, what
    assert [v.version for v in rest.versions(name)] == ["1"]
    ways = _requests(client, name, "1")
    rest.delete_alias(name, DEPLOYED)
    assert send(*ways["version"]) == 200
    assert send(*ways["model"]) == 200


def test_refusal_names_the_alias_when_asked_by_the_client(two_versions: Two, client: MlflowClient) -> None:
    name, _, _ = two_versions
    client.set_registered_model_alias(name, "candidate", "2")
    with pytest.raises(MlflowException, match=f"alias 'candidate' of {name} points at version 2"):
        client.delete_model_version(name, "2")
