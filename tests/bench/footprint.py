"""What the API takes of its machine: time to the first verdict, memory, its event loop, and the line beside a job."""

import asyncio
import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import psutil
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.app import create_app
from serving.server import ApiServer, server_config
from tests.bench.concurrency import Answers, at_rate, by_clients
from tests.bench.line_of_events import bench_settings
from tests.bench.platform import ADMIN_PASSWORD, running_platform
from tests.bench.report import table

_PROBE_S = 0.005
_BLOCKED_MS = 50.0
_BESIDE_PER_S = 5.0
_JOB_PICTURES = 2000
_JOB_DEADLINE_S = 240.0


@dataclass(frozen=True)
class Footprint:
    """What was found.

    Attributes:
        first_verdict_s: From `ussop up` on a data folder that was used before to the first verdict.
        rss_mib: Of the API's process with a bundle, after that verdict.
        rss_loaded_mib: The same after the load.
        loop_longest_ms: The longest that the event loop came late under load.
        loop_blocked: How often it came more than 50 ms late, of `loop_looks` looks.
        loop_looks: Looks at it.
        alone: The line at five parts per second, with nothing else to do.
        beside: The same while a batch job inspects a folder on this machine.
        beside_training: The same while a network is trained here, in the idle class as by the platform.
    """

    first_verdict_s: float
    rss_mib: float
    rss_loaded_mib: float
    loop_longest_ms: float
    loop_blocked: int
    loop_looks: int
    alone: Answers
    beside: Answers
    beside_training: Answers

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return asdict(self)


def measure_footprint(pictures: Sequence[bytes], rounds: int) -> Footprint:
    """All of it, one after the other.

    Args:
        pictures: Encoded pictures, used by turns.
        rounds: Requests of each measurement.
    """
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder).resolve()
        with running_platform(data_dir, JOBS_ENABLED="false"):
            pass  # the second start is a warm one
        began_s = time.monotonic()
        with running_platform(data_dir, JOBS_ENABLED="false") as (client, _):
            _inspect(client, pictures[0])
            first_verdict_s = time.monotonic() - began_s
            process = _api(client)
            rss = process.memory_info().rss
            by_clients(client, pictures, rounds, 16)
            rss_loaded = process.memory_info().rss
            alone = _line(client, pictures, rounds)
        beside = _beside_a_job(data_dir, pictures, rounds)
        beside_training = _beside_a_training(data_dir, pictures, rounds)
    late_ms = _lateness_of_loop(pictures, rounds)
    return Footprint(
        first_verdict_s,
        rss / 2**20,
        rss_loaded / 2**20,
        max(late_ms),
        sum(ms > _BLOCKED_MS for ms in late_ms),
        len(late_ms),
        alone,
        beside,
        beside_training,
    )


def footprint_table(found: Footprint) -> str:
    """The figures with what is wanted of them."""
    alone, beside, training = found.alone, found.beside, found.beside_training
    rows = [
        ["`ussop up` to the first verdict, warm", "≤ 5 s", f"{found.first_verdict_s:.1f} s"],
        ["RSS of the API with a bundle", "≤ 400 MiB", f"{found.rss_mib:.0f} MiB"],
        ["RSS after the load", "≤ 400 MiB", f"{found.rss_loaded_mib:.0f} MiB"],
        [
            "event loop under 16 clients, log-ins and exports: longest lateness",
            "≤ 50 ms",
            f"{found.loop_longest_ms:.0f} ms; {found.loop_blocked} of {found.loop_looks} looks above 50 ms",
        ],
        ["line at 5 parts/s, alone, p50 / p99", "", f"{alone.p50_ms:.0f} / {alone.p99_ms:.0f} ms"],
        ["the same beside a batch job, p50 / p99", "", f"{beside.p50_ms:.0f} / {beside.p99_ms:.0f} ms"],
        ["p99 beside the job against alone", "≤ 1.5", f"**{beside.p99_ms / alone.p99_ms:.2f}**"],
        ["the same beside a training, p50 / p99", "", f"{training.p50_ms:.0f} / {training.p99_ms:.0f} ms"],
        ["p99 beside the training against alone", "≤ 1.5", f"**{training.p99_ms / alone.p99_ms:.2f}**"],
    ]
    return table(["what", "wanted", "measured"], rows)


def _inspect(client: httpx.Client, picture: bytes) -> None:
    client.post("/api/v1/inspect", files={"file": ("part.jpg", picture, "image/jpeg")}).raise_for_status()


def _api(client: httpx.Client) -> psutil.Process:
    """The process of this bench's platform that answers."""
    own = psutil.Process(os.getpid()).children(recursive=True)
    port = client.base_url.port
    return next(one for one in own if any(c.status == "LISTEN" and c.laddr.port == port for c in one.net_connections()))


def _line(client: httpx.Client, pictures: Sequence[bytes], rounds: int) -> Answers:
    at_rate(client, pictures, 20, _BESIDE_PER_S)
    return at_rate(client, pictures, max(200, rounds // 3), _BESIDE_PER_S)


def _beside_a_job(data_dir: Path, pictures: Sequence[bytes], rounds: int) -> Answers:
    """The line while a job runs that is longer than the measurement, with Prefect and MLflow."""
    folder = data_dir / "inbox" / "shift"
    folder.mkdir(parents=True)
    for index in range(_JOB_PICTURES):
        (folder / f"{index:05d}.jpg").write_bytes(pictures[index % len(pictures)])
    with running_platform(data_dir) as (client, _):
        wanted = {"name": "bench", "input_dir": str(folder), "file_pattern": "*.jpg", "station_id": "batch-bench"}
        job = client.post("/api/v1/batch/jobs", json=wanted).raise_for_status().json()["id"]
        _until(lambda: client.post(f"/api/v1/batch/jobs/{job}/start").status_code == httpx.codes.OK)
        _until(lambda: client.get(f"/api/v1/batch/jobs/{job}").json().get("processed", 1) > 0)
        beside = _line(client, pictures, rounds)
        state = client.get(f"/api/v1/batch/jobs/{job}").json()["status"]
        if state != "running":
            raise RuntimeError(f"the job did not last: {state}")
        client.post(f"/api/v1/batch/jobs/{job}/cancel")
    return beside


def _beside_a_training(data_dir: Path, pictures: Sequence[bytes], rounds: int) -> Answers:
    """The line while two threads of an idle process learn from simulated surfaces."""
    folder = data_dir / "training"
    options = ("--simulated-surfaces", "80", "--held-out", "20", "--recipe", "surface", "--epochs", "1000")
    where = ("--work", str(folder), "--out", str(folder / "bundle"))
    # As flows/tasks/give_way.py does with a training that the platform starts.
    command = ("chrt", "--idle", "0", sys.executable, "-u", "-m", "flows.train", *options, *where)
    environment = {**os.environ, "COLUMNS": "200"}
    with (
        running_platform(data_dir, JOBS_ENABLED="false") as (client, _),
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as job,
    ):
        try:
            for line in job.stdout or ():
                if "epoch 1" in line:
                    break
            answers = _line(client, pictures, rounds)
            if job.poll() is not None:
                raise RuntimeError(f"the training did not last: {job.returncode}")
        finally:
            job.kill()
    return answers


class _Probed:
    """The application, and a task on its event loop that notes how late it is woken."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._task: asyncio.Task[None] | None = None
        self.late_ms: list[float] = []
        self.is_counting = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request; the first one starts the task."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._look())
        await self._app(scope, receive, send)

    async def _look(self) -> None:
        while True:
            due_s = time.perf_counter() + _PROBE_S
            await asyncio.sleep(_PROBE_S)
            if self.is_counting:
                self.late_ms.append((time.perf_counter() - due_s) * 1000)


def _lateness_of_loop(pictures: Sequence[bytes], rounds: int) -> list[float]:
    """How late the loop was, in milliseconds, under load: 16 lines, people who log in, and exports.

    The server runs in this process, which does nothing else meanwhile; who asks, runs in another.
    """
    with tempfile.TemporaryDirectory() as folder:
        probed = _Probed(create_app(bench_settings(Path(folder), stations=1)))
        with (
            socket.create_server(("127.0.0.1", 0)) as listener,
            ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as senders,
        ):
            server = ApiServer(server_config(probed, "127.0.0.1", listener.getsockname()[1]))
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="bench-server")
            thread.start()
            try:
                url = f"http://127.0.0.1:{listener.getsockname()[1]}"
                senders.submit(_send, url, list(pictures), 20).result(_JOB_DEADLINE_S)
                probed.is_counting = True
                senders.submit(_send, url, list(pictures), rounds).result(_JOB_DEADLINE_S)
                probed.is_counting = False
            finally:
                server.should_exit = True
                thread.join(30)
    return probed.late_ms


def _send(url: str, pictures: list[bytes], rounds: int) -> None:
    """Sixteen lines, and beside them somebody who exports, looks at figures and logs in."""
    login = {"username": "admin", "password": ADMIN_PASSWORD}
    done = threading.Event()
    with httpx.Client(base_url=url, trust_env=False, timeout=60.0) as client, ThreadPoolExecutor(1) as beside:
        token = client.post("/api/v1/auth/login", json=login).raise_for_status().json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"

        def others() -> None:
            while not done.is_set():
                client.get("/api/v1/export/csv").raise_for_status()
                client.get("/api/v1/statistics").raise_for_status()
                client.post("/api/v1/auth/login", json=login)
                done.wait(1.0)

        task = beside.submit(others)
        by_clients(client, pictures, rounds, 16)
        done.set()
        task.result(60)


def _until(is_so: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + _JOB_DEADLINE_S
    while not is_so():
        if time.monotonic() > deadline_s:
            raise TimeoutError("the job did not start in time")
        time.sleep(0.5)
