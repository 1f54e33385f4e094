"""No token and no key gets into the log, however it comes and whatever goes wrong."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
from websockets.exceptions import InvalidStatus

from serving.settings import Settings
from tests.faults.killable import free_port
from tests.serving.conftest import bearer, log_in
from tests.serving.events.following import DEADLINE_S, following, inspect

_ROOT = Path(__file__).resolve().parents[3]


@contextmanager
def api_with_log(settings: Settings, log: Path) -> Iterator[httpx.Client]:
    """The real process, which logs everything it can."""
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "DATA_DIR": str(settings.data_dir),
        "API_PORT": str(port),
        "LOG_LEVEL": "DEBUG",
        "LOG_FORMAT": "json",
        "RATE_LIMIT_DEFAULT": "100000/minute",
        "STORAGE_RESERVE_MB": "0",
    }
    with log.open("wb") as file:
        command = [sys.executable, "-m", "serving.main"]
        process = subprocess.Popen(command, cwd=_ROOT, env=environment, stdout=file, stderr=file)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False) as client:
            give_up_at = time.monotonic() + 60
            while True:
                with suppress(httpx.TransportError):
                    client.get("/api/v1/health")
                    break
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < give_up_at
                time.sleep(0.1)
            yield client
    finally:
        process.terminate()
        process.wait(30)


def test_no_token_is_logged_when_clients_connect_in_every_way(settings: Settings, tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    with api_with_log(settings, log) as client:
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
