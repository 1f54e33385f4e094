"""The export over HTTP: all rows, each once, and nothing that a spreadsheet would execute."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi import FastAPI

from serving.app import create_app
from serving.export.columns import COLUMNS
from serving.export.csv_file import as_text_cell
from serving.export.period import read_period
from serving.settings import Settings
from tests.pictures import png_bytes, square_picture
from tests.serving.conftest import bearer, log_in
from tests.serving.past import Part, Past
from tests.serving.server import serve

START = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
HOSTILE = ("=1+1", "+1", "-1", "@SUM(A1)", "＝1", "＋1", "－1", "＠x", " =1", "\u00a0@x", "'=1", "'")  # noqa: RUF001
BERLIN = ZoneInfo("Europe/Berlin")


def read(answer: httpx.Response) -> list[dict[str, str]]:
    """The rows of an export."""
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""), strict=True))


def export(client: httpx.Client, **query: str | bool) -> list[dict[str, str]]:
    return read(client.get("/api/v1/export/csv", params=query))


def test_every_inspection_is_there_once_when_there_are_many_pages(viewer: httpx.Client, past: Past) -> None:
    # Many at the same moment: a page may end between two of them.
    ids = past.store(*(Part(START + timedelta(seconds=number // 700)) for number in range(2300)))
    rows = export(viewer)
    assert len(rows) == 2300
    assert {row["id"] for row in rows} == set(ids)
    assert [(row["created_at"], row["id"]) for row in rows] == sorted((row["created_at"], row["id"]) for row in rows)


@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 1000])
def test_no_row_is_lost_when_the_last_page_is_just_full(viewer: httpx.Client, past: Past, count: int) -> None:
    if count:
        past.store(*(Part(START) for _ in range(count)))
    answer = viewer.get("/api/v1/export/csv")
    assert len(read(answer)) == count
    assert answer.text.splitlines()[0] == ",".join(column.name for column in COLUMNS)


def test_file_follows_rfc_4180_when_cells_hold_anything(viewer: httpx.Client, past: Past) -> None:
    hold = 'he said "stop",\r\nthen left\n'
    past.store(Part(START, "fail", part_id="a,b;ü漢", more={"hold_reason": hold}))
    answer = viewer.get("/api/v1/export/csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert re.fullmatch(
        r'attachment; filename="ussop-inspections-\d{4}-\d\d-\d\d\.csv"', answer.headers["content-disposition"]
    )
    assert not answer.content.startswith(b"\xef\xbb\xbf")
    header, rest = answer.content.split(b"\r\n", 1)
    assert (b"\n" in header, rest.endswith(b"\r\n")) == (False, True)
    assert b'"he said ""stop"",\r\nthen left\n"' in rest
    (row,) = read(answer)
    assert (row["part_id"], row["hold_reason"]) == ("a,b;ü漢", hold)


def test_file_begins_with_a_byte_order_mark_when_wanted(viewer: httpx.Client) -> None:
    assert viewer.get("/api/v1/export/csv", params={"bom": True}).content.startswith(b"\xef\xbb\xbfid,")


@pytest.mark.prove("paths-and-injection", "texts that begin like a formula, in each text column of a CSV file")
@pytest.mark.parametrize("text", HOSTILE)
def test_text_cells_are_no_formulas_when_they_begin_like_one(viewer: httpx.Client, past: Past, text: str) -> None:
    columns = ("model_name", "model_version", "backend", "recipe_digest", "hold_reason", "requested_by")
    past.store(
        Part(START, "fail", part_id=text, model_version=text, defects=[(text, -1.0)],
             more=dict.fromkeys(columns, text))
    )  # fmt: skip
    (row,) = export(viewer)
    for name in ("part_id", "defects", *columns):
        assert row[name].startswith("'"), name
    assert all(row[name][1:] == text for name in ("part_id", *columns))  # one apostrophe off gives it back
    assert float(row["defect_area_mm2"]) == -1.0  # a number stays one


def test_harmless_texts_stay_as_they_are() -> None:
    for text in ("", "A-1", "1=1", "ü", "x'y", " x"):
        assert as_text_cell(text) == text


def test_row_tells_of_the_inspection_when_it_came_from_the_line(app: FastAPI, viewer: httpx.Client) -> None:
    engineer = bearer(log_in(viewer, "engineer"))
    viewer.put("/api/v1/stations/line-1", json={"mm_per_px": 0.5}, headers=engineer).raise_for_status()
    told = viewer.post(
        "/api/v1/inspect",
        files={"file": ("x", png_bytes(square_picture("red")))},
        data={"station_id": "line-1", "part_id": "7"},
        headers=engineer,
    ).json()
    (row,) = export(viewer)
    same = ("id", "station_id", "part_id", "decision", "model_version", "backend", "recipe_digest", "image_sha256")
    assert {name: row[name] for name in same} == {name: told[name] for name in same}
    assert datetime.fromisoformat(row["created_at"]) == datetime.fromisoformat(told["created_at"])
    found = told["detections"]
    assert row["objects_found"] == str(len(found))
    assert row["defects"].startswith(f"scratch x{len(found)} (")
    assert float(row["defect_area_mm2"]) == pytest.approx(sum(one["area_mm2"] for one in found), abs=1e-3)
    assert float(row["total_time_ms"]) == told["total_time_ms"]


def test_rows_are_those_asked_for_when_filtered(viewer: httpx.Client, past: Past) -> None:
    for day in range(3):
        for station in ("line-1", "line-2"):
            past.store(*(Part(START + timedelta(days=day), verdict, station) for verdict in ("pass", "fail")))
    assert len(export(viewer)) == 12
    assert {row["station_id"] for row in export(viewer, station_id="line-1")} == {"line-1"}
    assert [row["decision"] for row in export(viewer, decision="fail")] == ["fail"] * 6
    assert len(export(viewer, date_from="2026-03-02", date_to="2026-03-02")) == 4
    assert len(export(viewer, date_from="2026-03-02T10:00:00Z")) == 8
    assert len(export(viewer, date_to="2026-03-02T10:00:00Z")) == 4
    assert len(export(viewer, date_from="2026-03-02", station_id="line-2", decision="pass")) == 2
    assert export(viewer, station_id="nowhere") == []


def test_rows_are_those_of_the_list_when_its_filters_are_sent(viewer: httpx.Client, past: Past) -> None:
    overruled = {"overruled_to": "pass", "overrule_reason": "=a reflection", "overruled_by": "op"}
    more = overruled | {"overruled_at": START}
    past.store(Part(START, "fail", part_id="A_1", model_version="2", defects=[("dent", 1.0)], more=more))
    past.store(
        Part(START + timedelta(hours=1), part_id="AB2"),
        Part(START + timedelta(hours=2), "fail", part_id="A_3", defects=[("dent", 1.0), ("dent", 2.0)]),
        Part(START + timedelta(hours=3), "fail", part_id="B_4", defects=[("scratch", 1.0)]),
    )
    third = (START + timedelta(hours=2)).isoformat()
    for query in (
        {"class_name": "dent"},
        {"part": "A_"},
        {"model_version": "2"},
        {"effective_decision": "fail"},
        {"effective_decision": "pass", "decision": "fail"},
        {"since": third},
        {"until": third, "class_name": "dent"},
    ):
        listed = viewer.get("/api/v1/inspections", params=query).json()["inspections"]
        assert 0 < len(listed) < 4, query
        assert [row["id"] for row in export(viewer, **query)] == [one["id"] for one in reversed(listed)], query
    assert len(export(viewer, since=third, date_from="2026-03-01", date_to="2026-03-01T13:00:00Z")) == 1
    first = export(viewer, model_version="2")[0]
    assert (first["decision"], first["effective_decision"], first["overruled_by"]) == ("fail", "pass", "op")
    assert first["overrule_reason"] == "'=a reflection"  # no formula


@pytest.mark.parametrize(
    "query",
    [
        {"date_from": "yesterday"},
        {"date_from": "2026-02-30"},
        {"date_to": "9999-12-31"},
        {"date_from": "2026-03-02", "date_to": "2026-03-01"},
        {"decision": "maybe"},
        {"format": "xls"},
        {"station_id": "a b"},
        {"effective_decision": "maybe"},
        {"since": "yesterday"},
        {"date_from": "0001-01-01T00:00:00+14:00"},
    ],
)
def test_request_is_refused_when_it_makes_no_sense(viewer: httpx.Client, query: dict[str, str]) -> None:
    answer = viewer.get("/api/v1/export/csv", params=query)
    assert (answer.status_code, isinstance(answer.json()["detail"], str)) == (422, True)


def test_days_are_those_of_the_plant_when_the_clock_is_changed() -> None:
    for day, hours in (("2026-03-29", 23), ("2026-10-25", 25)):
        period = read_period(day, day, BERLIN)
        assert period.since is not None
        assert period.until is not None
        assert period.until - period.since == timedelta(hours=hours)
    assert read_period("2026-07-01T08:00:00", None, BERLIN).since == datetime(2026, 7, 1, 6, tzinfo=UTC)
    assert read_period("2026-07-01T08:00:00 02:00", None, BERLIN).since == datetime(2026, 7, 1, 6, tzinfo=UTC)


def test_local_time_is_that_of_the_plant_when_set(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"timezone": "Asia/Kathmandu"}))
    with serve(app) as base_url, httpx.Client(base_url=base_url, timeout=60.0, trust_env=False) as client:
        client.headers.update(bearer(log_in(client, "viewer")))
        Past(app.state.platform.database).store(Part(START + timedelta(hours=10)))
        (row,) = export(client)
        assert (row["created_at"], row["created_at_local"]) == ("2026-03-01T20:00:00Z", "2026-03-02 01:45:00")
        assert len(export(client, date_from="2026-03-02")) == 1


def test_an_export_is_in_the_audit_log_when_made(viewer: httpx.Client) -> None:
    export(viewer, decision="fail")
    entries = viewer.get("/api/v1/audit", headers=bearer(log_in(viewer, "admin"))).json()["entries"]
    told = next(entry for entry in entries if entry["action"] == "inspections.exported")
    assert (told["actor"]["name"], told["after"]["decision"]) == ("viewer", "fail")
