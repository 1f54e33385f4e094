"""Healthy means: a picture sent now gets a verdict that is kept."""

import shutil

import httpx
import pytest
from fastapi import FastAPI

from serving.app import create_app
from serving.settings import Settings
from tests.serving.server import serve


def test_platform_is_healthy_when_model_and_storage_are_there(client: httpx.Client) -> None:
    response = client.get("/api/v1/health")
    body = response.json()
    assert response.status_code == 200
    assert (body["status"], body["version"]) == ("healthy", "1.0.0")
    assert (body["model"]["name"], body["model"]["version"]) == ("tiny", "1")
    assert body["storage"]["available"] is True
    assert body["storage"]["free_bytes"] > 0


@pytest.fixture
def app_without_model(settings: Settings) -> FastAPI:
    shutil.rmtree(settings.bundles_dir)
    return create_app(settings)


def test_platform_is_unhealthy_when_no_model_is_deployed(app_without_model: FastAPI) -> None:
    with serve(app_without_model) as url, httpx.Client(base_url=url, trust_env=False) as client:
        response = client.get("/api/v1/health")
        assert response.status_code == 503
        assert response.json()["status"] == "unhealthy"
        assert response.json()["model"] is None


def test_platform_is_unhealthy_when_the_database_is_damaged(client: httpx.Client, settings: Settings) -> None:
    for path in settings.data_dir.glob("ussop.db*"):
        path.write_bytes(b"x" * path.stat().st_size)
    response = client.get("/api/v1/health")
    assert response.status_code == 503
    assert response.json()["storage"]["available"] is False
