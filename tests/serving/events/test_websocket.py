"""What a dashboard hears, in which order, and after a break."""

import contextlib
import time
from statistics import median
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from serving import http_protocol
from serving.alerts.service import raise_alert
from serving.database import Database
from serving.events import pulse, relay, repository
from tests.serving.conftest import bearer
from tests.serving.events.following import DEADLINE_S, GOOD, RED, Follower, following, happen, inspect


def numbers(follower: Follower, count: int) -> list[int]:
    """The numbers of the next events."""
    return [follower.next_of("inspection", "station", "job", "alert", "model")["seq"] for _ in range(count)]


def without_link(record: dict[str, Any]) -> dict[str, Any]:
    """An inspection without its link, which is another one every minute."""
    return {name: value for name, value in record.items() if name != "image_url"}


def test_record_is_that_of_the_api_when_a_part_was_inspected(client: httpx.Client, operator_token: str) -> None:
    with following(client, operator_token) as follower:
        greeting = follower.next()
        assert (greeting["type"], greeting["seq"], greeting["data"]["total_inspections"]) == ("ping", 0, 0)
        inspection_id = inspect(client, operator_token, "line-1")
        message = follower.next_of("inspection")
    record = client.get(f"/api/v1/inspect/{inspection_id}", headers=bearer(operator_token)).json()
    assert without_link(message["data"]) == without_link(record)
    assert message["seq"] == 1
    assert client.get(message["data"]["image_url"]).content == RED


def test_connection_lasts_when_its_client_says_nothing_for_longer_than_a_head_may_take(
    client: httpx.Client, operator_token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_S", 0.2)
    with following(client, operator_token) as follower:
        until = time.monotonic() + 1.0
        while time.monotonic() < until:
            with contextlib.suppress(TimeoutError):
                follower.next(0.2)
        inspect(client, operator_token)
        assert follower.next_of("inspection")["seq"] == 1


def test_messages_come_without_waiting_for_the_poll_when_this_process_commits(
    client: httpx.Client, operator_token: str
) -> None:
    waits_s = []
    with following(client, operator_token) as follower:
        for _ in range(20):
            inspect(client, operator_token)
            answered_s = time.perf_counter()
            follower.next_of("inspection")
            waits_s.append(time.perf_counter() - answered_s)
    assert median(waits_s) < relay.POLL_S / 5


def test_commit_of_another_process_is_heard_of_when_the_relay_looks(
    client: httpx.Client, viewer_token: str, database: Database
) -> None:
    with following(client, viewer_token) as follower:
        follower.next()
        database.write(lambda session: raise_alert(session, "info", "title", "text", "key")).result(DEADLINE_S)
        assert follower.next_of("alert")["data"]["title"] == "title"


def test_order_is_that_of_the_commits_when_many_things_happen(
    app: FastAPI, client: httpx.Client, viewer_token: str
) -> None:
    with following(client, viewer_token) as first, following(client, viewer_token) as second:
        first.next()
        second.next()
        for number in range(200):
            happen(app, "station", number=number)
        for follower in (first, second):
            heard = [follower.next_of("station") for _ in range(200)]
            assert [message["data"]["number"] for message in heard] == list(range(200))
            assert [message["seq"] for message in heard] == list(range(1, 201))


def test_nothing_is_lost_or_told_twice_when_a_client_comes_back(
    app: FastAPI, client: httpx.Client, operator_token: str
) -> None:
    with following(client, operator_token) as follower:
        inspect(client, operator_token)
        last = follower.next_of("inspection")["seq"]
    missed = [inspect(client, operator_token) for _ in range(3)]
    for number in range(450):  # more than a page
        happen(app, "station", number=number)
    with following(client, operator_token, after=last) as follower:
        assert [follower.next_of("inspection")["data"]["id"] for _ in missed] == missed
        assert numbers(follower, 450) == list(range(last + 4, last + 454))
        live = inspect(client, operator_token)
        message = follower.next_of("inspection", "station")
        assert (message["data"]["id"], message["seq"]) == (live, last + 454)


def test_nothing_is_lost_when_a_client_comes_back_while_things_happen(
    app: FastAPI, client: httpx.Client, viewer_token: str
) -> None:
    after, heard = 0, list[int]()
    for round_number in range(15):
        happen(app, "station", round=round_number)
        with following(client, viewer_token, after=after) as follower:
            for _ in range(5):
                happen(app, "station", round=round_number)
            while not heard or heard[-1] < (round_number + 1) * 6:
                heard.append(follower.next_of("station")["seq"])
            after = heard[-1]
    assert heard == list(range(1, 15 * 6 + 1))


@pytest.mark.parametrize(("after", "reason"), [(999, "unknown"), (1, "too_old")])
def test_reset_is_told_when_nobody_can_say_what_was_missed(
    app: FastAPI, client: httpx.Client, viewer_token: str, after: int, reason: str
) -> None:
    for number in range(5):
        happen(app, "station", number=number)
    if reason == "too_old":
        app.state.platform.database.write(lambda session: repository.remove_upto(session, 3)).result(DEADLINE_S)
    with following(client, viewer_token, after=after) as follower:
        message = follower.next_of("reset", "station")
        assert (message["type"], message["seq"]) == ("reset", 5)
        assert message["data"]["reason"] == reason
        assert message["data"]["newest_seq"] == 5
        happen(app, "station", number=5)
        assert follower.next_of("station")["seq"] == 6
    with following(client, viewer_token, after=0) as follower:  # whatever is kept
        assert follower.next_of("reset", "station")["type"] == "station"


def test_only_the_station_and_the_plant_are_heard_of_when_a_station_is_chosen(
    app: FastAPI, client: httpx.Client, operator_token: str
) -> None:
    with following(client, operator_token, station_id="line-1") as follower:
        greeting = follower.next()
        inspect(client, operator_token, "line-2")
        wanted = inspect(client, operator_token, "line-1")
        happen(app, "alert", title="another line", station_id="line-2")
        happen(app, "alert", title="the plant", station_id=None)
        first, second = (follower.next_of("inspection", "alert") for _ in range(2))
        stats = follower.next_of("stats")
    assert greeting["data"]["total_inspections"] == 0
    assert first["data"]["id"] == wanted
    assert second["data"]["title"] == "the plant"
    assert stats["data"]["total_inspections"] == 1


def test_only_some_types_are_heard_of_when_types_are_chosen(
    app: FastAPI, client: httpx.Client, operator_token: str
) -> None:
    with following(client, operator_token, types="alert, job") as follower:
        inspect(client, operator_token)
        happen(app, "job", id="j")
        happen(app, "alert", id="a")
        assert [follower.next_of("inspection", "job", "alert", "stats")["type"] for _ in range(2)] == ["job", "alert"]


def test_figures_come_with_pings_and_after_inspections_when_time_passes(
    client: httpx.Client, operator_token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulse, "PING_S", 0.2)
    with following(client, operator_token) as follower:
        assert follower.next()["data"]["total_inspections"] == 0
        inspect(client, operator_token)
        inspect(client, operator_token, data=GOOD)
        give_up_at = time.monotonic() + DEADLINE_S
        while (stats := follower.next_of("stats"))["data"]["total_inspections"] < 2:
            assert time.monotonic() < give_up_at
        pings = [follower.next_of("ping") for _ in range(3)]
    asked = client.get("/api/v1/statistics", headers=bearer(operator_token)).json()
    documented = ("total_inspections", "passed", "failed", "uncertain", "pass_rate", "defect_breakdown")
    assert {name: stats["data"][name] for name in documented} == {name: asked[name] for name in documented}
    assert (stats["data"]["passed"], stats["data"]["pass_rate"]) == (1, 0.5)
    assert stats["data"]["avg_inspection_time_ms"] > 0
    assert {ping["data"]["total_inspections"] for ping in pings} == {2}


def test_inspection_is_left_out_when_it_was_deleted_before_the_client_came_back(
    client: httpx.Client, operator_token: str, engineer_token: str
) -> None:
    deleted, kept = (inspect(client, operator_token) for _ in range(2))
    assert client.delete(f"/api/v1/inspect/{deleted}", headers=bearer(engineer_token)).status_code == 200
    with following(client, operator_token, after=0) as follower:
        message = follower.next_of("inspection")
    assert (message["data"]["id"], message["seq"]) == (kept, 2)
