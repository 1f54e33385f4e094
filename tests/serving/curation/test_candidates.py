"""The candidates for review over HTTP."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sqlmodel import col, update

from serving.client import ServiceAccount, UssopClient
from serving.command.service_account import ensure_service_account
from serving.database import Database
from serving.settings import Settings
from serving.tables import Inspection
from tests.pictures import png_bytes, square_picture
from tests.serving.conftest import bearer
from tests.serving.curation.conftest import Inspect, good_picture

URL = "/api/v1/active-learning/candidates"
LONG_AGO = "2020-01-01T00:00:00Z"


@pytest.fixture
def viewer(client: httpx.Client, viewer_token: str) -> httpx.Client:
    client.headers.update(bearer(viewer_token))
    return client


def candidates(client: httpx.Client, **query: Any) -> list[dict[str, Any]]:
    answer = client.get(URL, params={"since": LONG_AGO, **query})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["candidates"])


def test_candidates_tell_what_the_strategies_need_when_listed(viewer: httpx.Client, inspect: Inspect) -> None:
    good = inspect(good_picture(0))
    fail = inspect(png_bytes(square_picture("red")))
    open_ = inspect(png_bytes(square_picture("pale_red")), "line-2")
    copy = inspect(png_bytes(square_picture("pale_red")))
    found = candidates(viewer)
    assert [each["inspection_id"] for each in found] == [good, fail, open_, copy]
    assert [each["decision"] for each in found] == ["pass", "fail", "uncertain", "uncertain"]
    assert [each["classes"] for each in found] == [[], ["scratch"], ["scratch"], ["scratch"]]
    nothing, certain, doubtful, _ = (each["uncertainty"] for each in found)
    assert nothing == 0.0
    assert 0.0 < certain < 0.5 <= doubtful <= 1.0
    assert [each["in_queue"] for each in found[:2]] == [None, None]
    # One picture, one look: the second inspection of the same bytes is in the queue as well.
    assert found[2]["in_queue"] == found[3]["in_queue"] == {"state": "pending", "strategies": ["uncertainty"]}
    assert [each["inspection_id"] for each in candidates(viewer, station_id="line-2")] == [open_]
    assert [each["inspection_id"] for each in candidates(viewer, decision="fail")] == [fail]
    assert candidates(viewer, until=found[0]["created_at"]) == []


def test_every_candidate_comes_once_when_paged(
    client: httpx.Client, settings: Settings, inspect: Inspect, viewer_token: str
) -> None:
    sent = [inspect(good_picture(number)) for number in range(7)]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        query: dict[str, str | int] = {"since": LONG_AGO, "limit": 3, **({"cursor": cursor} if cursor else {})}
        page = client.get(URL, params=query, headers=bearer(viewer_token)).json()
        seen += [each["inspection_id"] for each in page["candidates"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == sent
    account = ServiceAccount.read(ensure_service_account(settings))
    with UssopClient(str(client.base_url), account) as platform:
        found = list(platform.candidates(datetime(2020, 1, 1, tzinfo=UTC)))
        assert [each.inspection_id for each in found] == sent
        assert platform.picture(found[4].image_url) == good_picture(4)
        assert platform.picture(found[4].image_url.partition("?")[0] + "?exp=1&sig=expired") == good_picture(4)


def test_inspection_is_left_out_when_its_picture_is_gone(
    viewer: httpx.Client, inspect: Inspect, database: Database
) -> None:
    kept, gone = (inspect(good_picture(number)) for number in range(2))
    statement = update(Inspection).where(col(Inspection.id) == gone).values(picture_deleted_at=datetime.now(UTC))
    database.write(lambda session: session.exec(statement)).result(timeout=20)
    assert [each["inspection_id"] for each in candidates(viewer)] == [kept]


@pytest.mark.parametrize(
    "query",
    [
        {"cursor": "x"},
        {"cursor": "2024-01-01T00:00:00_x"},
        {"cursor": "2024-01-01T00:00:00+00:00_"},
        {"since": "2024-01-01"},
        {"since": "yesterday"},
        {"limit": 0},
        {"decision": "good"},
        {"station_id": "a b"},
    ],
)
def test_list_is_refused_when_the_question_makes_no_sense(viewer: httpx.Client, query: dict[str, Any]) -> None:
    answer = viewer.get(URL, params={"since": LONG_AGO, **query})
    assert answer.status_code == 422
    assert answer.json()["detail"]
