"""Each line of the API reference, on a running platform."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from serving.settings import Settings
from tests.contracts.calls import CALIBRATED, CALLS, inspect
from tests.contracts.reference import DOCUMENTED, LARGEST_FILE_BYTES, V1, Documented, as_documented, operation_at
from tests.contracts.running import Running
from tests.contracts.shapes import problems
from tests.pictures import encode, png_bytes, square_picture
from tests.serving.audit.acts import Stage
from tests.serving.auth.test_roles import _LOWEST_ROLE
from tests.serving.conftest import PASSWORD, bearer
from tests.serving.declared import document

_ROOT = Path(__file__).resolve().parents[2]
_LINES = pytest.mark.parametrize("line", DOCUMENTED, ids=lambda line: f"{line.method} {line.path}")


def _schema(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema itself: references followed, and that of the value where null is allowed too."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _schema(document()["components"]["schemas"][name])
    choices = [each for each in schema.get("anyOf", []) if each.get("type") != "null"]
    return {**schema, **_schema(choices[0])} if choices else schema


@_LINES
def test_answer_has_the_documented_fields_when_called(stage: Stage, line: Documented) -> None:
    if line.lives_in:
        text = (_ROOT / line.lives_in).read_text(encoding="utf-8")
        assert "as_documented(" in text, f"{line.lives_in} must hold the answer of {line.path} to the reference"
        return
    answer = CALLS[line.route](stage)
    assert answer.is_success, answer.text
    if line.answer is not None:
        assert as_documented(answer)


@_LINES
def test_parameters_are_those_of_the_reference_when_described(line: Documented) -> None:
    described = {each["name"]: each for each in operation_at(line.route).get("parameters", []) if each["in"] == "query"}
    for name, parameter in line.query.items():
        schema = _schema(described[name]["schema"])
        assert not described[name]["required"]
        assert schema["type"] == parameter.kind
        assert not parameter.has_default or schema["default"] == parameter.default
        assert parameter.least is None or schema["minimum"] == parameter.least
        assert parameter.most is None or schema["maximum"] == parameter.most
        assert not parameter.words or schema["enum"] == list(parameter.words)


@_LINES
def test_body_takes_the_documented_fields_when_described(line: Documented) -> None:
    if not line.body:
        return
    schema = _schema(operation_at(line.route)["requestBody"]["content"]["application/json"]["schema"])
    assert set(line.body) <= set(schema["properties"])
    assert set(schema.get("required", [])) <= set(line.body), "the reference's own request must do"


@_LINES
def test_role_is_the_documented_one_when_listed(line: Documented) -> None:
    assert not line.lowest or _LOWEST_ROLE[line.route] == line.lowest


def test_base_url_and_docs_are_where_the_reference_says_when_nothing_is_set(platform: Running) -> None:
    assert Settings.model_fields["api_port"].default == 8080
    with platform.client() as anonymous:
        assert anonymous.get("/docs").status_code == anonymous.get("/redoc").status_code == 200


def test_station_is_default_when_none_is_named(admin: httpx.Client) -> None:
    files = {"file": ("part.png", png_bytes(square_picture(None)), "image/png")}
    answer = admin.post(f"{V1}/inspect", files=files).json()
    assert (answer["station_id"], answer["part_id"], answer["decision"]) == ("default", None, "pass")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "TIFF", "WebP"])
def test_picture_is_inspected_when_its_kind_is_documented(admin: httpx.Client, kind: str) -> None:
    file = ("part", encode(square_picture("red"), kind), f"image/{kind.lower()}")
    assert admin.post(f"{V1}/inspect", files={"file": file}).status_code == 200


def test_limit_is_20_megabytes_when_a_file_is_sent(admin: httpx.Client) -> None:
    picture = png_bytes(square_picture(None))
    largest = picture + b"\0" * (LARGEST_FILE_BYTES - len(picture))
    assert admin.post(f"{V1}/inspect", files={"file": ("x.png", largest)}).status_code != 413
    answer = admin.post(f"{V1}/inspect", files={"file": ("x.png", largest + b"\0")})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_page_has_50_when_no_limit_is_named(stage: Stage) -> None:
    inspect(stage)
    page = stage.client.get(f"{V1}/inspections").json()
    assert (page["limit"], page["offset"]) == (50, 0)
    assert stage.client.get(f"{V1}/inspections?limit=500").json()["limit"] == 500
    assert stage.client.get(f"{V1}/inspections?limit=501").status_code == 422
    chosen = stage.client.get(f"{V1}/inspections", params={"decision": "fail", "station_id": CALIBRATED}).json()
    assert {each["decision"] for each in chosen["inspections"]} == {"fail"}
    assert stage.client.get(f"{V1}/inspections", params={"offset": page["total"]}).json()["inspections"] == []


@pytest.mark.parametrize("path", ["statistics", "trends"])
def test_window_is_1_to_168_hours_when_asked_for(admin: httpx.Client, path: str) -> None:
    assert admin.get(f"{V1}/{path}").json()["hours"] == 24
    for hours, status in ((0, 422), (1, 200), (168, 200), (169, 422)):
        assert admin.get(f"{V1}/{path}", params={"hours": hours}).status_code == status


def test_pass_rate_is_a_share_when_counted(stage: Stage) -> None:
    inspect(stage)
    figures = stage.client.get(f"{V1}/statistics", params={"station_id": CALIBRATED, "hours": 2}).json()
    assert figures["total_inspections"] == figures["failed"] > 0
    assert (figures["pass_rate"], set(figures["defect_breakdown"])) == (0.0, {"scratch"})


@pytest.mark.parametrize("interval", ["hour", "day"])
def test_series_have_one_value_for_each_label_when_asked_for(admin: httpx.Client, interval: str) -> None:
    trends = admin.get(f"{V1}/trends", params={"interval": interval}).json()
    assert len({len(trends[name]) for name in ("labels", "total", "passed", "failed")}) == 1
    assert trends["labels"] == sorted(trends["labels"])


def test_history_is_a_csv_file_when_exported(stage: Stage) -> None:
    inspection = inspect(stage).json()["id"]
    answer = stage.client.get(f"{V1}/export/csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert inspection in answer.text


def test_alerts_are_those_asked_for_when_filtered(stage: Stage) -> None:
    alert = stage.alert()
    stage.client.post(f"{V1}/alerts/{alert}/acknowledge")
    shown = stage.client.get(f"{V1}/alerts", params={"acknowledged": True, "severity": "info"}).json()["alerts"]
    assert alert in {each["id"] for each in shown}
    assert {(each["acknowledged"], each["severity"]) for each in shown} == {(True, "info")}
    assert stage.client.get(f"{V1}/alerts?severity=loud").status_code == 422


def test_refresh_token_is_worthless_when_logged_out(platform: Running) -> None:
    with platform.client() as client:
        session = client.post(f"{V1}/auth/login", json={"username": "viewer", "password": PASSWORD}).json()
        assert client.post(f"{V1}/auth/logout", headers=bearer(session["access_token"])).is_success
        again = client.post(f"{V1}/auth/refresh", json={"refresh_token": session["refresh_token"]})
        assert again.status_code == 401


def test_metrics_are_in_the_format_of_prometheus_when_asked_for(admin: httpx.Client) -> None:
    answer = admin.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "# TYPE ussop_http_requests_total counter" in answer.text


def test_shape_names_each_problem_when_a_value_has_another() -> None:
    shape = {"id": str, "rate": float, "of": [{"n": int}]}
    assert problems(shape, {"id": "x", "rate": 1, "of": [{"n": 2}], "more": None}) == []
    told = problems(shape, {"id": 1, "rate": True, "of": [{"n": 2.5}]})
    assert [each.split(" ")[0] for each in told] == ["answer.id", "answer.rate", "answer.of[0].n"]
    assert problems(shape, {"id": "x", "rate": 0.5}) == ["answer.of is missing"]
