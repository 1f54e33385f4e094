"""One key, one inspection, however often and however parallel the request comes."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI

from serving.errors import IdempotencyMismatch
from serving.inspections.idempotency import InFlight
from tests.pictures import png_bytes, square_picture
from tests.serving.conftest import bearer, log_in
from tests.serving.server import serve

RED, GOOD = png_bytes(square_picture("red")), png_bytes(square_picture(None))


@pytest.fixture
def operator(client: httpx.Client, operator_token: str) -> httpx.Client:
    client.headers.update(bearer(operator_token))
    return client


def send(client: httpx.Client, key: str, data: bytes = RED, **fields: str) -> httpx.Response:
    files = {"file": ("x.png", data)}
    return client.post("/api/v1/inspect", files=files, data=fields, headers={"Idempotency-Key": key})


def without_link(response: httpx.Response) -> dict[str, object]:
    answer: dict[str, object] = response.json()
    answer.pop("image_url")
    return answer


def test_answer_is_the_stored_one_when_a_key_comes_again(operator: httpx.Client) -> None:
    first, second = send(operator, "k1", part_id="7"), send(operator, "k1", part_id="7")
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert without_link(second) == without_link(first)
    assert operator.get("/api/v1/inspections").json()["total"] == 1


@pytest.mark.parametrize("change", [{"data": GOOD}, {"part_id": "8"}, {"station_id": "b"}], ids=str)
def test_key_is_refused_when_the_request_differs(operator: httpx.Client, change: dict[str, object]) -> None:
    assert send(operator, "k1", part_id="7").status_code == 200
    response = send(operator, "k1", **{"part_id": "7", **change})  # type: ignore[arg-type]
    assert (response.status_code, response.json()["code"]) == (422, "idempotency_mismatch")
    assert operator.get("/api/v1/inspections").json()["total"] == 1


def test_two_users_have_keys_of_their_own_when_they_pick_the_same(operator: httpx.Client, admin_token: str) -> None:
    mine = send(operator, "k1")
    operator.headers.update(bearer(admin_token))
    assert send(operator, "k1").json()["id"] != mine.json()["id"]


def test_key_is_free_again_when_the_first_request_failed(operator: httpx.Client) -> None:
    assert send(operator, "k1", b"no picture").status_code == 415
    assert send(operator, "k1").status_code == 200


def test_key_is_refused_when_it_is_malformed(operator: httpx.Client) -> None:
    assert send(operator, "a b").status_code == 422
    assert send(operator, "x" * 256).status_code == 422


def test_camera_captures_once_when_a_key_comes_again(operator: httpx.Client) -> None:
    headers = {"Idempotency-Key": "c1"}
    first, second = (operator.post("/api/v1/inspect/camera", headers=headers) for _ in range(2))
    assert without_link(second) == without_link(first)
    assert operator.post("/api/v1/inspect/camera?part_id=2", headers=headers).status_code == 422


def test_there_is_one_row_when_a_hundred_requests_share_a_key(app: FastAPI) -> None:
    async def storm(base_url: str, token: str) -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=100)
        async with httpx.AsyncClient(base_url=base_url, limits=limits, timeout=30, trust_env=False) as client:
            headers = bearer(token) | {"Idempotency-Key": "storm"}
            send = [client.post("/api/v1/inspect", files={"file": ("x", RED)}, headers=headers) for _ in range(100)]
            return await asyncio.gather(*send)

    with serve(app) as base_url, httpx.Client(base_url=base_url, trust_env=False) as client:
        token = log_in(client, "operator")
        responses = asyncio.run(storm(base_url, token))
        total = client.get("/api/v1/inspections", headers=bearer(token)).json()["total"]
    assert {response.status_code for response in responses} == {200}
    assert len({response.json()["id"] for response in responses}) == 1
    assert sum("Idempotency-Replayed" not in response.headers for response in responses) == 1
    assert total == 1


def test_overlapping_calls_share_one_run_when_the_key_is_equal() -> None:
    async def scenario() -> tuple[list[tuple[int, bool]], int]:
        in_flight, runs, gate = InFlight(), 0, asyncio.Event()

        async def work() -> int:
            nonlocal runs
            runs += 1
            await gate.wait()
            return runs

        calls = [asyncio.create_task(in_flight.once("u", "k", "d", work)) for _ in range(5)]
        await asyncio.sleep(0)  # one turn of the loop: every call has begun
        with pytest.raises(IdempotencyMismatch):
            await in_flight.once("u", "k", "other", work)
        calls[0].cancel()  # whoever leads may hang up
        gate.set()
        outcomes = await asyncio.gather(*calls[1:])
        again, leads = await in_flight.once("u", "k", "d", work)
        assert leads
        return outcomes, again

    outcomes, again = asyncio.run(scenario())
    assert outcomes == [(1, False)] * 4
    assert again == 2
