"""Who may follow, from where, and how many."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from websockets.exceptions import InvalidStatus

from serving.app import create_app
from serving.auth.tokens import TokenIssuer
from serving.clock import utc_now
from serving.events import connection
from serving.settings import Settings
from tests.serving.conftest import bearer, log_in
from tests.serving.events.following import following, happen, inspect, platform_of
from tests.serving.server import serve


def token_with(app: FastAPI, settings: Settings, good: str, life: timedelta) -> str:
    """Another token of the same session, with so much life left."""
    claims = platform_of(app).tokens.verify_access(good)
    begun = utc_now() + life - timedelta(minutes=settings.access_token_minutes)
    return TokenIssuer(settings, clock=lambda: begun).access(claims.user_id, claims.session_id, claims.generation)


@pytest.mark.parametrize("way", ["url", "header", "subprotocol", "message"])
def test_client_is_let_in_when_it_brings_its_token_in_any_of_the_ways(
    client: httpx.Client, viewer_token: str, way: str
) -> None:
    with following(
        client,
        viewer_token if way == "url" else None,
        headers=bearer(viewer_token) if way == "header" else None,
        protocols=("ussop.v1", f"ussop.token.{viewer_token}") if way == "subprotocol" else (),
    ) as follower:
        if way == "message":
            follower.send({"type": "auth", "token": viewer_token})
        assert follower.next()["type"] == "ping"
        assert follower.connection.subprotocol == ("ussop.v1" if way == "subprotocol" else None)


def test_client_is_turned_away_when_its_token_is_worthless(
    app: FastAPI, client: httpx.Client, settings: Settings, viewer_token: str
) -> None:
    refresh_token = client.post("/api/v1/auth/login", json={"username": "viewer", "password": "correct horse battery"})
    worthless = {
        "forged": viewer_token[:-6] + "AAAAAA",
        "no token at all": "x",
        "expired": token_with(app, settings, viewer_token, timedelta(seconds=-2)),
        "a refresh token": refresh_token.json()["refresh_token"],
        "an unknown key": "ussop_made-up",
    }
    for what, token in worthless.items():
        with following(client, token) as follower:
            assert follower.closing() == (4401, "the token is not valid or has expired"), what
    assert 'ussop_ws_dropped_total{reason="token"} 5.0' in client.get("/metrics").text


def test_client_is_turned_away_when_it_sends_no_token(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "FIRST_MESSAGE_S", 0.2)
    with following(client) as follower:
        assert follower.closing() == (4401, "no token was sent")
    with following(client) as follower:
        follower.send("hello")
        assert follower.closing() == (4401, "the first message must bring the token")


@pytest.mark.parametrize(
    ("origin", "is_welcome"),
    [
        (None, True),
        ("http://127.0.0.1:8080", True),
        ("https://localhost", True),
        ("https://mes.plant.example", True),
        ("https://evil.example", False),
        ("https://127.0.0.1.evil.example", False),
        ("https://mes.plant.example.evil.example", False),
        ("http://mes.plant.example", False),
        ("null", False),
        ("file://127.0.0.1", False),
        ("http://[", False),
    ],
)
def test_origin_decides_when_a_page_connects(settings: Settings, origin: str | None, is_welcome: bool) -> None:
    app = create_app(settings.model_copy(update={"cors_origins": ("https://mes.plant.example",)}))
    with serve(app) as url, httpx.Client(base_url=url, timeout=20, trust_env=False) as client:
        token = log_in(client, "viewer")
        if is_welcome:
            with following(client, token, origin=origin) as follower:
                assert follower.next()["type"] == "ping"
        else:
            with pytest.raises(InvalidStatus) as refused, following(client, token, origin=origin):
                pass
            assert refused.value.response.status_code == 403
            assert b"origin" in refused.value.response.body


def test_page_of_another_host_is_refused_when_every_name_is_allowed(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"allowed_hosts": ("*",)}))
    with serve(app) as url, httpx.Client(base_url=url, timeout=20, trust_env=False) as client:
        token = log_in(client, "viewer")
        with following(client, token, origin=url) as follower:
            assert follower.next()["type"] == "ping"
        with pytest.raises(InvalidStatus), following(client, token, origin="https://evil.example"):
            pass


def test_connection_ends_when_the_session_does(client: httpx.Client) -> None:
    token, other = log_in(client, "viewer"), log_in(client, "operator")
    with following(client, token) as ended, following(client, other) as going_on:
        ended.next()
        going_on.next()
        assert client.post("/api/v1/auth/logout", headers=bearer(token)).status_code == 200
        assert ended.closing() == (4401, "the session has ended or the key was revoked")
        inspect(client, other)
        assert going_on.next_of("inspection")["seq"] == 1


def test_connection_ends_when_the_token_expires_unless_another_one_comes(
    app: FastAPI, client: httpx.Client, settings: Settings, viewer_token: str, operator_token: str
) -> None:
    short = token_with(app, settings, viewer_token, timedelta(seconds=3))
    with following(client, short) as ending, following(client, short) as refreshed:
        refreshed.send({"type": "auth", "token": operator_token})
        assert refreshed.next_of("error")["data"]["code"] == "forbidden"  # somebody else's
        refreshed.send({"type": "auth", "token": "junk"})
        assert refreshed.next_of("error")["data"]["code"] == "not_authenticated"
        refreshed.send({"type": "auth", "token": viewer_token})
        assert refreshed.next_of("auth")["data"]["expires_at"].endswith("Z")
        assert ending.closing() == (4401, "the token is not valid or has expired")
        happen(app, "station", number=1)
        assert refreshed.next_of("station")["data"] == {"number": 1}


@pytest.mark.parametrize(
    "query", [{"after": "x"}, {"after": "-1"}, {"after": str(2**63)}, {"station_id": "a/b"}, {"types": "nonsense"}]
)
def test_connection_is_refused_when_a_wish_makes_no_sense(
    client: httpx.Client, viewer_token: str, query: dict[str, Any]
) -> None:
    with following(client, viewer_token, **query) as follower:
        code, reason = follower.closing()
    assert code == 1008
    assert next(iter(query)) in reason


def test_next_connection_is_refused_when_there_are_enough(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"websocket_clients": 3, "websocket_clients_per_user": 2}))
    with serve(app) as url, httpx.Client(base_url=url, timeout=20, trust_env=False) as client:
        viewer, operator, engineer = (log_in(client, name) for name in ("viewer", "operator", "engineer"))
        with following(client, viewer) as first, following(client, viewer) as second:
            first.next()
            second.next()
            with following(client, viewer) as third:
                assert third.closing() == (4429, "this user has too many connections")
            with following(client, operator) as of_another:
                of_another.next()
                assert "ussop_ws_clients 3.0" in client.get("/metrics").text
                with following(client, engineer) as too_many:
                    assert too_many.closing() == (1013, "too many clients are connected; try again later")
        with following(client, engineer) as welcome:  # a place is free again
            assert welcome.next()["type"] == "ping"


def test_handshakes_count_as_requests_when_somebody_connects_again_and_again(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"rate_limit_default": "5/minute"}))
    with serve(app) as url, httpx.Client(base_url=url, timeout=20, trust_env=False) as client:
        token = log_in(client, "viewer")
        for _ in range(5):
            with following(client, token) as follower:
                follower.next()
        with pytest.raises(InvalidStatus) as refused, following(client, token):
            pass
        assert refused.value.response.status_code == 429
        assert int(refused.value.response.headers["Retry-After"]) > 0


def test_client_is_cut_off_when_it_talks_too_much(client: httpx.Client, viewer_token: str) -> None:
    with following(client, viewer_token) as follower:
        for _ in range(20):
            follower.send("{}")
        assert follower.next_of("error")["data"]["code"] == "bad_request"
        follower.send("{}")
        assert follower.closing() == (4429, "the client sends too many messages")
    with following(client, viewer_token) as follower:
        follower.send(b"\x00\x01")
        assert follower.next_of("error")["data"]["code"] == "bad_request"
        follower.send("x" * 20_000)
        assert follower.closing()[0] == 1009


def test_machine_hears_of_its_stations_only_when_its_key_names_them(
    app: FastAPI, client: httpx.Client, admin_token: str, operator_token: str
) -> None:
    wish = {"name": "opc", "role": "viewer", "stations": ["a"]}
    key = client.post("/api/v1/api-keys", json=wish, headers=bearer(admin_token)).json()["key"]
    for headers in ({"X-API-Key": key}, bearer(key)):
        with following(client, headers=headers) as follower:
            follower.next()
            inspect(client, operator_token, "b")
            happen(app, "alert", title="the plant")
            wanted = inspect(client, operator_token, "a")
            assert follower.next_of("inspection", "alert")["data"]["id"] == wanted
    with following(client, headers={"X-API-Key": key}, station_id="b") as follower:
        assert follower.closing() == (4403, "this API key is not for this station")


def test_connection_ends_when_its_key_is_revoked(client: httpx.Client, admin_token: str) -> None:
    made = client.post("/api/v1/api-keys", json={"name": "opc", "role": "viewer"}, headers=bearer(admin_token)).json()
    with following(client, headers={"X-API-Key": made["key"]}) as follower:
        follower.next()
        path = f"/api/v1/api-keys/{made['id']}"
        assert client.delete(path, headers=bearer(admin_token)).status_code == 200
        assert follower.closing() == (4401, "the session has ended or the key was revoked")
