"""One body for every error, and a status for each of our own."""

from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

from models import errors as model_errors
from serving import errors
from tests.serving.conftest import bearer
from tests.serving.server import serve


def _subclasses(kind: type[Exception]) -> Iterator[type[Exception]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _subclasses(child)


class _Size(BaseModel):
    width_px: int


@pytest.fixture
def client(app: FastAPI) -> Iterator[httpx.Client]:
    @app.get("/raise/{name}")
    def raise_error(name: str) -> None:
        kind = getattr(errors, name, None) or getattr(model_errors, name)
        raise kind("what a person reads")

    @app.get("/teapot")
    def teapot() -> None:
        raise HTTPException(418, "short and stout", headers={"X-Pot": "tea"})

    @app.put("/size")
    def size(body: _Size, count: int) -> None:
        """Never reached with a bad request."""

    with serve(app) as url, httpx.Client(base_url=url, trust_env=False) as client:
        yield client


def test_every_error_of_ours_has_a_status_when_listed() -> None:
    kinds = [*_subclasses(errors.ServingError), *_subclasses(model_errors.ModelError)]
    codes = [vars(kind)["code"] for kind in kinds if "code" in vars(kind)]
    assert len(codes) == len(set(codes))
    for kind in kinds:
        assert 400 <= errors.status_of(kind("x")) < 600


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("BadRequest", 400, "bad_request"),
        ("NotAuthenticated", 401, "not_authenticated"),
        ("Forbidden", 403, "forbidden"),
        ("NotFound", 404, "not_found"),
        ("PayloadTooLarge", 413, "too_large"),
        ("UnsupportedImageError", 415, "unsupported_image"),
        ("BrokenImageError", 422, "broken_image"),
        ("ImageTooLargeError", 422, "image_too_large"),
        ("IdempotencyMismatch", 422, "idempotency_mismatch"),
        ("TooManyRequests", 429, "rate_limited"),
        ("InferenceError", 503, "inference_failed"),
        ("BundleError", 503, "bundle_invalid"),
        ("StorageBusy", 503, "storage_busy"),
        ("StorageUnavailable", 503, "storage"),
        ("CameraFault", 503, "camera_fault"),
        ("NotReady", 503, "not_ready"),
    ],
)
def test_body_is_detail_and_code_when_something_is_raised(
    client: httpx.Client, name: str, status: int, code: str
) -> None:
    response = client.get(f"/raise/{name}")
    assert response.status_code == status
    assert response.json() == {"detail": "what a person reads", "code": code}
    assert ("www-authenticate" in response.headers) == (status == 401)


@pytest.mark.parametrize("name", ["StorageBusy", "StorageUnavailable", "Overloaded", "InferenceError"])
def test_answer_says_when_to_come_back_when_it_may_get_better(client: httpx.Client, name: str) -> None:
    assert int(client.get(f"/raise/{name}").headers["retry-after"]) >= 1


def test_framework_errors_have_the_same_body_when_raised(client: httpx.Client) -> None:
    assert client.get("/nowhere").json() == {"detail": "Not Found", "code": "not_found"}
    wrong_method = client.post("/teapot")
    assert (wrong_method.status_code, wrong_method.json()["code"]) == (405, "method_not_allowed")
    pot = client.get("/teapot")
    assert (pot.status_code, pot.json()["detail"], pot.headers["x-pot"]) == (418, "short and stout", "tea")


def test_detail_is_one_readable_line_when_validation_fails(client: httpx.Client, operator_token: str) -> None:
    response = client.put("/size?count=many", json={"width_px": "broad"}, headers=bearer(operator_token))
    body = response.json()
    assert response.status_code == 422
    assert body["code"] == "validation_error"
    assert "query.count: " in body["detail"]
    assert "body.width_px: " in body["detail"]
    assert "\n" not in body["detail"]


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[" * 2000, b'"\\ud800"'])
def test_answer_is_a_client_error_when_json_is_broken(
    client: httpx.Client, operator_token: str, content: bytes
) -> None:
    headers = bearer(operator_token) | {"Content-Type": "application/json"}
    response = client.put("/size?count=1", content=content, headers=headers)
    assert response.status_code in {400, 422}
    assert isinstance(response.json()["detail"], str)
