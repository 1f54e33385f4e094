"""`GET /api/v1/events`: for those who ask."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.serving.conftest import bearer
from tests.serving.events.following import DEADLINE_S, following, happen, inspect, platform_of


@pytest.fixture
def viewer(client: httpx.Client, viewer_token: str) -> httpx.Client:
    client.headers.update(bearer(viewer_token))
    return client


def ask(client: httpx.Client, **query: Any) -> dict[str, Any]:
    """The answer to a question."""
    answer = client.get("/api/v1/events", params=query)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def wait_until_published(app: FastAPI, seq: int) -> None:
    """Until the relay has told that number."""
    give_up_at = time.monotonic() + DEADLINE_S
    while (platform_of(app).events.hub.position or 0) < seq:
        assert time.monotonic() < give_up_at
        time.sleep(0.005)


def test_every_event_comes_once_when_somebody_pages_through(app: FastAPI, viewer: httpx.Client) -> None:
    for number in range(25):
        happen(app, "station", number=number)
    wait_until_published(app, 25)
    told, after = [], 0
    while after < 25:
        page = ask(viewer, after=after, limit=10)
        assert page["newest_seq"] == 25
        told += page["events"]
        after = page["last_seq"]
    assert [event["seq"] for event in told] == list(range(1, 26))
    assert [event["data"]["number"] for event in told] == list(range(25))
    assert {event["type"] for event in told} == {"station"}
    assert ask(viewer, after=25) == {"events": [], "last_seq": 25, "newest_seq": 25, "reset": None}


def test_everything_committed_is_known_when_nobody_followed_before(app: FastAPI, viewer: httpx.Client) -> None:
    for number in range(3):
        happen(app, "station", number=number)
    assert ask(viewer) == {"events": [], "last_seq": 3, "newest_seq": 3, "reset": None}
    happen(app, "station", number=3)
    (told,) = ask(viewer, after=3, wait_s=10)["events"]
    assert (told["seq"], told["data"]["number"]) == (4, 3)


def test_message_is_that_of_the_websocket_when_both_follow(
    app: FastAPI, client: httpx.Client, operator_token: str
) -> None:
    with following(client, operator_token) as follower:
        inspect(client, operator_token)
        heard = follower.next_of("inspection")
    client.headers.update(bearer(operator_token))
    (told,) = ask(client, after=0)["events"]
    heard["data"].pop("image_url")
    told["data"].pop("image_url")
    assert told == heard


def test_answer_waits_for_the_first_event_when_asked_to(app: FastAPI, viewer: httpx.Client) -> None:
    happen(app, "station", number=0)
    wait_until_published(app, 1)
    began_s = time.monotonic()
    assert ask(viewer, after=1, wait_s=0.3)["events"] == []
    assert time.monotonic() - began_s >= 0.3
    with ThreadPoolExecutor(1) as pool:
        asked = threading.Event()

        def wait() -> dict[str, Any]:
            asked.set()
            return ask(viewer, after=1, types="alert", wait_s=10)

        waiting = pool.submit(wait)
        assert asked.wait(DEADLINE_S)
        happen(app, "station", number=1)  # not what it waits for
        happen(app, "alert", number=2)
        began_s = time.monotonic()
        page = waiting.result(DEADLINE_S)
    assert time.monotonic() - began_s < 5
    assert [event["data"]["number"] for event in page["events"]] == [2]
    assert page["last_seq"] == 3


def test_answer_begins_with_what_comes_when_no_number_is_given(app: FastAPI, viewer: httpx.Client) -> None:
    happen(app, "station", number=0)
    wait_until_published(app, 1)
    assert ask(viewer) == {"events": [], "last_seq": 1, "newest_seq": 1, "reset": None}


def test_only_what_was_chosen_is_told_when_station_and_types_are_given(app: FastAPI, viewer: httpx.Client) -> None:
    happen(app, "alert", station_id="a")
    happen(app, "alert", station_id="b")
    happen(app, "alert", station_id=None)
    happen(app, "model", version="2")
    wait_until_published(app, 4)
    of_station = ask(viewer, after=0, station_id="a")
    assert [event["seq"] for event in of_station["events"]] == [1, 3, 4]
    of_type = ask(viewer, after=0, station_id="a", types="alert", limit=1)
    assert ([event["seq"] for event in of_type["events"]], of_type["last_seq"]) == ([1], 1)
    assert ask(viewer, after=1, station_id="a", types="alert", limit=1)["events"][0]["seq"] == 3


def test_reset_is_told_when_the_number_is_unknown(app: FastAPI, viewer: httpx.Client) -> None:
    happen(app, "station", number=0)
    wait_until_published(app, 1)
    page = ask(viewer, after=77)
    assert (page["events"], page["last_seq"]) == ([], 1)
    assert page["reset"] == {"reason": "unknown", "after": 77, "oldest_seq": 1, "newest_seq": 1}


@pytest.mark.parametrize(
    "query",
    [{"after": -1}, {"after": "x"}, {"limit": 0}, {"limit": 501}, {"wait_s": 26}, {"wait_s": -1}, {"wait_s": "nan"}],
)
def test_question_is_refused_when_it_makes_no_sense(viewer: httpx.Client, query: dict[str, Any]) -> None:
    answer = viewer.get("/api/v1/events", params=query)
    assert answer.status_code == 422
    assert next(iter(query)) in answer.json()["detail"]


def test_question_is_refused_when_a_type_does_not_exist(viewer: httpx.Client) -> None:
    assert viewer.get("/api/v1/events", params={"types": "inspection,nonsense"}).status_code == 400


def test_events_of_its_stations_are_told_when_a_key_names_them(
    app: FastAPI, client: httpx.Client, admin_token: str
) -> None:
    wish = {"name": "opc", "role": "viewer", "stations": ["a", "b"]}
    key = client.post("/api/v1/api-keys", json=wish, headers=bearer(admin_token)).json()["key"]
    for station_id in ("a", "b", "c", None):
        happen(app, "alert", station_id=station_id)
    wait_until_published(app, 4)
    client.headers["X-API-Key"] = key
    assert [event["data"]["station_id"] for event in ask(client, after=0)["events"]] == ["a", "b"]
    assert [event["data"]["station_id"] for event in ask(client, after=0, station_id="b")["events"]] == ["b"]
    assert client.get("/api/v1/events", params={"station_id": "c"}).status_code == 403
