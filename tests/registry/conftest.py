"""A real MLflow server for the tests of the registry."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from models.bundle import Bundle
from registry.publish import publish_bundle
from registry.rest import MlflowRest
from tests.mlflow_server import mlflow_server
from tests.tiny_bundle import build_tiny_bundle


@pytest.fixture(scope="session")
def mlflow_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server that all tests share; each uses model names of its own."""
    folder = tmp_path_factory.mktemp("mlflow") / "data"
    folder.mkdir()
    with mlflow_server(folder) as url:
        yield url


@pytest.fixture
def client(mlflow_url: str, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    """MLflow's own client, without its long retries."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_url)
    return MlflowClient(mlflow_url, mlflow_url)


@pytest.fixture
def rest(mlflow_url: str) -> Iterator[MlflowRest]:
    """The light half."""
    with MlflowRest(mlflow_url) as connection:
        yield connection


@pytest.fixture
def two_versions(client: MlflowClient, tmp_path: Path, request: pytest.FixtureRequest) -> tuple[str, Bundle, Bundle]:
    """The name of a model of the test's own with versions 1 and 2, and their bundles."""
    name = f"inspector-{abs(hash(request.node.nodeid))}"
    experiment = client.create_experiment(name)
    bundles = [build_tiny_bundle(tmp_path / v, version=v, score_shift=s) for v, s in (("a", 0.0), ("b", 0.01))]
    for bundle in bundles:
        run_id = client.create_run(experiment).info.run_id
        publish_bundle(client, bundle, run_id=run_id, tags={"ussop.dataset_digest": "none"}, name=name)
    return name, bundles[0], bundles[1]
