"""Every privileged act leaves its entry: a new route must be shown to, or say why it need not."""

from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from serving.audit.chain import AuditChain
from serving.audit.verify import verify
from serving.database import Database
from serving.settings import Settings
from tests.serving.audit.acts import ACTS, EXCEPTIONS, Stage
from tests.serving.auth.test_roles import _LOWEST_ROLE
from tests.serving.conftest import bearer

_ROOT = Path(__file__).parents[3]


@pytest.fixture
def stage(client: httpx.Client, admin_token: str, settings: Settings, database: Database) -> Stage:
    """A running platform and its administrator."""
    client.headers.update(bearer(admin_token))
    return Stage(client, database, settings.models_dir)


def test_every_privileged_route_is_looked_at_when_listed(app: FastAPI) -> None:
    routes = {(method.upper(), path) for path, methods in app.openapi()["paths"].items() for method in methods}
    changing = {route for route in routes if route[0] != "GET"}
    privileged = {route for route in changing if _LOWEST_ROLE[route] in {"engineer", "admin"}}
    assert privileged - set(ACTS) - set(EXCEPTIONS) == set(), "show in acts.py that these leave an audit entry"
    assert (set(ACTS) | set(EXCEPTIONS)) <= routes, "these routes are no more"
    assert not set(ACTS) & set(EXCEPTIONS)
    for reason in EXCEPTIONS.values():
        _, needs, path = reason.rpartition(": tests/")
        assert not needs or (_ROOT / "tests" / path).is_file(), reason


@pytest.mark.parametrize("route", sorted(ACTS), ids=" ".join)
def test_act_is_in_the_log_when_it_succeeded(
    stage: Stage, route: tuple[str, str], settings: Settings, database: Database
) -> None:
    call, action = ACTS[route]
    answer = call(stage)
    assert answer.is_success, answer.text
    template = route[1].split("/")
    asked = answer.request.url.path.split("/")
    assert answer.request.method == route[0]
    assert len(asked) == len(template)
    assert all(wanted.startswith("{") or wanted == given for wanted, given in zip(template, asked, strict=True))
    entries = stage.client.get("/api/v1/audit", params={"action": action}).json()["entries"]
    told = [entry for entry in entries if entry["request_id"] == answer.headers["X-Request-ID"]]
    assert len(told) == 1, entries
    (entry,) = told
    assert entry["address"] == "127.0.0.1"
    assert entry["actor"]["kind"] == "user"
    assert entry["actor"]["name"] in {"admin", "viewer"}
    with database.read() as session:
        assert verify(session, AuditChain.existing(settings)).holds
