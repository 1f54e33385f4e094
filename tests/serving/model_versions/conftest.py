"""A real MLflow server, and a platform that reads it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest
from fastapi import FastAPI
from mlflow import MlflowClient

from models.bundle import Bundle
from registry.publish import publish_bundle
from registry.rest import MlflowRest
from registry.version import DEPLOYED, MODEL_NAME
from serving.app import create_app
from serving.settings import Settings
from tests.mlflow_server import mlflow_server
from tests.pictures import png_bytes, square_picture
from tests.serving.conftest import bearer, log_in
from tests.serving.server import serve
from tests.tiny_bundle import build_tiny_bundle

Publish = Callable[[Bundle], str]
RED = png_bytes(square_picture("red"))


@pytest.fixture(scope="session")
def mlflow_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server that the tests share, one after another."""
    folder = tmp_path_factory.mktemp("mlflow") / "data"
    folder.mkdir()
    with mlflow_server(folder) as url:
        yield url


@pytest.fixture(scope="session")
def second_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle whose scores are higher by 0.1 than those of `tiny_bundle`."""
    return build_tiny_bundle(tmp_path_factory.mktemp("bundle") / "second", version="b", score_shift=0.1)


def port_of(url: str) -> int:
    """The port of a server's address."""
    return int(url.rpartition(":")[2])


def publisher(url: str, monkeypatch: pytest.MonkeyPatch) -> Publish:
    """A function that registers a bundle and gives the number of the version."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
    client = MlflowClient(url, url)
    found = client.get_experiment_by_name(MODEL_NAME)
    experiment = found.experiment_id if found else client.create_experiment(MODEL_NAME)

    def publish(bundle: Bundle) -> str:
        tags = {"ussop.dataset_digest": "d" * 64, "ussop.metric.box_ap50": "0.93", "ussop.metric.note": "high"}
        run_id = client.create_run(experiment).info.run_id
        return publish_bundle(client, bundle, run_id=run_id, tags=tags).version

    return publish


@pytest.fixture
def publish(mlflow_url: str, monkeypatch: pytest.MonkeyPatch) -> Publish:
    """Registers bundles in a registry that is empty at first."""
    publish = publisher(mlflow_url, monkeypatch)
    client = MlflowClient(mlflow_url, mlflow_url)
    if client.search_registered_models(f"name='{MODEL_NAME}'"):
        for alias in client.get_registered_model(MODEL_NAME).aliases:  # what one points at cannot be deleted
            client.delete_registered_model_alias(MODEL_NAME, alias)
        client.delete_registered_model(MODEL_NAME)
    return publish


@pytest.fixture
def rest(mlflow_url: str) -> Iterator[MlflowRest]:
    """What the registry says."""
    with MlflowRest(mlflow_url) as connection:
        yield connection


@pytest.fixture
def two_versions(publish: Publish, rest: MlflowRest, tiny_bundle: Bundle, second_bundle: Bundle) -> None:
    """Version 1, which this machine has deployed, and version 2."""
    assert publish(tiny_bundle) == "1"
    rest.set_alias(MODEL_NAME, DEPLOYED, "1")
    assert publish(second_bundle) == "2"


@pytest.fixture
def settings(settings: Settings, mlflow_url: str) -> Settings:
    """The platform's settings, with the registry, which it asks often."""
    return settings.model_copy(update={"mlflow_port": port_of(mlflow_url), "model_poll_s": 0.1})


@pytest.fixture
def app(settings: Settings) -> FastAPI:
    """The application, not started yet."""
    return create_app(settings)


@pytest.fixture
def engineer(app: FastAPI) -> Iterator[httpx.Client]:
    """An engineer on the running application."""
    with signed_in(app, "engineer") as client:
        yield client


@contextmanager
def signed_in(app: FastAPI, user: str) -> Iterator[httpx.Client]:
    """A client of the application that is signed in; the application runs within the block."""
    with serve(app) as url, httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
        client.headers.update(bearer(log_in(client, user)))
        yield client


def inspected(client: httpx.Client) -> tuple[str, float]:
    """Version and confidence of the verdict on a picture with a scratch."""
    answer = client.post("/api/v1/inspect", files={"file": ("x.png", RED)})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["model_version"]), float(answer.json()["confidence"])
