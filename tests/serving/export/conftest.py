"""Inspections to export: some from the line, some put into the database."""

from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI

from tests.serving.conftest import bearer, log_in
from tests.serving.past import Past
from tests.serving.server import serve


@pytest.fixture
def viewer(app: FastAPI) -> Iterator[httpx.Client]:
    """A viewer on the running application."""
    with serve(app) as base_url, httpx.Client(base_url=base_url, timeout=60.0, trust_env=False) as client:
        client.headers.update(bearer(log_in(client, "viewer")))
        yield client


@pytest.fixture
def past(app: FastAPI, viewer: httpx.Client) -> Past:
    """Puts inspections into the database of the running application."""
    return Past(app.state.platform.database)
