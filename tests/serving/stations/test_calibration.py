"""A station is calibrated from a checkerboard that its camera saw."""

import httpx
import pytest

from tests.models.test_checkerboard import board
from tests.pictures import png_bytes
from tests.serving.conftest import bearer, log_in


def test_scale_is_that_of_the_board_when_the_camera_saw_one(client: httpx.Client) -> None:
    client.headers.update(bearer(log_in(client, "engineer")))
    seen = client.post(
        "/api/v1/inspect", files={"file": ("board.png", png_bytes(board(7, 5, 40.0)))}, data={"station_id": "line-1"}
    ).json()
    wanted = {"inspection_id": seen["id"], "columns": 7, "rows": 5, "square_mm": 10}
    answer = client.post("/api/v1/stations/line-1/calibrate", json=wanted)
    assert answer.status_code == 200, answer.text
    assert answer.json()["mm_per_px"] == pytest.approx(0.25, rel=0.005)
    assert len(answer.json()["corners"]) == 35
    assert client.get("/api/v1/stations/line-1").json()["mm_per_px"] is None  # nobody has saved it

    refused = client.post("/api/v1/stations/line-1/calibrate", json={**wanted, "rows": 9})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")
    assert "7 x 9 inner corners" in refused.json()["detail"]
    assert client.post("/api/v1/stations/other/calibrate", json=wanted).status_code == 404
    for wrong in ({"columns": 2}, {"square_mm": 0}, {"square_mm": "ten"}, {"more": 1}):
        assert client.post("/api/v1/stations/line-1/calibrate", json={**wanted, **wrong}).status_code == 422, wrong
    client.headers.update(bearer(log_in(client, "operator")))
    assert client.post("/api/v1/stations/line-1/calibrate", json=wanted).status_code == 403
