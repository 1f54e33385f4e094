"""Alerts are raised once per cause, listed and acknowledged."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlmodel import Session, col, select

from serving.alerts.schemas import Severity
from serving.alerts.service import raise_alert, resolve_alert
from serving.database import Database
from serving.tables import OutboxEvent
from tests.serving.conftest import bearer

_NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def _raise(database: Database, key: str = "camera", severity: Severity = "error", minutes: int = 0) -> str:
    def work(session: Session) -> str:
        at = _NOW + timedelta(minutes=minutes)
        return raise_alert(session, severity, "Camera unplugged", f"told {minutes}", key, "line-1", at)

    return database.write(work).result(timeout=20)


def _alerts(client: httpx.Client, token: str, query: str = "") -> list[dict[str, object]]:
    response = client.get(f"/api/v1/alerts{query}", headers=bearer(token))
    assert response.status_code == 200, response.text
    alerts: list[dict[str, object]] = response.json()["alerts"]
    return alerts


def test_alert_has_the_documented_fields_when_listed(
    client: httpx.Client, database: Database, viewer_token: str
) -> None:
    alert_id = _raise(database)
    (alert,) = _alerts(client, viewer_token)
    assert {name: alert[name] for name in ("id", "severity", "title", "message", "acknowledged")} == {
        "id": alert_id,
        "severity": "error",
        "title": "Camera unplugged",
        "message": "told 0",
        "acknowledged": False,
    }
    assert datetime.fromisoformat(str(alert["timestamp"])) == _NOW


def test_cause_is_told_once_when_it_goes_on(client: httpx.Client, database: Database, viewer_token: str) -> None:
    first = _raise(database)
    assert _raise(database, minutes=1) == first
    assert _raise(database, key="disk") != first
    assert database.write(lambda session: resolve_alert(session, "camera", _NOW)).result(timeout=20)
    assert not database.write(lambda session: resolve_alert(session, "camera", _NOW)).result(timeout=20)
    again = _raise(database, minutes=2)
    assert again != first
    by_id = {alert["id"]: alert for alert in _alerts(client, viewer_token)}
    assert len(by_id) == 3
    assert (by_id[first]["occurrences"], by_id[first]["message"]) == (2, "told 1")
    assert by_id[first]["resolved_at"] is not None
    assert by_id[again]["resolved_at"] is None


def test_followers_are_told_when_an_alert_changes(
    client: httpx.Client, database: Database, operator_token: str
) -> None:
    alert_id = _raise(database)
    _raise(database, minutes=1)
    client.post(f"/api/v1/alerts/{alert_id}/acknowledge", headers=bearer(operator_token))
    database.write(lambda session: resolve_alert(session, "camera")).result(timeout=20)
    with database.read() as session:
        query = select(OutboxEvent).where(OutboxEvent.type == "alert").order_by(col(OutboxEvent.seq))
        events = [event.data for event in session.exec(query)]
    assert [event["id"] for event in events] == [alert_id] * 3
    assert [event["acknowledged"] for event in events] == [False, True, True]
    assert [event["resolved_at"] is None for event in events] == [True, True, False]


def test_alerts_are_chosen_when_filtered(client: httpx.Client, database: Database, operator_token: str) -> None:
    error = _raise(database, "a", "error", 0)
    warning = _raise(database, "b", "warning", 1)
    client.post(f"/api/v1/alerts/{error}/acknowledge", headers=bearer(operator_token))
    assert [alert["id"] for alert in _alerts(client, operator_token)] == [warning, error]
    assert [alert["id"] for alert in _alerts(client, operator_token, "?severity=warning")] == [warning]
    assert [alert["id"] for alert in _alerts(client, operator_token, "?acknowledged=true")] == [error]
    assert [alert["id"] for alert in _alerts(client, operator_token, "?acknowledged=false")] == [warning]
    assert [alert["id"] for alert in _alerts(client, operator_token, "?limit=1&offset=1")] == [error]


def test_first_to_acknowledge_stays_named_when_a_second_does(
    client: httpx.Client, database: Database, operator_token: str, admin_token: str
) -> None:
    path = f"/api/v1/alerts/{_raise(database)}/acknowledge"
    assert client.post(path, headers=bearer(operator_token)).json()["acknowledged_by"] == "operator"
    second = client.post(path, headers=bearer(admin_token))
    assert (second.status_code, second.json()["acknowledged_by"]) == (200, "operator")
    missing = client.post("/api/v1/alerts/nothing/acknowledge", headers=bearer(admin_token))
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("query", ["?severity=loud", "?acknowledged=perhaps", "?limit=0", "?limit=501", "?offset=-1"])
def test_request_is_invalid_when_the_filter_is(client: httpx.Client, viewer_token: str, query: str) -> None:
    assert client.get(f"/api/v1/alerts{query}", headers=bearer(viewer_token)).status_code == 422
