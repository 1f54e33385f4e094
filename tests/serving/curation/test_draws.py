"""The audit sample over HTTP: what is drawn, what it takes to count, and what it says."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from serving.client import ServiceAccount, UssopClient
from serving.command.service_account import ensure_service_account
from serving.curation import service
from serving.curation.interval import clopper_pearson
from serving.curation.schemas import DrawIn, lot_of
from serving.settings import Settings
from tests.pictures import png_bytes, square_picture
from tests.serving.conftest import bearer
from tests.serving.curation.conftest import Inspect, good_picture

API = "/api/v1/active-learning"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
BOX = {"class_name": "scratch", "bbox": [1, 2, 30, 40]}


@pytest.fixture
def engineer(client: httpx.Client, engineer_token: str) -> httpx.Client:
    client.headers.update(bearer(engineer_token))
    return client


def draw(client: httpx.Client, **changes: Any) -> dict[str, Any]:
    answer = client.post(f"{API}/audit/draws", json={"since": LONG_AGO.isoformat(), "share": 1.0, **changes})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def audit(client: httpx.Client, **query: Any) -> dict[str, Any]:
    answer = client.get(f"{API}/audit", params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def items(client: httpx.Client) -> dict[str, dict[str, Any]]:
    """What waits in the queue, by inspection."""
    waiting = client.get(f"{API}/queue", params={"limit": 100}).json()["items"]
    return {item["inspection_id"]: item for item in waiting}


def label(client: httpx.Client, item_id: str, *annotations: object) -> None:
    answer = client.post(f"{API}/annotate/{item_id}", json={"annotations": annotations})
    assert answer.status_code == 200, answer.text


def doubt(client: httpx.Client, inspection_id: str, strategy: str = "uncertainty") -> str:
    """The queue's item of a picture that some other strategy chose."""
    reasons = [{"strategy": strategy, "score": 0.9}]
    answer = client.post(f"{API}/items", json={"items": [{"inspection_id": inspection_id, "reasons": reasons}]})
    assert answer.status_code == 200, answer.text
    return str(items(client)[inspection_id]["id"])


def test_lot_alone_decides_when_other_strategies_or_people_were_there_before(
    engineer: httpx.Client, inspect: Inspect
) -> None:
    passes = [inspect(good_picture(number)) for number in range(24)]
    others = [inspect(png_bytes(square_picture(colour))) for colour in ("red", "blue", "pale_red")]
    for number in range(0, 24, 3):
        item_id = doubt(engineer, passes[number])
        if number % 2:
            label(engineer, item_id, BOX)
        elif number % 4 == 0:
            assert engineer.post(f"{API}/skip/{item_id}").status_code == 200
    drawn = draw(engineer, share=0.5, seed=3)
    expected = {one for one in passes if lot_of(3, one) < 0.5}
    assert {each["inspection_id"] for each in drawn["drawn"]} == expected
    assert 0 < len(expected) < 24
    assert (drawn["passes"], drawn["share"], drawn["seed"]) == (24, 0.5, 3)
    states = {each["inspection_id"]: each["state"] for each in drawn["drawn"]}
    before = {passes[number]: number for number in range(0, 24, 3)}
    for one, state in states.items():
        number = before.get(one, 2)
        assert state == ("labeled" if number % 2 else "skipped" if number % 4 == 0 else "pending")
    waiting = items(engineer)
    for one in expected & set(waiting):
        assert waiting[one]["priority"] == 1.0  # at the head: a draw counts when all of it is labelled
        assert "random_audit" in {reason["strategy"] for reason in waiting[one]["reasons"]}
        assert waiting[one]["suggestions"] == []
    assert {reason["strategy"] for reason in waiting[others[2]]["reasons"]} == {"uncertainty"}


def test_nothing_is_drawn_twice_when_drawn_again(engineer: httpx.Client, inspect: Inspect) -> None:
    first = {inspect(good_picture(number)) for number in range(3)}
    drawn = draw(engineer)
    assert {each["inspection_id"] for each in drawn["drawn"]} == first
    assert all(each["added"] for each in drawn["drawn"])
    later = inspect(good_picture(3))
    again = draw(engineer, seed=9)
    assert again["since"] == drawn["until"]
    assert [each["inspection_id"] for each in again["drawn"]] == [later]
    nothing = draw(engineer, until=drawn["until"])
    assert (nothing["id"], nothing["passes"], nothing["drawn"]) == (None, 0, [])
    found = audit(engineer)
    assert (found["draws"], found["sampled"], found["passes"]) == (2, 4, 4)


def test_rate_and_interval_are_told_when_the_whole_draw_is_labelled(engineer: httpx.Client, inspect: Inspect) -> None:
    drawn = [inspect(good_picture(number)) for number in range(4)]
    draw(engineer)
    waiting = items(engineer)
    for one in drawn[:3]:
        label(engineer, waiting[one]["id"], *([BOX] if one == drawn[0] else []))
    open_ = audit(engineer, days=7)
    assert (open_["sampled"], open_["labelled"], open_["waiting"], open_["escapes"]) == (4, 3, 1, 1)
    assert (open_["escape_rate"], open_["interval"], open_["estimate"]) == (None, None, None)
    label(engineer, waiting[drawn[3]]["id"])
    found = audit(engineer, days=7)
    assert (found["labelled"], found["complete_draws"], found["escape_rate"]) == (4, 1, 0.25)
    low, high = clopper_pearson(1, 4)
    assert found["interval"] == {"low": low, "high": high}
    assert found["estimate"]["passes"] == 4


def test_pass_counts_as_lost_when_it_is_deleted_before_anybody_looked(engineer: httpx.Client, inspect: Inspect) -> None:
    kept, gone = (inspect(good_picture(number)) for number in range(2))
    draw(engineer)
    assert engineer.delete(f"/api/v1/inspect/{gone}").status_code == 200
    label(engineer, items(engineer)[kept]["id"])
    found = audit(engineer)
    assert (found["sampled"], found["labelled"], found["lost"], found["escape_rate"]) == (2, 1, 1, 0.0)


def test_sample_of_one_station_or_version_is_told_when_asked_for(engineer: httpx.Client, inspect: Inspect) -> None:
    here, there = inspect(good_picture(0), "here"), inspect(good_picture(1), "there")
    draw(engineer)
    waiting = items(engineer)
    label(engineer, waiting[here]["id"], BOX)
    found = audit(engineer, station_id="here")
    assert (found["passes"], found["sampled"], found["escape_rate"]) == (1, 1, 1.0)
    assert audit(engineer, station_id="there")["waiting"] == 1
    version = waiting[there]["model_version"]
    assert audit(engineer, model_version=version)["passes"] == 2
    assert audit(engineer, model_version="another")["passes"] == 0
    now = datetime.now(UTC)
    assert audit(engineer, days=1)["draws"] == 1
    assert now - datetime.fromisoformat(audit(engineer, days=1)["since"]) >= timedelta(days=1) - timedelta(minutes=1)


def test_platform_itself_may_draw_and_it_is_in_the_audit_log_when_it_does(
    client: httpx.Client, settings: Settings, inspect: Inspect, admin_token: str, operator_token: str
) -> None:
    one = inspect(good_picture(0))
    body = {"since": LONG_AGO.isoformat(), "share": 0.5}
    assert client.post(f"{API}/audit/draws", json=body, headers=bearer(operator_token)).status_code == 403
    account = ServiceAccount.read(ensure_service_account(settings))
    with UssopClient(str(client.base_url), account) as platform:
        drawn = platform.draw_audit(DrawIn(since=LONG_AGO, share=1.0))
    assert [each.inspection_id for each in drawn.drawn] == [one]
    entries = client.get("/api/v1/audit", params={"action": "audit_sample.drawn"}, headers=bearer(admin_token)).json()
    (entry,) = entries["entries"]
    assert entry["subject"] == f"audit-draw/{drawn.id}"


@pytest.mark.parametrize(
    "changes",
    [{"share": 0}, {"share": 1.01}, {"share": None}, {"seed": -1}, {"since": "2024-01-01T00:00:00"}, {"colour": "red"}],
)
def test_draw_is_refused_when_a_field_is_bad(engineer: httpx.Client, changes: dict[str, Any]) -> None:
    body = {"since": LONG_AGO.isoformat(), "share": 0.5, **changes}
    assert engineer.post(f"{API}/audit/draws", json=body).status_code == 422


def test_nothing_enters_the_queue_when_too_many_are_drawn(
    engineer: httpx.Client, inspect: Inspect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST_DRAWN", 2)
    for number in range(3):
        inspect(good_picture(number))
    answer = engineer.post(f"{API}/audit/draws", json={"since": LONG_AGO.isoformat(), "share": 1.0})
    assert answer.status_code == 422
    assert "smaller share" in answer.json()["detail"]
    assert items(engineer) == {}
    assert audit(engineer)["draws"] == 0


def test_each_pass_is_in_one_draw_when_two_are_made_at_once(engineer: httpx.Client, inspect: Inspect) -> None:
    passes = {inspect(good_picture(number)) for number in range(30)}
    body = {"since": LONG_AGO.isoformat(), "share": 1.0}
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: engineer.post(f"{API}/audit/draws", json=body), range(4)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    made = [answer.json() for answer in answers if answer.status_code == 200 and answer.json()["id"]]
    drawn = [each["inspection_id"] for one in made for each in one["drawn"]]
    assert sorted(drawn) == sorted(passes)
    assert audit(engineer)["sampled"] == 30
