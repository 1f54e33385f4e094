"""The inspect endpoints over HTTP, with a real network behind them."""

import hashlib
from pathlib import Path

import httpx
import pytest

from serving.settings import Settings
from tests.pictures import encode, jpeg_bytes, png_bytes, square_picture
from tests.serving.conftest import bearer

RED, BLUE, PALE, GOOD = (png_bytes(square_picture(colour)) for colour in ("red", "blue", "pale_red", None))


@pytest.fixture
def operator(client: httpx.Client, operator_token: str) -> httpx.Client:
    client.headers.update(bearer(operator_token))
    return client


def send(client: httpx.Client, data: bytes, **fields: str) -> httpx.Response:
    return client.post("/api/v1/inspect", files={"file": ("x.bin", data)}, data=fields)


def media_files(settings: Settings) -> list[Path]:
    return [path for path in settings.media_dir.rglob("*") if path.is_file() and not path.name.startswith(".")]


@pytest.mark.parametrize(
    ("data", "decision", "classes"),
    [(RED, "fail", ["scratch"]), (BLUE, "fail", ["dent"]), (PALE, "uncertain", ["scratch"]), (GOOD, "pass", [])],
)
def test_decision_follows_the_picture_when_it_is_uploaded(
    operator: httpx.Client, data: bytes, decision: str, classes: list[str]
) -> None:
    answer = send(operator, data).json()
    assert answer["decision"] == decision
    assert sorted({found["class_name"] for found in answer["detections"]}) == classes
    assert answer["objects_found"] == len(answer["detections"])


def test_answer_has_every_documented_field_when_a_part_fails(operator: httpx.Client) -> None:
    response = send(operator, RED, station_id="line-1", part_id="S/N 7 ü")
    assert response.status_code == 200
    answer = response.json()
    assert isinstance(answer["total_time_ms"], int | float)
    assert 0 < answer["confidence"] <= 1
    assert answer["image_url"].startswith("/static/images/")
    found = answer["detections"][0]
    assert found["bbox"] == [16, 24, 24, 32]
    assert found["area_mm2"] is None
    assert len(found["mask_polygon"][0]) >= 3
    assert (answer["station_id"], answer["part_id"], answer["source"]) == ("line-1", "S/N 7 ü", "upload")
    assert (answer["model_name"], answer["model_version"]) == ("tiny", "1")
    assert answer["backend"] == "openvino:CPU:f32"
    assert answer["thresholds"]["scratch"] == {"accept_below": 0.3, "reject_above": 0.6}
    assert answer["image_sha256"] == hashlib.sha256(RED).hexdigest()
    assert (answer["width_px"], answer["height_px"], answer["image_bytes"]) == (64, 64, len(RED))
    assert {"decode", "inference", "store"} <= answer["timings_ms"].keys()


def test_stored_picture_is_the_uploaded_one_to_the_byte_when_acknowledged(
    operator: httpx.Client, settings: Settings
) -> None:
    data = jpeg_bytes(square_picture("red")) + b"trailing bytes stay"
    answer = send(operator, data).json()
    (file,) = media_files(settings)
    assert file.name == f"{answer['id']}.jpg"
    assert file.read_bytes() == data


def test_stored_record_equals_the_answer_when_read_back(operator: httpx.Client) -> None:
    answer = send(operator, RED, part_id="7").json()
    record = operator.get(f"/api/v1/inspect/{answer['id']}").json()
    for side in (answer, record):
        side.pop("image_url")
    assert record == answer


def test_form_field_wins_when_the_query_names_another_station(operator: httpx.Client) -> None:
    by_query = operator.post("/api/v1/inspect?station_id=q&part_id=p", files={"file": ("x", GOOD)}).json()
    by_both = operator.post(
        "/api/v1/inspect?station_id=q", files={"file": ("x", GOOD)}, data={"station_id": "f"}
    ).json()
    assert (by_query["station_id"], by_query["part_id"]) == ("q", "p")
    assert by_both["station_id"] == "f"


def test_station_is_default_when_none_is_named(operator: httpx.Client) -> None:
    assert send(operator, GOOD).json()["station_id"] == "default"


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"", 415, "unsupported_image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "unsupported_image"),
        (RED[:-30], 422, "broken_image"),
        (jpeg_bytes(square_picture("red"))[:-200], 422, "broken_image"),
        (encode(square_picture("red", shape_hw=(64, 17000)), "PNG"), 422, "image_too_large"),
    ],
    ids=["empty", "svg", "cut_png", "cut_jpeg", "too_wide"],
)
def test_nothing_is_stored_when_the_picture_is_refused(
    operator: httpx.Client, settings: Settings, data: bytes, status: int, code: str
) -> None:
    response = send(operator, data)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert isinstance(response.json()["detail"], str)
    assert media_files(settings) == []
    assert operator.get("/api/v1/inspections").json()["total"] == 0


@pytest.mark.parametrize(
    "fields",
    [{"station_id": "a/b"}, {"station_id": "x" * 65}, {"part_id": "a\nb"}, {"part_id": "x" * 129}],
    ids=["slash", "long_station", "newline", "long_part"],
)
def test_request_is_refused_when_a_name_is_not_allowed(operator: httpx.Client, fields: dict[str, str]) -> None:
    assert send(operator, GOOD, **fields).status_code == 422


def test_request_is_refused_when_there_is_no_file(operator: httpx.Client) -> None:
    assert operator.post("/api/v1/inspect", data={"station_id": "x"}).status_code == 415  # no multipart message
    assert operator.post("/api/v1/inspect", files={"station_id": (None, "x")}).status_code == 422


def test_upload_is_refused_when_the_picture_is_one_byte_over_the_limit(operator: httpx.Client) -> None:
    limit = 20 * 1024 * 1024
    picture = encode(square_picture(None), "BMP")  # may be followed by anything
    assert send(operator, picture.ljust(limit, b"\0")).status_code == 200
    assert send(operator, picture.ljust(limit + 1, b"\0")).status_code == 413


def test_inspecting_needs_an_operator_when_asked_for(client: httpx.Client, viewer_token: str) -> None:
    assert send(client, GOOD).status_code == 401
    client.headers.update(bearer(viewer_token))
    assert send(client, GOOD).status_code == 403
    assert client.post("/api/v1/inspect/camera").status_code == 403
    assert client.get("/api/v1/inspections").status_code == 200


def test_camera_picture_is_inspected_when_triggered(operator: httpx.Client) -> None:
    answer = operator.post("/api/v1/inspect/camera?station_id=cam&part_id=1").json()
    assert (answer["source"], answer["station_id"], answer["part_id"]) == ("camera", "cam", "1")
    assert {"capture", "decode", "inference", "store"} <= answer["timings_ms"].keys()
    picture = operator.get(answer["image_url"])
    assert hashlib.sha256(picture.content).hexdigest() == answer["image_sha256"]


def test_list_is_newest_first_and_filtered_when_asked(operator: httpx.Client) -> None:
    ids = [send(operator, data, station_id=name).json()["id"] for data, name in ((RED, "a"), (GOOD, "a"), (GOOD, "b"))]
    page = operator.get("/api/v1/inspections", params={"limit": 2}).json()
    assert ([row["id"] for row in page["inspections"]], page["total"]) == (ids[:0:-1], 3)
    rest = operator.get("/api/v1/inspections", params={"limit": 2, "offset": 2}).json()
    assert [row["id"] for row in rest["inspections"]] == ids[:1]
    chosen = operator.get("/api/v1/inspections", params={"station_id": "a", "decision": "fail"}).json()
    assert [row["id"] for row in chosen["inspections"]] == ids[:1]
    assert chosen["inspections"][0]["detections"][0]["class_name"] == "scratch"


@pytest.mark.parametrize("query", ["limit=501", "limit=0", "offset=-1", "decision=maybe", "station_id=a%2Fb"])
def test_list_is_refused_when_the_query_is_invalid(operator: httpx.Client, query: str) -> None:
    response = operator.get(f"/api/v1/inspections?{query}")
    assert response.status_code == 422
    assert isinstance(response.json()["detail"], str)


def test_unknown_inspection_is_not_found_when_asked_for(operator: httpx.Client, engineer_token: str) -> None:
    assert operator.get("/api/v1/inspect/nope").status_code == 404
    assert operator.delete("/api/v1/inspect/nope", headers=bearer(engineer_token)).status_code == 404


def test_row_and_picture_are_gone_when_an_engineer_deletes(
    operator: httpx.Client, engineer_token: str, settings: Settings
) -> None:
    answer = send(operator, RED).json()
    assert operator.delete(f"/api/v1/inspect/{answer['id']}").status_code == 403
    response = operator.delete(f"/api/v1/inspect/{answer['id']}", headers=bearer(engineer_token))
    assert (response.status_code, response.json()) == (200, {"status": "deleted", "id": answer["id"]})
    assert operator.get(f"/api/v1/inspect/{answer['id']}").status_code == 404
    assert operator.get(answer["image_url"]).status_code == 404
    assert media_files(settings) == []


def test_inspections_and_stages_are_counted_when_scraped(operator: httpx.Client) -> None:
    send(operator, RED, station_id="line-1")
    send(operator, b"no picture")
    text = operator.get("/metrics").text
    assert 'ussop_inspections_total{decision="fail",station="line-1"} 1.0' in text
    assert 'ussop_inspection_stage_seconds_count{stage="inference"} 1.0' in text
    assert 'ussop_inspection_failures_total{code="unsupported_image"} 1.0' in text
