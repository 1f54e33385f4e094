"""Forged, broken and outdated tokens."""

import base64
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest

from serving.auth.tokens import TokenIssuer
from serving.errors import ConfigurationError, NotAuthenticated
from serving.secrets_file import derived_key
from serving.settings import Settings
from tests.serving.conftest import bearer


def _payload(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    payload = {"sub": "u", "sid": "s", "gen": 0, "jti": "j", "typ": "access", "iat": now, "exp": now + 60} | changes
    return {name: value for name, value in payload.items() if value is not None}


def _unsigned(payload: dict[str, Any]) -> str:
    parts = [json.dumps({"alg": "none", "typ": "JWT"}), json.dumps(payload)]
    return ".".join(base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in parts) + "."


def test_claims_come_back_when_a_token_is_verified(settings: Settings) -> None:
    issuer = TokenIssuer(settings)
    token, claims = issuer.refresh("user", "family", 3)
    assert issuer.verify_refresh(token) == claims
    assert issuer.verify_access(issuer.access("user", "family", 3)).session_id == "family"


@pytest.mark.parametrize("missing", ["exp", "iat", "sub", "jti", "typ", "sid", "gen"])
def test_token_is_refused_when_a_claim_is_missing(settings: Settings, missing: str) -> None:
    token = jwt.encode(_payload(**{missing: None}), derived_key(settings, "tokens"), algorithm="HS256")
    with pytest.raises(NotAuthenticated):
        TokenIssuer(settings).verify_access(token)


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": 1},
        {"typ": "refresh"},
        {"typ": ["access"]},
        {"sub": 5},
        {"sid": 7},
        {"gen": "0"},
        {"jti": 1},
        {"exp": "x"},
    ],
)
def test_token_is_refused_when_a_claim_is_wrong(settings: Settings, changes: dict[str, Any]) -> None:
    token = jwt.encode(_payload(**changes), derived_key(settings, "tokens"), algorithm="HS256")
    with pytest.raises(NotAuthenticated):
        TokenIssuer(settings).verify_access(token)


def test_token_is_refused_when_it_was_made_too_long_ago(settings: Settings) -> None:
    then = datetime.now(UTC) - timedelta(minutes=31)
    token = TokenIssuer(settings, clock=lambda: then).access("u", "s", 0)
    with pytest.raises(NotAuthenticated):
        TokenIssuer(settings).verify_access(token)


def test_endpoint_says_no_when_the_token_is_forged(client: httpx.Client, settings: Settings) -> None:
    key, payload = derived_key(settings, "tokens"), _payload()
    other_algorithm = jwt.encode(payload, key * 2, algorithm="HS512")
    with_kid = jwt.encode(
        payload, b"another key of more than 32 bytes!", algorithm="HS256", headers={"kid": "../../dev/null"}
    )
    good = jwt.encode(payload, key, algorithm="HS256")
    forged = [_unsigned(payload), other_algorithm, with_kid, good[:-2], good + "x", "a.b.c", "Bearer", "\xff"]
    for token in forged:
        headers = {b"Authorization": f"Bearer {token}".encode("latin-1")}
        response = client.get("/api/v1/auth/me", headers=headers)
        assert (response.status_code, response.json()["code"]) == (401, "not_authenticated"), token
    # Well signed, but of a user who does not exist:
    assert client.get("/api/v1/auth/me", headers=bearer(good)).status_code == 401


def test_issuer_is_refused_when_there_is_no_key(settings: Settings) -> None:
    with pytest.raises(ConfigurationError):
        TokenIssuer(settings.model_copy(update={"secret_key": None}))
