"""Forged tokens, guessed passwords, default accounts, and headers on every answer."""

import base64
import hashlib
import hmac
import json
import random
import statistics
import time
from typing import Any, Final

import httpx
import jwt
import pytest
from websockets.exceptions import InvalidStatus

from serving.app import create_app
from serving.secrets_file import derived_key
from serving.settings import Settings
from tests.contracts.running import Running
from tests.prove.plugin import Proof
from tests.serving.conftest import bearer, log_in
from tests.serving.declared import document
from tests.serving.events.following import following
from tests.serving.server import serve

_V1: Final = "/api/v1"


def _part(content: dict[str, Any] | str) -> str:
    text = content if isinstance(content, str) else json.dumps(content)
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def _signed(header: dict[str, Any] | str, payload: dict[str, Any] | str, key: bytes, digest: str = "sha256") -> str:
    signed = f"{_part(header)}.{_part(payload)}"
    mac = hmac.new(key, signed.encode(), digest).digest()
    return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def _forged(settings: Settings, good: str) -> dict[str, str]:
    """Tokens that must open nothing. Those made with the true key are wrong in what they say."""
    key = derived_key(settings, "tokens")
    claims = jwt.decode(good, key, algorithms=["HS256"])
    head: dict[str, Any] = {"alg": "HS256", "typ": "JWT"}
    first, second, third = good.split(".")
    now = int(time.time())

    def without(name: str) -> dict[str, Any]:
        return {each: value for each, value in claims.items() if each != name}

    return {
        "none": _part({"alg": "none"}) + f".{second}.",
        "None": _part({"alg": "None"}) + f".{second}.",
        "none with the signature": _part({"alg": "none"}) + f".{second}.{third}",
        "no algorithm": _signed({"typ": "JWT"}, claims, key),
        "RS256 with our key": _signed({"alg": "RS256"}, claims, key),
        "HS512": _signed({"alg": "HS512"}, claims, key, "sha512"),
        "the raw secret": _signed(
            head, claims, str(settings.secret_key and settings.secret_key.get_secret_value()).encode()
        ),
        "an empty key": _signed(head, claims, b""),
        "a key of another purpose": _signed(head, claims, derived_key(settings, "images")),
        "kid of a file": _signed({**head, "kid": "/dev/null"}, claims, b""),
        "kid of SQL": _signed({**head, "kid": "x' UNION SELECT 'k"}, claims, b"k"),
        "jwk": _signed({**head, "jwk": {"kty": "oct", "k": _part("k")}}, claims, b"k"),
        "jku": _signed({**head, "jku": "http://127.0.0.1:1/keys"}, claims, b"k"),
        "x5u": _signed({**head, "x5u": "http://127.0.0.1:1/c"}, claims, b"k"),
        "crit": _signed({**head, "crit": ["http://example.com/x"], "http://example.com/x": True}, claims, key),
        "no exp": _signed(head, without("exp"), key),
        "no jti": _signed(head, without("jti"), key),
        "no typ": _signed(head, without("typ"), key),
        "exp in the past": _signed(head, {**claims, "exp": now - 5}, key),
        "exp as text": _signed(head, {**claims, "exp": "never"}, key),
        "exp beyond all time": _signed(head, {**claims, "exp": 10**30}, key),
        "iat in the future": _signed(head, {**claims, "iat": now + 3600}, key),
        "nbf in the future": _signed(head, {**claims, "nbf": now + 3600}, key),
        "typ refresh": _signed(head, {**claims, "typ": "refresh"}, key),
        "typ as a list": _signed(head, {**claims, "typ": ["access"]}, key),
        "sub of a stranger": _signed(head, {**claims, "sub": "nobody"}, key),
        "sub of SQL": _signed(head, {**claims, "sub": "' OR 1=1 --"}, key),
        "sid of another session": _signed(head, {**claims, "sid": "other"}, key),
        "gen of tomorrow": _signed(head, {**claims, "gen": claims["gen"] + 1}, key),
        "gen as truth": _signed(head, {**claims, "gen": claims["gen"] == 0 or False, "typ": "acces\u0441"}, key),
        "claims as a list": _signed(head, "[]", key),
        "claims twice": _signed(head, '{"sub": "a", "sub": "b"}', key),
        "payload changed": f"{first}.{_part({**claims, 'sub': 'admin'})}.{third}",
        "cut off": good[:-3],
        "signature doubled": f"{good}{third}",
        "a fourth part": f"{good}.{third}",
        "no signature": f"{first}.{second}.",
        "empty parts": "..",
        "not base64": f"{first}.%%%.{third}",
        "long": "a" * 8000,
    }


def _websocket(client: httpx.Client, token: str) -> int:
    """With what the server ends the connection, or refuses the handshake."""
    try:
        with following(client, token) as follower:
            return follower.closing()[0]
    except InvalidStatus as refused:
        return refused.response.status_code


@pytest.mark.prove("identity", "forged tokens, each over HTTP, as a refresh token, and over the WebSocket")
def test_nothing_opens_when_the_token_is_forged(platform: Running, proof: Proof) -> None:
    with platform.client() as client:
        good = platform.callers["admin"]["Authorization"].removeprefix("Bearer ")
        forged = _forged(platform.settings, good)
        opened: list[tuple[str, object, int]] = []
        bodies = set()
        for name, token in forged.items():
            answer = client.get(f"{_V1}/users", headers=bearer(token))
            bodies.add(answer.text)
            refreshed = client.post(f"{_V1}/auth/refresh", json={"refresh_token": token})
            if answer.status_code != 401 or refreshed.status_code not in {401, 422}:
                opened.append((name, answer.status_code, refreshed.status_code))
            if _websocket(client, token) not in {4401, 403}:
                opened.append((name, "websocket", 0))
        proof.note(forged=len(forged), tried=3 * len(forged), opened=len(opened))
        assert len(forged) >= 25
        assert opened == []
        assert len(bodies) <= 3, "a forger learns which of his mistakes it was"
        assert client.get(f"{_V1}/users", headers=bearer(good)).status_code == 200


@pytest.mark.parametrize("name", ["admin", "ussop", "service"])
def test_no_default_account_opens_when_its_password_is_guessed(platform: Running, name: str) -> None:
    with platform.client() as client:
        for password in (name, "admin", "changeme"):
            answer = client.post(f"{_V1}/auth/login", json={"username": name, "password": password})
            assert answer.status_code in {401, 422, 429}, (name, password)


@pytest.mark.prove("identity", "guesses under another address in every header that proxies write")
def test_account_closes_when_every_guess_seems_to_come_from_elsewhere(settings: Settings, proof: Proof) -> None:
    guesses = proof.size(short=30, full=1000)
    dice = random.Random(proof.seed)  # noqa: S311 - no secret
    with serve(create_app(settings)) as url, httpx.Client(base_url=url, trust_env=False, timeout=30.0) as client:
        statuses = []
        for _ in range(guesses):
            address = ".".join(str(dice.randrange(256)) for _ in range(4))
            names = (
                "X-Forwarded-For",
                "X-Real-IP",
                "Forwarded",
                "True-Client-IP",
                "CF-Connecting-IP",
                "X_FORWARDED_FOR",
            )
            headers = {name: f"for={address}" if name == "Forwarded" else address for name in names}
            body = {"username": dice.choice(("viewer", "viewer", "VIEWER")), "password": f"guess {dice.random()}"}
            statuses.append(client.post(f"{_V1}/auth/login", json=body, headers=headers).status_code)
        proof.note(guesses=guesses, judged=statuses.count(401), refused=statuses.count(429))
        assert statuses.count(401) <= 10
        assert set(statuses) == {401, 429}
        assert log_in(client, "operator")  # nobody else is shut out


@pytest.mark.prove("identity", "how long a wrong password and an unknown name take, in turn", only_full=True)
def test_unknown_name_takes_as_long_as_a_wrong_password_when_measured(
    tmp_path_factory: pytest.TempPathFactory, proof: Proof, settings: Settings
) -> None:
    """With real password hashes: the median times differ by less than a tenth."""
    from serving.database import open_database  # noqa: PLC0415 - for this one alone
    from serving.users import repository, service  # noqa: PLC0415

    database = open_database(settings)
    user = service.new_user("real", "a password with its true cost", ["viewer"])
    database.write(lambda session: repository.add(session, user)).result(timeout=60)
    database.close()
    took: dict[str, list[float]] = {"real": [], "unknown": []}
    with serve(create_app(settings)) as url, httpx.Client(base_url=url, trust_env=False, timeout=60.0) as client:
        for number in range(120):
            if number % 9 == 0:  # before the account closes
                body = {"username": "real", "password": "a password with its true cost"}
                assert client.post(f"{_V1}/auth/login", json=body).status_code == 200
            for kind, name in (("real", "real"), ("unknown", f"unknown-{number}")):
                began_s = time.perf_counter()
                answer = client.post(f"{_V1}/auth/login", json={"username": name, "password": "wrong wrong wrong"})
                took[kind].append(time.perf_counter() - began_s)
                assert answer.status_code == 401
    medians = {kind: statistics.median(values) for kind, values in took.items()}
    proof.note(
        each=120, wrong_password_ms=round(medians["real"] * 1e3, 1), unknown_ms=round(medians["unknown"] * 1e3, 1)
    )
    assert abs(medians["real"] - medians["unknown"]) < 0.1 * max(medians.values())


_WANTED: Final = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


def _complaints(answer: httpx.Response) -> list[str]:
    policy = answer.headers.get("content-security-policy", "")
    found = [name for name, value in _WANTED.items() if answer.headers.get(name) != value]
    scripts = next((part for part in policy.split(";") if part.strip().startswith("script-src")), "unsafe")
    if "unsafe" in scripts or "*" in policy or "frame-ancestors 'none'" not in policy:
        found.append(f"content-security-policy: {policy}")
    return found + [name for name in ("server", "x-powered-by") if name in answer.headers]


@pytest.mark.prove("identity", "security headers on an answer of every route to every kind of caller, and on refusals")
def test_headers_are_on_every_answer_when_every_route_is_called(platform: Running, proof: Proof) -> None:
    callers = proof.size(short=("anonymous", "engineer"), full=tuple(platform.callers))
    routes = [(method, path) for path, methods in document()["paths"].items() for method in methods]
    routes = [route for route in routes if not route[1].endswith(("/logout", "/me/password"))]
    pages = [("get", path) for path in ("/", "/docs", "/redoc", "/openapi.json", "/nowhere", "/assets/x.js", "/%2e%2e")]
    odd = [("patch", "/"), ("trace", "/api/v1/health"), ("options", "/api/v1/inspect"), ("head", "/docs")]
    without, count = {}, 0
    for caller in callers:
        with platform.client(caller) as client:
            for method, path in [*routes, *pages, *odd]:
                answer = client.request(method, path.replace("{", "").replace("}", ""))
                count += 1
                if complaints := _complaints(answer):
                    without[method, path, caller] = complaints
            for host in ("evil.example", "a/?x=", "localhost:80@evil"):
                answer = client.get("/api/v1/health", headers={"Host": host})
                assert answer.status_code == 400
                if complaints := _complaints(answer):
                    without[host, "", caller] = complaints
    proof.note(answers=count, without=len(without))
    assert without == {}


def test_transport_is_pinned_when_a_trusted_proxy_says_that_it_is_encrypted(settings: Settings) -> None:
    told = {"X-Forwarded-Proto": "https"}
    for proxies, expected in (((), None), (("127.0.0.1",), "max-age=31536000")):
        app = create_app(settings.model_copy(update={"trusted_proxies": proxies}))
        with serve(app) as url, httpx.Client(base_url=url, trust_env=False) as client:
            assert client.get("/api/v1/health", headers=told).headers.get("strict-transport-security") == expected
            assert "strict-transport-security" not in client.get("/api/v1/health").headers
            liar = {"X-Forwarded-Proto": "https, http"}  # the last one is what the proxy wrote
            assert "strict-transport-security" not in client.get("/api/v1/health", headers=liar).headers


def test_refused_websocket_has_the_headers_when_there_is_none_or_the_host_is_foreign(platform: Running) -> None:
    handshake = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(hashlib.md5(b"x").digest()).decode(),  # noqa: S324 - sixteen bytes
    }
    with platform.client() as client:
        nowhere = client.get("/ws/nowhere", headers=handshake)
        foreign = client.get("/ws/dashboard", headers={**handshake, "Host": "evil.example"})
        origin = client.get("/ws/dashboard", headers={**handshake, "Origin": "https://evil.example"})
    assert (nowhere.status_code, foreign.status_code) == (403, 400)
    assert origin.status_code in {403, 400}
    assert [_complaints(answer) for answer in (nowhere, foreign, origin)] == [[], [], []]
