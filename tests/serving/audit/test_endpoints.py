"""`GET /api/v1/audit`, over the wire."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from serving.audit.actor import Actor
from serving.audit.record import record
from serving.database import Database
from tests.serving.conftest import bearer

_MORNING = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
_JO, _AL = Actor("user", "7", "jo", "10.0.0.7"), Actor("user", "8", "al", None)


@pytest.fixture
def filled(database: Database) -> Database:
    """Twelve entries, an hour apart, by two people in turns."""
    for hour in range(12):
        act = partial(
            record,
            actor=(_JO, _AL)[hour % 2],
            action=("station.configured", "model.deployed", "station.removed")[hour % 3],
            subject=f"station/{hour}",
            before={"password": "S3CRET"},
            after={"hour": hour},
            now=_MORNING + timedelta(hours=hour),
        )
        database.write(act).result(timeout=20)
    return database


def _page(client: httpx.Client, token: str, **params: Any) -> dict[str, Any]:
    answer = client.get("/api/v1/audit", params=params, headers=bearer(token))
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def _hours(page: dict[str, Any]) -> list[int]:
    return [entry["after"]["hour"] for entry in page["entries"] if "hour" in (entry["after"] or {})]


def test_entry_says_who_what_when_and_from_where_when_listed(
    client: httpx.Client, admin_token: str, filled: Database
) -> None:
    entry = _page(client, admin_token, subject="station/4")["entries"][0]
    expected = {
        "actor": {"kind": "user", "id": "7", "name": "jo"},
        "address": "10.0.0.7",
        "action": "model.deployed",
        "subject": "station/4",
        "before": {"password": "***"},
        "after": {"hour": 4},
    }
    assert {name: entry[name] for name in expected} == expected
    assert datetime.fromisoformat(entry["at"]) == _MORNING + timedelta(hours=4)


def test_only_what_matches_is_listed_when_filtered(client: httpx.Client, admin_token: str, filled: Database) -> None:
    assert _hours(_page(client, admin_token, actor="al")) == [11, 9, 7, 5, 3, 1]
    assert _hours(_page(client, admin_token, actor="8", action="station.configured")) == [9, 3]
    assert _hours(_page(client, admin_token, action="station.")) == [11, 9, 8, 6, 5, 3, 2, 0]
    since, until = (_MORNING + timedelta(hours=3)).isoformat(), "2026-03-01T12:00:00+02:00"
    assert _hours(_page(client, admin_token, since=since, until=until)) == [3]
    assert _page(client, admin_token, actor="nobody") == {"entries": [], "next_before": None}


def test_every_entry_comes_once_when_turning_pages(client: httpx.Client, admin_token: str, filled: Database) -> None:
    seen, before = [], None
    for _ in range(20):
        page = _page(client, admin_token, limit=5, **({"before": before} if before else {}))
        seen += [entry["seq"] for entry in page["entries"]]
        # A new entry between two pages moves nothing.
        filled.write(partial(record, actor=_JO, action="station.configured", subject="x")).result(timeout=20)
        before = page["next_before"]
        if before is None:
            break
    assert seen == list(range(seen[0], 0, -1))
    assert len(seen) >= 12


@pytest.mark.parametrize(
    "params",
    [
        {"limit": 0},
        {"limit": 501},
        {"before": 0},
        {"before": 2**31},
        {"since": "yesterday"},
        {"since": "2026-01-01T00:00:00"},
        {"since": "0001-01-01T00:00:00+14:00"},
        {"actor": "a\x00b"},
        {"action": "A'--"},
        {"subject": "\n"},
    ],
)
def test_request_is_refused_when_a_parameter_is_wrong(
    client: httpx.Client, admin_token: str, params: dict[str, Any]
) -> None:
    answer = client.get("/api/v1/audit", params=params, headers=bearer(admin_token))
    assert answer.status_code == 422
    assert isinstance(answer.json()["detail"], str)


def test_damage_is_told_when_the_log_is_verified(client: httpx.Client, admin_token: str, filled: Database) -> None:
    def verify() -> dict[str, Any]:
        answer = client.get("/api/v1/audit/verify", headers=bearer(admin_token))
        assert answer.status_code == 200
        body: dict[str, Any] = answer.json()
        return body

    assert verify()["holds"] is True
    seq = _page(client, admin_token, subject="station/2")["entries"][0]["seq"]
    edit = text("""UPDATE audit_log SET after = '{"hour":' WHERE subject = 'station/2'""")
    filled.write(lambda session: session.execute(edit).close()).result(timeout=20)
    found = verify()
    assert (found["holds"], found["findings"][0]["seq"]) == (False, seq)
    assert _page(client, admin_token, subject="station/2")["entries"][0]["after"] == '{"hour":'
