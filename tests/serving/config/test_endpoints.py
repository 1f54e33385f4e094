"""The configuration is shown, changed, followed by every replica, and restored."""

import json
from datetime import UTC, datetime
from typing import Any, Final

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from serving.app import create_app
from serving.settings import Settings
from tests.serving.alerts.line import add_parts
from tests.serving.conftest import bearer, log_in
from tests.serving.server import serve
from tests.waiting import wait_until

_PATH = "/api/v1/config"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings with secrets in them."""
    secrets = {
        "smtp_password": SecretStr("not-for-you-1"),
        "webhook_secret": SecretStr("not-for-you-2-" + "x" * 32),
        "camera_source": "rtsp://user:not-for-you-3@camera/1",
        "retention_fail_days": 300,
    }
    return settings.model_copy(update=secrets)


@pytest.fixture
def engineer(client: httpx.Client, engineer_token: str) -> httpx.Client:
    """The client, as an engineer."""
    client.headers.update(bearer(engineer_token))
    return client


def change(client: httpx.Client, **wanted: Any) -> dict[str, Any]:
    """The answer to a change that is accepted."""
    answer = client.post(_PATH, json=wanted)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def fields(client: httpx.Client) -> dict[str, dict[str, Any]]:
    """Every key, by name."""
    return {field["name"]: field for field in client.get(_PATH).json()["fields"]}


def test_secrets_are_said_to_be_set_and_nothing_else_when_read(engineer: httpx.Client) -> None:
    answer = engineer.get(_PATH)
    assert "not-for-you" not in answer.text
    assert "0123456789abcdef" not in answer.text
    assert "***" not in answer.text
    shown = fields(engineer)
    for name in ("secret_key", "smtp_password", "webhook_secret", "camera_source", "database_url"):
        assert (shown[name]["is_secret"], shown[name]["is_set"], shown[name]["value"]) == (True, True, None)
    assert (shown["admin_password"]["is_secret"], shown["admin_password"]["is_set"]) == (True, False)
    assert set(shown) >= set(Settings.model_fields)
    assert shown["api_port"] | {"value": 8080, "source": "default", "restart_needed": True} == shown["api_port"]
    days = shown["retention_fail_days"]
    assert (days["value"], days["default"], days["source"], days["restart_needed"]) == (300, 365, "environment", False)
    assert days["limits"] == {"minimum": 0, "maximum": 36_500}
    assert shown["log_level"]["choices"] == ["DEBUG", "INFO", "WARNING", "ERROR"]
    assert all(field["description"] for field in shown.values())


def test_roles_see_and_do_what_is_theirs_when_they_ask(
    client: httpx.Client, viewer_token: str, operator_token: str, admin_token: str
) -> None:
    assert client.get(_PATH).status_code == 401
    seen = client.get(_PATH, headers=bearer(viewer_token)).json()
    assert seen["values"]["timezone"] == "UTC"
    assert not [field for field in seen["fields"] if field["restart_needed"]]
    for token in (viewer_token, operator_token):
        assert client.post(_PATH, json={"takt_s": 1}, headers=bearer(token)).status_code == 403
        assert client.get(f"{_PATH}/history", headers=bearer(token)).status_code == 403
        assert client.post(f"{_PATH}/revert/0", headers=bearer(token)).status_code == 403
    assert client.post(_PATH, json={"takt_s": 1}, headers=bearer(admin_token)).status_code == 200


def test_change_holds_at_once_when_it_is_made(engineer: httpx.Client, app: FastAPI) -> None:
    add_parts(app.state.platform.database, ["pass"] * 19 + ["fail"], datetime.now(UTC))
    body = change(
        engineer,
        retention_pass_days=10,
        timezone="Asia/Kathmandu",
        storage_alarm_free_percent=20,
        pass_rate_target_percent=96,
        alert_least_parts=5,
        alert_window_min=1440,
        station_rules={"line-1": {"takt_s": 0.5}},
    )
    assert (body["version"], body["updated_by"]) == (1, "engineer")
    assert "retention_pass_days" in body["changed"]
    assert engineer.get("/api/v1/storage/usage").json()["policy"]["pass_days"] == 10
    assert engineer.get("/api/v1/trends").json()["timezone"] == "Asia/Kathmandu"
    report = engineer.get("/api/v1/export/csv", params={"bom": False}).text.splitlines()
    assert "created_at_local" in report[0]

    def alerts() -> set[str]:
        listed = engineer.get("/api/v1/alerts").json()["alerts"]
        return {alert["title"] for alert in listed if alert["resolved_at"] is None}

    wanted = {"Pass rate below threshold", "Cycle time above takt"}
    wait_until(lambda: alerts() >= wanted, "the alerts by the new rules", 60)
    change(engineer, pass_rate_target_percent=0, station_rules={"line-1": None})
    wait_until(lambda: not alerts() & wanted, "the end of the alerts", 60)


_REFUSED: Final[list[tuple[Any, str]]] = [
    ({"retention_pass_days": -1}, "retention_pass_days"),
    ({"retention_pass_days": True}, "retention_pass_days"),
    ({"retention_pass_days": "30"}, "retention_pass_days"),
    ({"retention_pass_dayz": 3}, "retention_pass_dayz"),
    ({"timezone": "Mars/Olympus"}, "timezone"),
    ({"takt_s": 1e400}, "takt_s"),
    ({"station_rules": {"line-1": {"takt": 3}}}, "station_rules.line-1.takt"),
    ({"station_rules": {"nowhere": {"takt_s": 3}}}, "nowhere"),
    ({"station_rules": {"a b": {"takt_s": 3}}}, "station_rules"),
    ({"api_port": 80}, "api_port: read when the platform starts"),
    ({"webhook_secret": "y" * 40}, "webhook_secret"),
    ([], "body"),
    ({"version": -1}, "version"),
]


def test_change_is_refused_and_named_when_it_cannot_be(engineer: httpx.Client) -> None:
    for body, named in _REFUSED:
        # `json=` of the client would refuse infinity by itself
        answer = engineer.post(_PATH, content=json.dumps(body), headers={"Content-Type": "application/json"})
        assert answer.status_code == 422, (body, answer.text)
        assert named in answer.json()["detail"]
        assert "yyyy" not in answer.text
    assert engineer.get(_PATH).json()["version"] == 0


def test_answer_may_be_sent_back_when_it_was_changed(engineer: httpx.Client) -> None:
    change(engineer, timezone="Asia/Kathmandu")
    config = engineer.get(_PATH).json()
    assert engineer.post(_PATH, json=config).json()["changed"] == []
    config["values"]["takt_s"] = 3.5
    answer = engineer.post(_PATH, json=config)
    assert (answer.status_code, answer.json()["changed"], answer.json()["version"]) == (200, ["takt_s"], 2)
    assert engineer.post(_PATH, json=config).status_code == 409  # it is of a version that is over
    sources = {field["name"]: field["source"] for field in answer.json()["fields"]}
    assert (sources["takt_s"], sources["timezone"], sources["drift_psi"]) == ("changed", "changed", "default")
    answer = engineer.post(_PATH, json={"values": {"takt_s": 1, "nonsense": 1}})
    assert (answer.status_code, "values.nonsense" in answer.json()["detail"]) == (422, True)


def test_versions_are_numbered_and_lead_back_when_reverted(engineer: httpx.Client, admin_token: str) -> None:
    change(engineer, retention_fail_days=30, takt_s=2)
    change(engineer, takt_s=None, version=1)
    assert change(engineer)["version"] == 2  # nothing changed, no revision
    assert change(engineer, takt_s=None)["changed"] == []
    late = engineer.post(_PATH, json={"takt_s": 9, "version": 1})
    assert (late.status_code, late.json()["code"]) == (409, "conflict")
    assert engineer.post(f"{_PATH}/revert/1", json={"version": 1}).status_code == 409
    assert engineer.post(f"{_PATH}/revert/99").status_code == 404
    back = engineer.post(f"{_PATH}/revert/1", json={"version": 2}).json()
    assert (back["version"], back["values"]["takt_s"], back["changed"]) == (3, 2.0, ["takt_s"])
    first = engineer.post(f"{_PATH}/revert/0").json()
    assert (first["values"]["takt_s"], first["values"]["retention_fail_days"]) == (0.0, 300)
    history = engineer.get(f"{_PATH}/history").json()
    assert history["total"] == 4
    assert [row["reverted_to"] for row in history["revisions"]] == [0, 1, None, None]
    oldest = history["revisions"][-1]
    assert oldest["before"] == {"retention_fail_days": 300, "takt_s": 0.0}
    assert oldest["after"] == {"retention_fail_days": 30, "takt_s": 2.0}
    assert (oldest["changed_by"], oldest["version"]) == ("engineer", 1)
    entries = engineer.get("/api/v1/audit", params={"action": "config."}, headers=bearer(admin_token)).json()["entries"]
    assert [entry["action"] for entry in entries] == ["config.reverted"] * 2 + ["config.changed"] * 2


def test_other_replica_follows_when_one_is_changed(
    engineer: httpx.Client, settings: Settings, viewer_token: str
) -> None:
    second = create_app(settings)
    with serve(second) as base_url, httpx.Client(base_url=base_url, timeout=20, trust_env=False) as other:
        log_in(other, "viewer")
        change(engineer, retention_last_failures=7)
        wait_until(lambda: second.state.platform.config.current.retention_last_failures == 7, "the other replica")
        policy = other.get("/api/v1/storage/usage", headers=bearer(viewer_token)).json()["policy"]
        assert policy["last_failures"] == 7
    with serve(create_app(settings)) as base_url:  # and one that starts later
        answer = httpx.get(f"{base_url}{_PATH}", headers=bearer(viewer_token), trust_env=False).json()
        assert (answer["version"], answer["values"]["retention_last_failures"]) == (1, 7)
