"""`POST /inspect` reads its parameters by hand; for `POST /inspect/camera`, which has the same ones, FastAPI does."""

import httpx
import pytest

from tests.pictures import png_bytes, square_picture
from tests.serving.conftest import bearer, log_in

_PICTURE = png_bytes(square_picture(None))


@pytest.fixture
def operator(client: httpx.Client, operator_token: str) -> httpx.Client:
    client.headers.update(bearer(operator_token))
    return client


def _both(client: httpx.Client, query: str = "", **headers: str) -> list[tuple[int, object]]:
    answers = [
        client.post(f"/api/v1/inspect{query}", files={"file": ("x", _PICTURE)}, headers=headers),
        client.post(f"/api/v1/inspect/camera{query}", headers=headers),
    ]
    return [(answer.status_code, answer.json()) for answer in answers]


@pytest.mark.parametrize(
    "query",
    [
        "?station_id=a%2Fb",
        "?station_id=",
        f"?station_id={'s' * 200}",
        "?station_id=good&station_id=a%2Fb",
        f"?part_id={'p' * 129}",
        "?part_id=a%00b",
        "?station_id=a%2Fb&part_id=a%00b",
    ],
)
def test_parameter_is_refused_in_the_same_words_when_read_by_hand(operator: httpx.Client, query: str) -> None:
    by_hand, declared = _both(operator, query)
    assert by_hand == declared
    assert by_hand[0] == 422


@pytest.mark.parametrize("key", ["k" * 256, "a b", "a\tb"])
def test_key_is_refused_in_the_same_words_when_read_by_hand(operator: httpx.Client, key: str) -> None:
    by_hand, declared = _both(operator, **{"Idempotency-Key": key})
    assert by_hand == declared
    assert by_hand[0] == 422


def test_caller_is_refused_in_the_same_words_when_asked_for_by_hand(client: httpx.Client) -> None:
    viewer = bearer(log_in(client, "viewer"))
    for headers, status in (({}, 401), (bearer("no token"), 401), (viewer, 403), ({"X-API-Key": "ussop_none"}, 401)):
        # Without a body: the limits in front of the routes would answer before them.
        answers = [client.post(f"/api/v1/{path}", headers=headers) for path in ("inspect", "inspect/camera")]
        by_hand, declared = ((answer.status_code, answer.json()) for answer in answers)
        assert by_hand == declared
        assert by_hand[0] == status
