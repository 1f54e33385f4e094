"""Keys, users and the audit log of an application on PostgreSQL."""

from functools import partial

import httpx
import pytest

from serving.app import create_app
from serving.database import open_database
from serving.schema import upgrade
from serving.settings import Settings
from serving.users import repository
from serving.users import service as users
from tests.serving.conftest import PASSWORD, bearer, log_in
from tests.serving.postgres import is_installed, postgres
from tests.serving.server import serve


@pytest.mark.skipif(not is_installed(), reason="PostgreSQL is not installed on this machine")
def test_keys_and_users_are_looked_after_when_on_postgresql(settings: Settings, png: bytes) -> None:
    with postgres() as url:
        settings = settings.model_copy(update={"database_url": url})
        database = open_database(settings)
        upgrade(database.engine)
        admin = users.new_user("admin", PASSWORD, ["admin"])
        database.write(partial(repository.add, user=admin)).result(timeout=30)
        app = create_app(settings)
        with serve(app) as base_url, httpx.Client(base_url=base_url, timeout=30.0, trust_env=False) as client:
            headers = bearer(log_in(client, "admin"))
            keys = [
                client.post("/api/v1/api-keys", json={"name": str(stations), "stations": stations}, headers=headers)
                for stations in (None, ["a"])
            ]
            statuses = [
                client.post(
                    "/api/v1/inspect",
                    files={"file": ("x", png)},
                    data={"station_id": station},
                    headers={"X-API-Key": answer.json()["key"]},
                ).status_code
                for answer in keys
                for station in ("a", "b")
            ]
            assert statuses == [200, 200, 200, 403]
            assert client.delete(f"/api/v1/api-keys/{keys[0].json()['id']}", headers=headers).status_code == 200
            gone = client.get("/api/v1/auth/me", headers={"X-API-Key": keys[0].json()["key"]})
            assert gone.status_code == 401
            assert (
                client.put(f"/api/v1/users/{admin.id}", json={"is_active": False}, headers=headers).status_code == 409
            )
            made = client.post("/api/v1/users", json={"username": "jo", "password": PASSWORD}, headers=headers)
            assert made.status_code == 201
            assert client.delete(f"/api/v1/users/{made.json()['id']}", headers=headers).status_code == 200
            odd = client.post("/api/v1/auth/login", json={"username": "nobody\x00", "password": "x"})
            assert odd.status_code == 422
            assert client.get("/api/v1/inspect/%00", headers=headers).status_code == 422  # no text holds a NUL there
            told = client.get("/api/v1/audit", params={"action": "api_key."}, headers=headers).json()["entries"]
            assert [entry["action"] for entry in told] == ["api_key.revoked", "api_key.created", "api_key.created"]
            assert client.get("/api/v1/audit/verify", headers=headers).json()["holds"] is True
        database.close()
