"""Pictures over HTTP: what a link opens, and that nothing else on disk can be reached."""

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection

import httpx
import pytest

from serving.images.links import ImageLinks
from serving.settings import Settings
from tests.pictures import png_bytes, square_picture
from tests.serving.conftest import bearer

RED = png_bytes(square_picture("red"))
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def image_url(client: httpx.Client, operator_token: str) -> str:
    response = client.post("/api/v1/inspect", files={"file": ("evil.html", RED)}, headers=bearer(operator_token))
    url = response.json()["image_url"]
    assert isinstance(url, str)
    return url


def test_picture_comes_as_it_was_sent_when_the_link_is_signed(client: httpx.Client, image_url: str) -> None:
    response = client.get(image_url)
    assert (response.status_code, response.content) == (200, RED)
    assert response.headers["content-type"] == "image/png"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["content-disposition"].startswith("inline; filename=")
    assert "evil" not in response.headers["content-disposition"]
    assert response.headers["cache-control"].startswith("private")


def test_picture_needs_a_token_when_the_link_is_not_signed(
    client: httpx.Client, image_url: str, viewer_token: str
) -> None:
    bare = image_url.partition("?")[0]
    assert client.get(bare).status_code == 401
    assert client.get(bare, headers=bearer("forged")).status_code == 401
    assert client.get(bare, headers=bearer(viewer_token)).content == RED


@pytest.mark.parametrize("change", ["path", "expiry", "signature", "no_expiry"])
def test_link_is_worthless_when_it_is_altered(client: httpx.Client, image_url: str, change: str) -> None:
    path, _, query = image_url.partition("?")
    expiry, signature = (part.partition("=")[2] for part in query.split("&"))
    altered = {
        "path": f"{path[:-5]}0.png?exp={expiry}&sig={signature}",
        "expiry": f"{path}?exp={int(expiry) + 1}&sig={signature}",
        "signature": f"{path}?exp={expiry}&sig={'0' * 64}",
        "no_expiry": f"{path}?sig={signature}",
    }[change]
    assert client.get(altered).status_code in {401, 404}


def test_link_ends_when_its_time_is_over() -> None:
    links = ImageLinks(b"k" * 32, ttl_s=60)
    path, _, query = links.link_to("p.jpg", NOW).removeprefix("/static/images/").partition("?")
    expiry, signature = (part.partition("=")[2] for part in query.split("&"))
    assert links.is_good(path, int(expiry), signature, NOW + timedelta(seconds=59))
    assert not links.is_good(path, int(expiry), signature, NOW + timedelta(seconds=121))
    assert not ImageLinks(b"x" * 32, ttl_s=60).is_good(path, int(expiry), signature, NOW)


@pytest.mark.parametrize(
    "path",
    [
        "../ussop.db",
        "%2e%2e/ussop.db",
        "..%2fussop.db",
        "/etc/hostname",
        "%2Fetc%2Fhostname",
        ".incoming/x",
        ".repaired",
        "2026/11/23",
        "db/ussop.db",
        "",
        "%00",
        "2026/11/23/0f8fad5b-d9cb-469f-a165-70867728950e.png",
    ],
)
def test_nothing_else_is_reachable_when_somebody_looks_for_it(
    client: httpx.Client, admin_token: str, settings: Settings, path: str
) -> None:
    assert (settings.data_dir / "ussop.db").is_file()
    # Not by httpx, which would tidy the path up before it is sent.
    connection = HTTPConnection(client.base_url.host, client.base_url.port, timeout=20)
    with closing(connection):
        connection.request("GET", f"/static/images/{path}", headers=bearer(admin_token))
        response = connection.getresponse()
        assert response.status == 404
        assert "detail" in json.loads(response.read())


def test_picture_without_a_row_is_not_served_when_it_lies_there(
    client: httpx.Client, admin_token: str, settings: Settings, image_url: str
) -> None:
    path = image_url.partition("?")[0].removeprefix("/static/images/")
    stray = settings.media_dir / path.replace(path[11:19], "00000000")
    stray.write_bytes(RED)
    url = f"/static/images/{stray.relative_to(settings.media_dir)}"
    assert client.get(url, headers=bearer(admin_token)).status_code == 404
