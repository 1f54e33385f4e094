"""Whatever inference does, no part gets a verdict out of a fault: an error in time, an alert, no row, and then on."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, get_args

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from serving.app import create_app
from serving.settings import Settings
from tests.faults.faulty import Fault, FaultyBackend, break_backend
from tests.faults.killable import Forker, KillableApi, environment_of
from tests.faults.line import until
from tests.pictures import png_bytes, square_picture
from tests.prove.plugin import Proof
from tests.serving.conftest import bearer, log_in
from tests.serving.server import serve

GOOD, RED = png_bytes(square_picture(None)), png_bytes(square_picture("red"))
BLACK = png_bytes(np.zeros((64, 64, 3), np.uint8))
FAULTS = [fault for fault in get_args(Fault) if fault not in {"none", "slow"}]
TIMEOUT_S = 0.5


def send(client: httpx.Client, data: bytes = GOOD, station: str = "line") -> httpx.Response:
    return client.post("/api/v1/inspect", files={"file": ("x", data)}, data={"station_id": station})


def open_alerts(client: httpx.Client) -> dict[str, Any]:
    alerts = client.get("/api/v1/alerts").json()["alerts"]
    return {alert["title"]: alert for alert in alerts if alert["resolved_at"] is None}


def passes(client: httpx.Client) -> int:
    total = client.get("/api/v1/inspections", params={"decision": "pass"}).json()["total"]
    assert isinstance(total, int)
    return total


@pytest.fixture
def app(settings: Settings) -> FastAPI:
    return create_app(settings.model_copy(update={"inference_timeout_s": TIMEOUT_S}))


@pytest.fixture
def line(app: FastAPI) -> Iterator[httpx.Client]:
    with serve(app) as base_url, httpx.Client(base_url=base_url, timeout=60, trust_env=False) as client:
        client.headers.update(bearer(log_in(client, "admin")))
        yield client


@pytest.fixture
def backend(app: FastAPI, line: httpx.Client) -> Iterator[FaultyBackend]:
    assert send(line).json()["decision"] == "pass"
    backend = break_backend(app.state.platform.live.runtime)
    yield backend
    backend.fault = "none"
    backend.let_go.set()


@pytest.mark.prove("no-false-pass", "the network hangs, throws, gives NaN, infinity, nothing, another shape")
def test_faulty_inference_is_an_error_and_an_alert_and_the_line_goes_on_afterwards(
    line: httpx.Client, backend: FaultyBackend, app: FastAPI, proof: Proof
) -> None:
    rounds = proof.size(short=3, full=60)
    before, answers, false_passes = passes(line), 0, 0
    for fault in FAULTS:
        backend.let_go.clear()
        backend.fault = fault
        with ThreadPoolExecutor(4) as clients:  # twice as many as workers: hanging ones must be replaced
            given = list(clients.map(lambda number: send(line, RED if number % 2 else GOOD), range(rounds * 2)))
        answers += len(given)
        false_passes += sum(answer.is_success for answer in given)
        assert {answer.status_code for answer in given} == {503}, fault
        assert {answer.json()["code"] for answer in given} <= {"inference_failed", "overloaded"}, fault
        until(lambda: "Inference failing" in open_alerts(line), "the alert")
        backend.fault = "none"
        assert send(line).json()["decision"] == "pass"
        until(lambda: not open_alerts(line), "the alert ends")
        backend.let_go.set()
    proof.note(faults=len(FAULTS), answers=answers, verdicts_out_of_a_fault=false_passes)
    assert passes(line) == before + len(FAULTS)
    assert line.get("/api/v1/inspections").json()["total"] == before + len(FAULTS)


@pytest.mark.prove("no-false-pass", "a station's deadline passes while the network is slow")
def test_late_verdict_is_an_error_in_time_and_an_alert_of_the_station(
    line: httpx.Client, backend: FaultyBackend, settings: Settings, app: FastAPI, proof: Proof
) -> None:
    rounds = proof.size(short=4, full=100)
    send(line, station="other")
    rules = {"station_rules": {"line": {"deadline_ms": 60}}}
    assert line.post("/api/v1/config", json=rules).status_code == 200
    before = line.get("/api/v1/inspections").json()["total"]
    backend.fault, backend.slow_s = "slow", 0.15
    late = [send(line) for _ in range(rounds)]
    proof.note(late=len(late), verdicts_that_were_late=sum(answer.is_success for answer in late))
    assert {(answer.status_code, answer.json()["code"]) for answer in late} == {(503, "too_late")}
    assert all("Retry-After" in answer.headers for answer in late)
    assert send(line, station="other").json()["decision"] == "pass"  # without a deadline it is waited for
    until(lambda: not app.state.platform.live.overdue, "what was late has ended")
    assert line.get("/api/v1/inspections").json()["total"] == before + 1
    assert len([path for path in settings.media_dir.rglob("*.png") if path.is_file()]) == before + 1
    until(lambda: "Verdict too late" in open_alerts(line), "the alert")
    assert open_alerts(line)["Verdict too late"]["station_id"] == "line"

    backend.fault = "none"
    assert line.post("/api/v1/config", json={"station_rules": {"line": {"deadline_ms": 300_000}}}).status_code == 200
    assert send(line).json()["decision"] == "pass"
    until(lambda: not open_alerts(line), "the alert ends")


@pytest.fixture
def crashing_api(forker: Forker, settings: Settings, tmp_path: Path) -> Iterator[KillableApi]:
    environment, log = environment_of(settings), tmp_path / "api.log"
    with closing(KillableApi(forker, environment, log, before="crash_on_black_pictures")) as api:
        yield api


@pytest.mark.slow
@pytest.mark.prove("no-false-pass", "segmentation fault in the thread that infers")
def test_part_that_crashes_the_runtime_gets_no_verdict_and_no_row(crashing_api: KillableApi, proof: Proof) -> None:
    rounds = proof.size(short=2, full=25)
    crashing_api.start()
    with httpx.Client(base_url=crashing_api.base_url, timeout=60, trust_env=False) as client:
        client.headers.update(bearer(log_in(client, "admin")))
        verdicts = 0
        for _ in range(rounds):
            assert send(client).json()["decision"] == "pass"
            try:
                verdicts += send(client, BLACK).is_success
            except httpx.TransportError:
                crashing_api.wait_until_gone()
                crashing_api.start()
        total = client.get("/api/v1/inspections").json()["total"]
    proof.note(crashes=rounds, verdicts_out_of_a_crash=verdicts, rows_out_of_a_crash=total - rounds)
    assert verdicts == 0
    assert total == rounds
