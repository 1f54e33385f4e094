"""Stations over HTTP, and that their rules reach the verdicts."""

from typing import Any

import httpx
import pytest

from tests.pictures import png_bytes, square_picture
from tests.serving.conftest import bearer

RED, PALE = png_bytes(square_picture("red")), png_bytes(square_picture("pale_red"))


@pytest.fixture
def engineer(client: httpx.Client, engineer_token: str) -> httpx.Client:
    client.headers.update(bearer(engineer_token))
    return client


def inspect(client: httpx.Client, data: bytes, station: str = "s1") -> dict[str, Any]:
    response = client.post("/api/v1/inspect", files={"file": ("x", data)}, data={"station_id": station})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def configure(client: httpx.Client, **config: Any) -> httpx.Response:
    return client.put("/api/v1/stations/s1", json=config)


def test_station_appears_when_it_is_first_used(engineer: httpx.Client) -> None:
    assert engineer.get("/api/v1/stations").json() == {"stations": []}
    assert engineer.get("/api/v1/stations/s1").status_code == 404
    inspect(engineer, RED)
    station = engineer.get("/api/v1/stations/s1").json()
    assert (station["id"], station["name"], station["mm_per_px"], station["revision"]) == ("s1", "s1", None, 1)
    assert engineer.get("/api/v1/stations").json() == {"stations": [station]}


def test_areas_are_in_mm2_when_the_station_is_calibrated(engineer: httpx.Client) -> None:
    assert inspect(engineer, RED)["detections"][0]["area_mm2"] is None
    assert configure(engineer, mm_per_px=0.5).status_code == 200
    found = inspect(engineer, RED)["detections"][0]
    assert found["area_mm2"] == pytest.approx(found["area_px"] * 0.25)
    assert found["length_mm"] == pytest.approx(found["length_px"] * 0.5)


def test_decision_changes_with_the_next_part_when_thresholds_change(engineer: httpx.Client) -> None:
    assert inspect(engineer, PALE)["decision"] == "uncertain"
    configure(engineer, thresholds={"scratch": {"accept_below": 0.1, "reject_above": 0.2}})
    strict = inspect(engineer, PALE)
    assert (strict["decision"], strict["recipe"]["name"]) == ("fail", "s1@2")
    assert strict["thresholds"]["scratch"] == {"accept_below": 0.1, "reject_above": 0.2}
    configure(engineer, thresholds={"scratch": {"accept_below": 0.9, "reject_above": 0.95}})
    assert inspect(engineer, PALE)["decision"] == "pass"
    assert inspect(engineer, PALE, station="s2")["decision"] == "uncertain"


def test_small_and_outside_defects_are_ignored_when_the_station_says_so(engineer: httpx.Client) -> None:
    configure(engineer, min_area_px={"scratch": 10_000})
    assert inspect(engineer, RED)["decision"] == "pass"
    configure(engineer, region_of_interest=[[40, 0], [64, 0], [64, 64], [40, 64]])
    assert inspect(engineer, RED)["decision"] == "pass"
    configure(engineer, region_of_interest=[[0, 0], [64, 0], [64, 64], [0, 64]])
    assert inspect(engineer, RED)["decision"] == "fail"


def test_configuration_is_replaced_as_a_whole_when_put_again(engineer: httpx.Client) -> None:
    first = configure(engineer, name="Press 4", mm_per_px=0.1, min_area_mm2={"dent": 2.5}).json()
    assert (first["name"], first["min_area_mm2"], first["revision"]) == ("Press 4", {"dent": 2.5}, 2)
    second = configure(engineer).json()
    assert (second["name"], second["mm_per_px"], second["min_area_mm2"]) == ("s1", None, {})
    assert engineer.get("/api/v1/stations/s1").json() == second


@pytest.mark.parametrize(
    "config",
    [
        {"mm_per_px": 0},
        {"mm_per_px": -1},
        {"mm_per_px": "NaN"},
        {"thresholds": {"scratch": {"accept_below": 0.6, "reject_above": 0.3}}},
        {"thresholds": {"scratch": {"accept_below": 0, "reject_above": 0.3}}},
        {"thresholds": {"scratsh": {"accept_below": 0.1, "reject_above": 0.3}}},
        {"min_area_px": {"hole": 3}},
        {"min_area_px": {"scratch": -1}},
        {"min_area_mm2": {"scratch": 1}},
        {"region_of_interest": [[0, 0], [1, 1]]},
        {"region_of_interest": [[0, 0], [5, 5], [9, 9]]},
        {"region_of_interest": [[0, 0], [9, 0], ["Infinity", 9]]},
        {"treshold": {}},
        {"name": ""},
    ],
    ids=str,
)
def test_configuration_is_refused_when_it_makes_no_sense(engineer: httpx.Client, config: dict[str, Any]) -> None:
    response = configure(engineer, **config)
    assert response.status_code == 422
    assert isinstance(response.json()["detail"], str)
    assert engineer.get("/api/v1/stations/s1").status_code == 404


def test_only_engineers_configure_when_others_try(client: httpx.Client, operator_token: str) -> None:
    assert client.get("/api/v1/stations").status_code == 401
    client.headers.update(bearer(operator_token))
    assert configure(client, mm_per_px=1).status_code == 403
    assert client.get("/api/v1/stations").status_code == 200


def test_station_id_is_refused_when_it_is_no_name(engineer: httpx.Client) -> None:
    assert engineer.put("/api/v1/stations/a%20b", json={}).status_code == 422
    assert engineer.put(f"/api/v1/stations/{'x' * 65}", json={}).status_code == 422
