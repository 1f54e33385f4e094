"""The security headers are on every answer, also on errors."""

import httpx
import pytest
from fastapi import FastAPI

from serving.app import create_app
from serving.settings import Settings
from tests.serving.conftest import bearer
from tests.serving.server import serve


@pytest.fixture
def app(app: FastAPI) -> FastAPI:
    @app.get("/explodes")
    def explode() -> None:
        secret = "S3CRET"
        raise RuntimeError(secret)

    return app


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/health", 200),
        ("GET", "/nowhere", 404),
        ("PATCH", "/api/v1/health", 405),
        ("GET", "/api/v1/auth/me", 401),
        ("GET", "/explodes", 500),
        ("GET", "/docs", 200),
        ("GET", "/redoc", 200),
        ("GET", "/static-docs/swagger-ui.css", 200),
        ("GET", "/static-docs/../../etc/passwd", 404),
        ("GET", "/static/images/x.jpg", 404),
        ("GET", "/metrics", 200),
        ("GET", "/openapi.json", 200),
    ],
)
def test_headers_are_set_when_anything_is_answered(client: httpx.Client, method: str, path: str, status: int) -> None:
    response = client.request(method, path)
    assert response.status_code in {status, 401}
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["x-request-id"]
    assert "server" not in response.headers


def test_headers_are_set_when_a_guard_refuses(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"rate_limit_default": "1/minute"}))
    with serve(app) as url, httpx.Client(base_url=url, trust_env=False) as client:
        refused = [
            client.get("/", headers={"Host": "evil.example"}),
            client.post("/api/v1/inspect", content=b"x"),
            client.get("/api/v1/health"),
        ]
    assert [response.status_code for response in refused] == [400, 401, 429]
    assert all("frame-ancestors" in response.headers["content-security-policy"] for response in refused)


def test_nothing_of_the_inside_is_told_when_something_breaks(client: httpx.Client) -> None:
    response = client.get("/explodes")
    assert response.status_code == 500
    assert response.json() == {"detail": "internal error", "code": "internal_error"}
    assert client.get("/api/v1/health").status_code == 200


def test_inline_scripts_are_not_allowed_when_a_page_is_ours(client: httpx.Client) -> None:
    for path in ("/api/v1/health", "/docs", "/redoc"):
        policy = client.get(path).headers["content-security-policy"]
        scripts = next(part for part in policy.split(";") if part.strip().startswith("script-src"))
        assert "unsafe" not in scripts


def test_answers_are_not_kept_when_they_come_from_the_api(client: httpx.Client, viewer_token: str) -> None:
    assert client.get("/api/v1/auth/me", headers=bearer(viewer_token)).headers["cache-control"] == "no-store"


def test_other_origins_get_nothing_when_none_is_configured(client: httpx.Client) -> None:
    response = client.get("/api/v1/health", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in response.headers


def test_one_origin_is_let_in_when_it_is_configured(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"cors_origins": ("https://board.example",)}))
    with serve(app) as url, httpx.Client(base_url=url, trust_env=False) as client:
        good = client.get("/api/v1/health", headers={"Origin": "https://board.example"})
        evil = client.get("/api/v1/health", headers={"Origin": "https://evil.example"})
    assert good.headers["access-control-allow-origin"] == "https://board.example"
    assert "access-control-allow-origin" not in evil.headers
    assert "access-control-allow-credentials" not in good.headers
