"""The documentation pages need nothing but us."""

import re

import httpx
import pytest


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_page_loads_only_from_us_when_opened(client: httpx.Client, page: str) -> None:
    html = client.get(page).text
    links = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert links
    for link in links:
        assert link.startswith("/"), link
        assert not link.startswith("//"), link
        assert client.get(link).status_code == 200, link


def test_description_is_complete_when_fetched(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    assert document["info"]["version"] == "1.0.0"
    assert {"/api/v1/inspect", "/api/v1/auth/login", "/api/v1/health", "/metrics"} <= set(document["paths"])
