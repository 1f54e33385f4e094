"""No token and no key gets into the log, however it comes and whatever goes wrong."""

import time
from contextlib import suppress
from pathlib import Path

from websockets.exceptions import InvalidStatus

from serving.settings import Settings
from tests.serving.conftest import bearer, log_in
from tests.serving.events.api_process import api_process
from tests.serving.events.following import DEADLINE_S, following, inspect


def test_no_token_is_logged_when_clients_connect_in_every_way(settings: Settings, tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    with api_process(settings, log) as (client, _):
        token, admin = log_in(client, "operator"), log_in(client, "admin")
        key = client.post("/api/v1/api-keys", json={"name": "opc"}, headers=bearer(admin)).json()["key"]
        with following(client, token) as follower:
            follower.next()
            inspect(client, token)
            follower.next_of("inspection")
            follower.send({"type": "auth", "token": token})
            follower.next_of("auth")
            follower.send('{"type": "auth", "token": ["' + token)
            follower.next_of("error")
        with following(client, protocols=("ussop.v1", f"ussop.token.{token}")) as follower:
            follower.next()
        with following(client, headers={"X-API-Key": key}) as follower:
            follower.next()
        with following(client, token=key) as follower:
            follower.next()
        with following(client) as follower:
            follower.send({"type": "auth", "token": token})
            follower.next()
        with following(client, token + "x") as follower:
            assert follower.closing()[0] == 4401
        for origin, path in (("https://evil.example", "/ws/dashboard"), (None, "/ws/nowhere")):
            headers = {"Host": "evil.example"} if path == "/ws/nowhere" else None
            with suppress(InvalidStatus), following(client, token, origin=origin, headers=headers):
                pass
        client.get("/ws/dashboard", params={"token": token})
        client.get("/api/v1/events", params={"token": token, "after": "x"}, headers=bearer(token))
        process_deadline = time.monotonic() + DEADLINE_S
        while "websocket_closed" not in log.read_text():
            assert time.monotonic() < process_deadline
            time.sleep(0.05)
    text = log.read_text()
    assert "WebSocket /ws/dashboard" in text  # the server does log its handshakes
    for secret in (token, key, admin):
        assert secret not in text
        assert secret.rsplit(".", 1)[-1] not in text  # nor a part of it
