"""Every secret is known to the test; whatever the platform writes or answers is searched for it."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from serving.settings import Settings
from tests.faults.killable import Forker, KillableApi
from tests.ports import free_port
from tests.prove.plugin import Proof
from tests.serving.conftest import PASSWORD, bearer, log_in
from tests.serving.declared import document

_V1: Final = "/api/v1"
_CANARIES: Final = {
    "SECRET_KEY": "CANARY-secret-key-0123456789abcdef0123",
    "AUDIT_KEY": "CANARY-audit-key-0123456789abcdef01234",
    "SMTP_PASSWORD": "CANARY-smtp-password",
    "WEBHOOK_SECRET": "CANARY-webhook-secret-0123456789abcdef",
    "ANTHROPIC_API_KEY": "CANARY-anthropic-key",
    "ADMIN_PASSWORD": "CANARY-admin-password",
}
_IN_URLS: Final = {
    "WEBHOOK_TARGETS": "http://127.0.0.1:9/hook?token=CANARY-webhook-url",
    "CAMERA_SOURCE": "rtsp://user:CANARY-camera@127.0.0.1:9/stream",
}


@pytest.fixture
def api(forker: Forker, settings: Settings, tmp_path: Path) -> Iterator[KillableApi]:
    """The real process, with every secret set."""
    (settings.data_dir / "audit.key").unlink(missing_ok=True)
    environment = {
        **_CANARIES,
        **_IN_URLS,
        "DATA_DIR": str(settings.data_dir),
        "API_PORT": str(free_port()),
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": "9",
        "SMTP_USER": "ussop",
        "SMTP_FROM": "ussop@plant.example",
        "SMTP_TO": "people@plant.example",
        "CAMERA_TYPE": "rtsp",
        "CAMERA_TIMEOUT_S": "0.5",
        "VLM_ENABLED": "true",
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
        "RATE_LIMIT_DEFAULT": "1000000/minute",
        "RATE_LIMIT_LOGIN": "1000000/minute",
        "LOG_LEVEL": "DEBUG",
        "LOG_FORMAT": "json",
        "MLFLOW_PORT": "1",
        "PREFECT_PORT": "1",
        "STORAGE_ALARM_FREE_PERCENT": "0",
        "STORAGE_RESERVE_MB": "0",
    }
    api = KillableApi(forker, environment, tmp_path / "log")
    api.start()
    yield api
    api.close()


@pytest.mark.slow
@pytest.mark.prove("identity", "every secret is known: all that is answered, logged and counted is searched for them")
def test_no_secret_is_told_when_everything_is_called_and_much_fails(
    api: KillableApi, settings: Settings, tmp_path: Path, proof: Proof
) -> None:
    answers: list[str] = []
    tokens: list[str] = []
    with httpx.Client(base_url=api.base_url, timeout=60.0, trust_env=False) as client:
        wrong = client.post(f"{_V1}/auth/login", json={"username": "CANARY-typed-as-name", "password": "CANARY-typed"})
        odd = client.post(f"{_V1}/auth/login", json={"username": ["CANARY-typed"], "password": 5})
        answers += [wrong.text, odd.text]
        for role in ("admin", "viewer"):
            session = client.post(f"{_V1}/auth/login", json={"username": role, "password": PASSWORD}).json()
            tokens += [session["access_token"], session["refresh_token"]]
            headers = bearer(session["access_token"])
            for path, methods in document()["paths"].items():
                for method in methods:
                    if path.endswith(("/logout", "/me/password", "/auth/login", "/auth/refresh", "/users/me")):
                        continue
                    url = path.replace("{", "").replace("}", "")
                    body = {"CANARY-typed": "CANARY-typed"} if method in {"post", "put"} else None
                    answer = client.request(method, url, headers=headers, json=body)
                    answers += [answer.text, str(answer.headers)]
        headers = bearer(log_in(client, "admin"))
        key = client.post(f"{_V1}/api-keys", json={"name": "k", "role": "viewer"}, headers=headers).json()["key"]
        client.get(f"{_V1}/stations", headers={"X-API-Key": key})
        client.get(f"{_V1}/auth/me?token={tokens[0]}")
        client.post(f"{_V1}/alerts/test-delivery", json={}, headers=headers)
        client.post(f"{_V1}/inspect/camera", headers=headers)
        client.post(f"{_V1}/query", json={"question": "How many?"}, headers=headers)
        for page in ("/metrics", "/openapi.json", f"{_V1}/config", f"{_V1}/audit", f"{_V1}/alerts/deliveries"):
            answers.append(client.get(page, headers=headers).text)
    log = (tmp_path / "log").read_text(encoding="utf-8", errors="replace")
    secrets = [*_CANARIES.values(), *(value.split("CANARY")[1] for value in _IN_URLS.values())]
    told = [s for s in secrets for text in answers if s in text and not _was_typed(s)]
    logged = [s for s in [*secrets, PASSWORD, key, *tokens, "CANARY-typed"] if s in log]
    proof.note(answers=len(answers), log_lines=log.count("\n"), secrets=len(secrets) + 4, in_answers=len(told))
    proof.note(in_log=len(logged))
    assert log.count("\n") > 100, "nothing was logged: this would test nothing"
    assert told == []
    assert logged == []
    _require_private_files(settings.data_dir)


def _was_typed(secret: str) -> bool:
    return secret == "CANARY-typed"


def _require_private_files(data_dir: Path) -> None:
    """Nobody else may read what holds a secret."""
    for name in ("secret.key", "audit.key", "service-account.json", "admin-password.txt", "audit-anchor.json"):
        path = data_dir / name
        if path.exists():
            assert os.stat(path).st_mode & 0o077 == 0, name  # noqa: PTH116 - reads like the command
