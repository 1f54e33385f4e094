"""Statistics and trends over HTTP, from real inspections."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from fastapi import FastAPI

from tests.pictures import png_bytes, square_picture
from tests.serving.conftest import bearer, log_in
from tests.serving.past import Part, Past

RED, BLUE, PALE, GOOD = (png_bytes(square_picture(colour)) for colour in ("red", "blue", "pale_red", None))


@pytest.fixture
def engineer(client: httpx.Client, engineer_token: str) -> httpx.Client:
    client.headers.update(bearer(engineer_token))
    return client


def send(client: httpx.Client, data: bytes, **fields: str) -> str:
    answer = client.post("/api/v1/inspect", files={"file": ("x.png", data)}, data=fields)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def ask(client: httpx.Client, what: str = "statistics", **query: str | int) -> dict[str, object]:
    answer = client.get(f"/api/v1/{what}", params=query)
    assert answer.status_code == 200, answer.text
    told: dict[str, object] = answer.json()
    return told


def test_documented_fields_have_their_types_when_asked(engineer: httpx.Client) -> None:
    ids = [send(engineer, data) for data in (RED, RED, BLUE, PALE, GOOD, GOOD, GOOD)]
    found = Counter(
        row["class_name"]
        for inspection_id in ids
        for row in engineer.get(f"/api/v1/inspect/{inspection_id}").json()["detections"]
    )
    told = ask(engineer)
    assert (told["total_inspections"], told["passed"], told["failed"], told["uncertain"]) == (7, 3, 3, 1)
    assert told["pass_rate"] == pytest.approx(3 / 7)
    assert told["defect_breakdown"] == found
    assert isinstance(told["avg_inspection_time_ms"], float)
    assert told["avg_inspection_time_ms"] > 0
    assert [row["class_name"] for row in told["defects"]] == ["scratch", "dent"]  # type: ignore[attr-defined]
    assert [row["cumulative_share"] for row in told["defects"]] == [0.75, 1.0]  # type: ignore[attr-defined]
    trends = ask(engineer, "trends", hours=2)
    assert len(trends["labels"]) in (2, 3)  # type: ignore[arg-type]
    lists = [trends[name] for name in ("labels", "total", "passed", "failed", "uncertain", "starts_at")]
    assert len({len(values) for values in lists}) == 1  # type: ignore[arg-type]
    assert (sum(trends["total"]), sum(trends["failed"])) == (7, 3)  # type: ignore[call-overload]
    for label in trends["labels"]:  # type: ignore[attr-defined]
        datetime.strptime(label, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)


def test_figures_are_zero_when_nothing_was_inspected(engineer: httpx.Client) -> None:
    told = ask(engineer)
    assert (told["total_inspections"], told["pass_rate"], told["avg_inspection_time_ms"]) == (0, 0.0, 0.0)
    assert (told["defect_breakdown"], told["first_pass_yield"]) == ({}, None)
    assert set(ask(engineer, "trends")["total"]) == {0}  # type: ignore[call-overload]


def test_figures_follow_at_once_when_something_is_inspected_or_deleted(engineer: httpx.Client) -> None:
    for number in (1, 2, 3):
        last = send(engineer, RED, station_id="line-1", part_id="A")
        assert ask(engineer)["total_inspections"] == number
        assert ask(engineer, station_id="line-1")["failed"] == number
        assert sum(ask(engineer, "trends")["total"]) == number  # type: ignore[call-overload]
    assert ask(engineer)["first_inspections"] == 1
    assert engineer.delete(f"/api/v1/inspect/{last}").status_code == 200
    assert ask(engineer)["total_inspections"] == 2
    assert sum(ask(engineer, "trends")["failed"]) == 2  # type: ignore[call-overload]
    assert ask(engineer, station_id="line-2")["total_inspections"] == 0


def test_answer_is_the_same_one_when_nothing_has_happened(engineer: httpx.Client) -> None:
    send(engineer, GOOD)
    first = ask(engineer)
    assert ask(engineer) == first  # `counted_at` too
    send(engineer, GOOD)
    assert ask(engineer)["counted_at"] != first["counted_at"]


def test_hours_bound_the_window_when_given(app: FastAPI, engineer: httpx.Client) -> None:
    now = datetime.now(UTC)
    ages = [timedelta(hours=hours, minutes=minute) for hours in (1, 24, 168) for minute in (-1, 1)]
    Past(app.state.platform.database).store(*(Part(now - age) for age in ages))
    assert [ask(engineer, hours=hours)["total_inspections"] for hours in (1, 24, 168)] == [1, 3, 5]
    assert ask(engineer)["total_inspections"] == 3
    assert sum(ask(engineer, "trends", hours=168, interval="day")["total"]) == 5  # type: ignore[call-overload]


@pytest.mark.parametrize("query", [{"hours": 0}, {"hours": 169}, {"hours": "x"}, {"station_id": "a b"}])
def test_a_bad_window_is_refused_when_asked(engineer: httpx.Client, query: dict[str, str | int]) -> None:
    for what in ("statistics", "trends", "statistics/parts"):
        answer = engineer.get(f"/api/v1/{what}", params=query)
        assert (answer.status_code, "detail" in answer.json()) == (422, True)
    assert engineer.get("/api/v1/trends", params={"interval": "week"}).status_code == 422


def test_parts_are_listed_over_http_when_they_have_ids(engineer: httpx.Client) -> None:
    send(engineer, RED, part_id="=1+1")
    send(engineer, GOOD, part_id="ok")
    send(engineer, GOOD)
    page = ask(engineer, "statistics/parts", limit=1)
    assert (page["total"], [part["part_id"] for part in page["parts"]]) == (2, ["=1+1"])  # type: ignore[attr-defined]


def test_a_key_counts_its_own_stations_when_it_is_for_some(client: httpx.Client) -> None:
    admin = {**bearer(log_in(client, "admin"))}
    wanted = {"name": "line", "role": "viewer", "stations": ["line-1"]}
    made = client.post("/api/v1/api-keys", json=wanted, headers=admin)
    assert made.status_code == 201, made.text
    key = {"X-API-Key": made.json()["key"]}
    for station in ("line-1", "line-2"):
        client.post("/api/v1/inspect", files={"file": ("x", RED)}, data={"station_id": station}, headers=admin)
    assert client.get("/api/v1/statistics", headers=key).json()["total_inspections"] == 1
    assert sum(client.get("/api/v1/trends", headers=key).json()["total"]) == 1
    assert client.get("/api/v1/statistics?station_id=line-2", headers=key).status_code == 403
    assert client.get("/api/v1/statistics", headers=admin).json()["total_inspections"] == 2
