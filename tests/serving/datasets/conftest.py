"""An engineer at the API."""

import httpx
import pytest

from tests.serving.conftest import bearer


@pytest.fixture
def engineer(client: httpx.Client, engineer_token: str) -> httpx.Client:
    client.headers.update(bearer(engineer_token))
    return client
