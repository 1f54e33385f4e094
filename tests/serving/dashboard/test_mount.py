"""The dashboard is served at `/`, and the API stays where it is."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from serving.app import create_app
from serving.settings import Settings
from tests.serving.server import serve

_PAGE = {"Accept": "text/html,application/xhtml+xml"}
_INDEX = "<!doctype html><title>the dashboard</title>"


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A folder as the build leaves it, with a secret beside it."""
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(_INDEX)
    (folder / "favicon.svg").write_text("<svg/>")
    (folder / "assets" / "index-1a2b.js").write_text("export {};")
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "assets" / "link.txt").symlink_to(tmp_path / "secret.txt")
    return folder


@pytest.fixture
def client(settings: Settings, built: Path) -> Iterator[httpx.Client]:
    """A client of an API that serves that folder."""
    app = create_app(settings.model_copy(update={"dashboard_dir": built}))
    with serve(app) as base_url, httpx.Client(base_url=base_url, timeout=20.0, trust_env=False) as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/live", "/history/0b6e", "/stations/line.1", "/history/a%2Fb?decision=fail"])
def test_first_page_comes_when_an_address_of_a_page_is_opened(client: httpx.Client, path: str) -> None:
    response = client.get(path, headers=_PAGE)
    assert (response.status_code, response.text) == (200, _INDEX)
    assert response.headers["Cache-Control"] == "no-cache"
    assert "script-src 'self';" in response.headers["Content-Security-Policy"]
    assert client.head(path, headers=_PAGE).status_code == 200


def test_hashed_file_is_kept_for_ever_when_fetched(client: httpx.Client) -> None:
    script = client.get("/assets/index-1a2b.js")
    assert script.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert script.headers["Content-Type"].startswith("text/javascript")
    assert client.get("/favicon.svg").headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    "path", ["/api/v1/nothing", "/api", "/static/nothing", "/assets/gone-9.js", "/metrics/x", "/ws/x"]
)
def test_error_of_the_api_stays_one_when_nothing_is_there(client: httpx.Client, path: str) -> None:
    response = client.get(path, headers=_PAGE)
    assert response.status_code == 404
    assert set(response.json()) == {"detail", "code"}


def test_programs_get_an_error_when_nothing_is_there(client: httpx.Client) -> None:
    assert client.get("/wp-login.php", headers={"Accept": "*/*"}).status_code == 404
    assert client.post("/live", headers=_PAGE).status_code == 404


def test_api_and_its_pages_answer_when_the_dashboard_is_there(client: httpx.Client) -> None:
    assert client.get("/api/v1/health", headers=_PAGE).json()["status"]
    assert "swagger" in client.get("/docs", headers=_PAGE).text.lower()
    assert client.post("/api/v1/health").status_code == 405


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/assets/..%2f..%2fsecret.txt",
        "/assets/link.txt",
        "//etc/passwd",
        "/a%00b",
    ],
)
def test_nothing_outside_the_folder_is_given_when_asked_for(client: httpx.Client, path: str) -> None:
    for headers in (_PAGE, {"Accept": "*/*"}):
        response = client.get(httpx.URL(str(client.base_url).rstrip("/") + path), headers=headers)
        assert "secret" not in response.text
        assert "root:" not in response.text


def test_page_says_how_to_build_when_it_is_not_built(settings: Settings, tmp_path: Path) -> None:
    app = create_app(settings.model_copy(update={"dashboard_dir": tmp_path / "nowhere"}))
    with serve(app) as base_url, httpx.Client(base_url=base_url, trust_env=False) as client:
        response = client.get("/", headers=_PAGE)
        assert response.status_code == 503
        assert "make dashboard" in response.text
        assert client.get("/api/v1/health").status_code == 200
