"""One running platform for all tests of the contract, with a caller of every kind."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
from fastapi import FastAPI

from models.bundle import Bundle
from serving.app import create_app
from serving.auth.principal import ROLES
from serving.client import ServiceAccount
from serving.command.service_account import ensure_service_account
from serving.settings import Settings
from tests.serving.conftest import bearer, log_in, prepare, settings_on
from tests.serving.server import serve

V1: Final = "/api/v1"
KEY_STATION: Final = "line-1"


@dataclass
class Running:
    """A platform that runs, and the headers of those who may call it.

    Attributes:
        url: Where it listens.
        app: The application behind it.
        settings: What it was made with.
        callers: By name, the headers that say who calls; `anonymous` has none.
        leaving: The headers of a session more of each role, for calls that end it.
    """

    url: str
    app: FastAPI
    settings: Settings
    callers: dict[str, dict[str, str]] = field(default_factory=dict)
    leaving: dict[str, dict[str, str]] = field(default_factory=dict)

    def client(self, caller: str = "anonymous") -> httpx.Client:
        """A client that says who it is with each request."""
        return httpx.Client(base_url=self.url, headers=self.callers[caller], timeout=30.0, trust_env=False)

    def session_of(self, role: str) -> dict[str, str]:
        """The headers of a session of its own, which may end."""
        with self.client() as client:
            return bearer(log_in(client, role))


@contextmanager
def running(data_dir: Path, bundle: Bundle, *, has_usual_limits: bool = False, **more: object) -> Iterator[Running]:
    """A platform on a new data folder; it ends with the block.

    Args:
        data_dir: A folder that is not there yet.
        bundle: What it inspects with.
        has_usual_limits: Whether the limits are those that hold where nothing is set; nobody is logged in then.
        more: Settings that differ.
    """
    data_dir.mkdir()
    prepare(data_dir, bundle)
    settings = settings_on(data_dir).model_copy(update=more)
    if has_usual_limits:
        usual = {name: Settings.model_fields[name].default for name in ("rate_limit_default", "rate_limit_login")}
        settings = settings.model_copy(update=usual)
    account = ServiceAccount.read(ensure_service_account(settings))
    app = create_app(settings)
    with serve(app) as url:
        platform = Running(url, app, settings, {"anonymous": {}})
        if has_usual_limits:
            yield platform
            return
        platform.callers |= {role: platform.session_of(role) for role in ROLES}
        platform.leaving |= {role: platform.session_of(role) for role in ROLES}
        with platform.client("admin") as admin:
            platform.callers |= {f"{role} key": _key(admin, role) for role in ROLES}
            platform.callers["station key"] = _key(admin, "operator", stations=[KEY_STATION])
            password = account.password.get_secret_value()
            for sessions in (platform.callers, platform.leaving):
                sessions["platform"] = bearer(log_in(admin, account.username, password))
        yield platform


def _key(admin: httpx.Client, role: str, **more: object) -> dict[str, str]:
    answer = admin.post(f"{V1}/api-keys", json={"name": f"{role} {len(more)}", "role": role, **more})
    assert answer.status_code == 201, answer.text
    return {"X-API-Key": str(answer.json()["key"])}
