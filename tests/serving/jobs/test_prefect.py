"""The connection to Prefect where there is none, and where it is slow or busy. A real server: tests/flows/."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from serving.errors import JobsUnavailable
from serving.jobs.prefect import PrefectJobs

_RUN = {"id": "r1", "name": "a run", "state_type": "RUNNING", "state_name": "Running"}


@contextmanager
def _answering(*answers: tuple[int, Any]) -> Iterator[tuple[str, list[str]]]:
    """A server that gives these answers one after another, and the requests that it got."""
    left, seen = list(answers), []

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            seen.append(f"{self.command} {self.path}")
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, content = left.pop(0)
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _answer  # noqa: N815 - named by http.server

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def test_call_fails_soon_when_nobody_answers() -> None:
    jobs = PrefectJobs("http://127.0.0.1:1")
    began_s = time.monotonic()
    with pytest.raises(JobsUnavailable, match="does not answer"):
        await jobs.read_run("r1")
    assert time.monotonic() - began_s < 3.5
    await jobs.close()


async def test_call_is_repeated_when_the_server_is_busy() -> None:
    with _answering((503, {}), (503, {}), (200, _RUN)) as (url, seen):
        jobs = PrefectJobs(url)
        run = await jobs.read_run("r1")
        await jobs.close()
    assert run is not None
    assert (run.state_type, run.has_ended, run.started_at) == ("RUNNING", False, None)
    assert seen == ["GET /api/flow_runs/r1"] * 3


async def test_call_fails_when_the_server_stays_busy() -> None:
    with _answering(*[(503, {})] * 4) as (url, _):
        jobs = PrefectJobs(url)
        with pytest.raises(JobsUnavailable, match="answered 503"):
            await jobs.read_run("r1")
        await jobs.close()


async def test_run_is_none_when_it_is_not_known() -> None:
    with _answering((404, {}), (404, {})) as (url, _):
        jobs = PrefectJobs(url)
        assert await jobs.read_run("r1") is None
        with pytest.raises(JobsUnavailable, match="announced"):
            await jobs.create_run("inspect-batch", {}, idempotency_key="k")
        await jobs.close()


async def test_run_is_left_alone_when_it_has_ended_before_it_is_cancelled() -> None:
    with _answering((200, {**_RUN, "state_type": "FAILED"})) as (url, seen):
        jobs = PrefectJobs(url)
        await jobs.cancel_run("r1")
        await jobs.close()
    assert seen == ["GET /api/flow_runs/r1"]


async def test_newest_line_is_the_flows_own_when_the_runner_wrote_later() -> None:
    lines = [
        {"name": "prefect.flow_runs.runner", "message": "exited"},
        {"name": "prefect.flow_runs", "message": "the reason"},
        {"name": "prefect.flow_runs", "message": "before"},
    ]
    with _answering((200, lines), (200, lines[:1]), (200, [])) as (url, _):
        jobs = PrefectJobs(url)
        assert await jobs.last_log_line("r1") == "the reason"
        assert await jobs.last_log_line("r1") == "exited"
        assert await jobs.last_log_line("r1") is None
        await jobs.close()
