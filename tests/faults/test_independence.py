"""Everything beside the line hangs, or too many parts come: it goes on, or says no and when to come again."""

import asyncio
import socket
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from serving.app import create_app
from serving.settings import Settings
from tests.pictures import png_bytes, square_picture
from tests.prove.plugin import Proof
from tests.serving.conftest import bearer, log_in
from tests.serving.server import serve

RED = png_bytes(square_picture("red"))
DEADLINE_S = 90.0


@contextmanager
def black_hole() -> Iterator[tuple[int, list[socket.socket]]]:
    """The port of a server that takes every connection and never says a word, and the connections."""
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)
        ending = threading.Event()

        def take() -> None:
            while not ending.is_set():
                try:
                    taken.append(listener.accept()[0])
                except TimeoutError:
                    continue

        thread = threading.Thread(target=take, name="black-hole")
        thread.start()
        try:
            yield listener.getsockname()[1], taken
        finally:
            ending.set()
            thread.join(10)
            for connection in taken:
                connection.close()


@contextmanager
def admin_of(app: FastAPI) -> Iterator[httpx.Client]:
    with serve(app) as base_url, httpx.Client(base_url=base_url, timeout=60, trust_env=False) as client:
        client.headers.update(bearer(log_in(client, "admin")))
        yield client


def send(client: httpx.Client) -> httpx.Response:
    return client.post("/api/v1/inspect", files={"file": ("x", RED)})


def times_ms(client: httpx.Client, count: int) -> list[float]:
    taken = []
    for _ in range(count):
        began_s = time.perf_counter()
        assert send(client).status_code == 200
        taken.append((time.perf_counter() - began_s) * 1000)
    return taken


@pytest.mark.slow
@pytest.mark.prove("independence", "MLflow, Prefect, language model, mail and webhook accept and never answer")
def test_inspections_go_on_when_everything_beside_them_hangs(settings: Settings, proof: Proof) -> None:
    parts, rounds = proof.size(short=60, full=1000), proof.size(short=1, full=3)
    patient = {"/api/v1/query": {"question": "how many parts failed today?"}, "/api/v1/alerts/test-delivery": {}}
    quick: dict[str, object] = {"/api/v1/training/start": {}, "/api/v1/models/7/deploy": {}}
    asked = proof.size(short=quick, full={**quick, **patient}).items()
    with black_hole() as (port, taken):
        url = f"http://127.0.0.1:{port}"
        hanging = settings.model_copy(
            update={
                "mlflow_port": port,
                "prefect_port": port,
                "model_poll_s": 0.2,
                "smtp_host": "127.0.0.1",
                "smtp_port": port,
                "smtp_from": "ussop@plant.example",
                "smtp_to": ("jo@plant.example",),
                "webhook_targets": (f"{url}/hook",),
                "webhook_secret": SecretStr("w" * 32),
                "webhook_allowed": ("127.0.0.1",),
                "vlm_enabled": True,
                "anthropic_api_key": SecretStr("k" * 20),
                "anthropic_base_url": url,
            }
        )
        with admin_of(create_app(hanging)) as held_up, admin_of(create_app(settings)) as alone:
            threads = [threading.Thread(target=ask, args=(held_up, path, body)) for path, body in asked]
            for thread in threads:
                thread.start()
            times_ms(held_up, 20), times_ms(alone, 20)  # warm
            # By turns, so that whatever else this machine does meets both.
            slow, free = zip(*((times_ms(held_up, parts), times_ms(alone, parts)) for _ in range(rounds)), strict=True)
            for thread in threads:
                thread.join(DEADLINE_S)
            assert not any(thread.is_alive() for thread in threads), "somebody waits for ever"
        assert len(taken) >= 3, "hardly anybody asked the black hole"
    p99 = [float(np.percentile(np.concatenate(each), 99)) for each in (slow, free)]
    p50 = [statistics.median(np.concatenate(each)) for each in (slow, free)]
    proof.note(parts=2 * parts * rounds, failed=0, connections_swallowed=len(taken))
    proof.note(p50_ratio=float(p50[0] / p50[1]), p99_ratio=p99[0] / p99[1], p99_ms_alone=p99[1])


def ask(client: httpx.Client, path: str, body: object) -> None:
    answer = client.post(path, json=body, timeout=DEADLINE_S)
    assert answer.status_code >= 400 or path.endswith("delivery"), answer.text


@pytest.mark.slow
@pytest.mark.prove("independence", "four times as many parts as one client gets judged, without a pause")
def test_too_many_parts_are_sent_away_with_a_time_and_the_line_is_normal_again(
    settings: Settings, proof: Proof
) -> None:
    seconds = proof.size(short=4.0, full=300.0)
    app = create_app(settings)
    with admin_of(app) as client:
        capacity = 60 / (sum(times_ms(client, 60)) / 1000)
        statuses, without_time, codes = asyncio.run(flood(client, 4 * capacity, seconds))
        ended_s = time.monotonic()
        while app.state.platform.live.admission.jobs:
            assert time.monotonic() < ended_s + DEADLINE_S
            time.sleep(0.01)
        assert send(client).status_code == 200
        normal_s = time.monotonic() - ended_s
        total = client.get("/api/v1/inspections").json()["total"]
    proof.note(seconds=seconds, parts_per_s=round(4 * capacity), normal_again_s=normal_s)
    proof.note(**{f"status_{status}": count for status, count in sorted(statuses.items())}, without_time=without_time)
    assert set(statuses) <= {200, 429, 503}
    assert codes <= {"overloaded", "storage_busy", "rate_limited"}
    assert without_time == 0
    assert total == 61 + statuses[200]


async def flood(client: httpx.Client, per_s: float, seconds: float) -> tuple[Counter[int], int, set[str]]:
    """What came back from parts sent at a pace, answered or not."""
    statuses, without_time, codes = Counter[int](), 0, set[str]()
    limits = httpx.Limits(max_connections=400)

    async def one(line: httpx.AsyncClient) -> None:
        nonlocal without_time
        answer = await line.post("/api/v1/inspect", files={"file": ("x", RED)})
        statuses[answer.status_code] += 1
        if answer.status_code != 200:
            without_time += "Retry-After" not in answer.headers
            codes.add(answer.json()["code"])

    async with httpx.AsyncClient(
        base_url=client.base_url, headers=client.headers, limits=limits, timeout=120, trust_env=False
    ) as line:
        began_s, sent, under_way = time.monotonic(), 0, set[asyncio.Task[None]]()
        while (passed_s := time.monotonic() - began_s) < seconds:
            while sent < passed_s * per_s and len(under_way) < 400:
                task = asyncio.create_task(one(line))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
                sent += 1
            await asyncio.sleep(0.005)
        await asyncio.gather(*under_way)
    return statuses, without_time, codes
