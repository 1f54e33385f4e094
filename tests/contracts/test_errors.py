"""The error table of the reference, limit by limit and status by status."""

from collections.abc import Callable, Iterator
from typing import Final

import httpx
import pytest

from models.bundle import Bundle
from tests.contracts.reference import (
    ERROR,
    ERROR_MEANINGS,
    LARGEST_FILE_BYTES,
    LOGINS_PER_MINUTE,
    REQUESTS_PER_MINUTE,
    V1,
)
from tests.contracts.running import Running, running
from tests.contracts.shapes import problems
from tests.pictures import png_bytes, square_picture
from tests.serving.declared import answers_of, document

_JSON: Final = {"Content-Type": "application/json"}
_FORM: Final = {"Content-Type": "multipart/form-data; boundary=b"}


def _picture(client: httpx.Client, data: bytes) -> httpx.Response:
    return client.post(f"{V1}/inspect", files={"file": ("part.png", data)})


# Who asks, what for, and the status that it must get.
CASES: Final[dict[str, tuple[int, str, Callable[[httpx.Client], httpx.Response]]]] = {
    "broken JSON": (400, "admin", lambda c: c.post(f"{V1}/users", content=b'{"username": ', headers=_JSON)),
    "no multipart message": (400, "admin", lambda c: c.post(f"{V1}/inspect", content=b"--x", headers=_FORM)),
    "no boundary": (
        400,
        "admin",
        lambda c: c.post(f"{V1}/inspect", content=b"--x", headers={"Content-Type": "multipart/form-data"}),
    ),
    "broken JSON at the login": (400, "anonymous", lambda c: c.post(f"{V1}/auth/login", content=b"{", headers=_JSON)),
    "unknown type of event": (400, "viewer", lambda c: c.get(f"{V1}/events?types=weather")),
    "unknown host": (400, "viewer", lambda c: c.get(f"{V1}/alerts", headers={"Host": "stranger.example"})),
    "no token": (401, "anonymous", lambda c: c.get(f"{V1}/inspections")),
    "no token, with a body": (401, "anonymous", lambda c: _picture(c, b"x")),
    "forged token": (401, "anonymous", lambda c: c.get(f"{V1}/alerts", headers={"Authorization": "Bearer e.y.J"})),
    "wrong password": (
        401,
        "anonymous",
        lambda c: c.post(f"{V1}/auth/login", json={"username": "nobody", "password": "wrong"}),
    ),
    "role too low": (403, "viewer", lambda c: c.post(f"{V1}/inspect/camera")),
    "not an administrator": (403, "engineer", lambda c: c.get(f"{V1}/users")),
    "unknown inspection": (404, "viewer", lambda c: c.get(f"{V1}/inspect/no-such-id")),
    "unknown path": (404, "viewer", lambda c: c.get(f"{V1}/no-such-path")),
    "unknown batch job": (404, "operator", lambda c: c.post(f"{V1}/batch/jobs/no-such-id/start")),
    "file of more than 20 MB": (413, "operator", lambda c: _picture(c, b"x" * (LARGEST_FILE_BYTES + 1))),
    "text as a picture": (415, "operator", lambda c: _picture(c, b"hello, this is text and no picture at all")),
    "picture without a form": (
        415,
        "operator",
        lambda c: c.post(f"{V1}/inspect", content=b"\x89PNG", headers={"Content-Type": "image/png"}),
    ),
    "JSON as a form": (415, "admin", lambda c: c.post(f"{V1}/users", data={"username": "jo", "password": "x"})),
    "JSON without its type": (415, "admin", lambda c: c.post(f"{V1}/users", content=b"{}")),
    "missing file": (422, "operator", lambda c: c.post(f"{V1}/inspect", files={"other": b"x"})),
    "broken picture": (422, "operator", lambda c: _picture(c, png_bytes(square_picture("red"))[:60])),
    "field out of range": (422, "viewer", lambda c: c.get(f"{V1}/statistics?hours=169")),
    "text for a number": (422, "engineer", lambda c: c.post(f"{V1}/training/start", json={"epochs": "20"})),
    "text for a flag": (422, "engineer", lambda c: c.post(f"{V1}/storage/cleanup", json={"dry_run": "no"})),
    "number for a moment": (422, "viewer", lambda c: c.get(f"{V1}/active-learning/candidates?since=0")),
    "VLM disabled": (503, "viewer", lambda c: c.post(f"{V1}/query", json={"question": "How many scratches today?"})),
    "jobs that nobody runs": (503, "engineer", lambda c: c.post(f"{V1}/training/start", json={})),
}


def test_every_status_of_the_reference_is_shown_when_listed() -> None:
    # 429 needs the real limits: see below.
    assert {status for status, _, _ in CASES.values()} | {429} == set(ERROR_MEANINGS)


@pytest.mark.parametrize("case", CASES)
def test_error_has_its_status_and_the_one_body_when_provoked(platform: Running, case: str) -> None:
    status, caller, send = CASES[case]
    with platform.client(caller) as client:
        answer = send(client)
    assert (answer.status_code, problems(ERROR, answer.json())) == (status, [])
    assert set(answer.json()) == {"detail", "code"}


def test_every_route_names_its_errors_when_described() -> None:
    for path, operations in document()["paths"].items():
        for method, operation in operations.items():
            guarded = "security" in operation and {} not in operation["security"]
            wanted = {"429"} | ({"401"} if guarded else set())
            assert wanted <= set(operation["responses"]), (method, path)
            for status, answer in answers_of(operation).items():
                if status >= "400" and path != f"{V1}/health":
                    schema = answer["content"]["application/json"]["schema"]
                    assert schema == {"$ref": "#/components/schemas/ErrorBody"}, (method, path, status)
                    assert answer["x-codes"]


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("users", "GET, POST"),
        ("users/some-id", "DELETE, PUT"),
        ("users/me", "PUT"),
        ("inspect/some-id/hold", "DELETE, PUT"),
        ("datasets/import", "POST"),
    ],
)
def test_every_method_of_the_path_is_named_when_another_is_used(platform: Running, path: str, methods: str) -> None:
    with platform.client() as client:
        answer = client.request("PATCH", f"{V1}/{path}")
    assert (answer.status_code, answer.headers["Allow"]) == (405, methods)


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle) -> Iterator[Running]:
    """A platform with the limits that hold where nothing is set."""
    folder = tmp_path_factory.mktemp("limited") / "var"
    with running(folder, tiny_bundle, has_usual_limits=True) as platform:
        yield platform


def test_eleventh_login_within_a_minute_is_refused_when_tried(limited: Running) -> None:
    with limited.client() as client:
        # Each counts, whatever comes of it; these cost no password check.
        tried = [client.post(f"{V1}/auth/login", json={}) for _ in range(LOGINS_PER_MINUTE + 1)]
    assert [answer.status_code for answer in tried] == [422] * LOGINS_PER_MINUTE + [429]
    assert (problems(ERROR, tried[-1].json()), tried[-1].json()["code"]) == ([], "rate_limited")
    assert 1 <= int(tried[-1].headers["Retry-After"]) <= 60


def test_request_201_within_a_minute_is_refused_when_sent(limited: Running) -> None:
    with limited.client() as client:
        statuses = [client.get(f"{V1}/health").status_code for _ in range(REQUESTS_PER_MINUTE + 1)]
    assert statuses == [200] * REQUESTS_PER_MINUTE + [429]
