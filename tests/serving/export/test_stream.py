"""An export while others come and go: it is sent as it is read, and ends with its client."""

import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from serving.export import repository, stream
from serving.export.repository import Place
from serving.inspections.repository import InspectionFilter
from tests.serving.past import Part, Past

START = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
_DEADLINE_S = 20.0


def _until(reached: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + _DEADLINE_S
    while not reached():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def _many(past: Past, count: int) -> None:
    # Rows of 2 kB: more than the buffers of a connection hold.
    padding = {"hold_reason": "x" * 500, "backend": "y" * 64, "image_path": "z" * 255}
    past.store(*(Part(START + timedelta(seconds=n), more=padding) for n in range(count)))


def test_export_ends_when_its_client_is_gone(app: FastAPI, viewer: httpx.Client, past: Past) -> None:
    _many(past, 20_000)
    exports = app.state.platform.exports
    pool = app.state.platform.database.engine.pool
    taken = pool.checkedout()  # the writer keeps its connection
    url = urlsplit(str(viewer.base_url))
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        client.connect((url.hostname, url.port))
        request = (
            f"GET /api/v1/export/csv HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {viewer.headers['Authorization']}"
        )
        client.sendall(f"{request}\r\n\r\n".encode())
        assert client.recv(1024).startswith(b"HTTP/1.1 200")
        _until(lambda: exports.running == 1)
        # Nobody reads: it waits, with nothing open in the database.
        _until(lambda: _stands_still(lambda: exports.pages))
        assert pool.checkedout() == taken
    _until(lambda: exports.running == 0)
    assert exports.pages < 20_000 // stream.PAGE_SIZE


def _stands_still(count: Callable[[], int]) -> bool:
    before = count()
    time.sleep(0.5)
    return count() == before


def test_export_breaks_off_when_the_database_fails_on_the_way(
    viewer: httpx.Client, past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    _many(past, 1600)
    read = repository.page

    def fail_later(*arguments: object) -> object:
        if arguments[3] is not None:
            past.database.engine.dispose()
            with past.database.read() as session:
                session.connection().execute(text("SELECT * FROM there_is_none"))
        return read(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(repository, "page", fail_later)
    with pytest.raises(httpx.RemoteProtocolError):  # never a file that looks whole
        viewer.get("/api/v1/export/csv")


def test_an_error_has_its_status_when_the_first_page_fails(
    viewer: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(session: object, *_: object) -> None:
        session.connection().execute(text("SELECT * FROM there_is_none"))  # type: ignore[attr-defined]

    monkeypatch.setattr(repository, "newest_of", fail)
    assert viewer.get("/api/v1/export/csv").status_code == 503


def test_what_comes_later_is_left_out_when_the_export_has_begun(
    viewer: httpx.Client, past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    past.store(*(Part(START + timedelta(seconds=n)) for n in range(1000)))
    read = repository.page

    def inspect_meanwhile(*arguments: object) -> object:
        past.store(Part(datetime.now(UTC)))
        return read(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(repository, "page", inspect_meanwhile)
    assert viewer.get("/api/v1/export/csv").text.count("\r\n") == 1 + 1000


def test_each_page_begins_where_the_last_one_ended_when_planned(past: Past) -> None:
    chosen = InspectionFilter(since=START, until=START + timedelta(days=9))
    query = repository.page_query(chosen, START, Place(START, "a"), 500)
    compiled = query.compile(dialect=past.database.engine.dialect, compile_kwargs={"literal_binds": True})
    with past.database.engine.connect() as connection:
        plan = [str(row[-1]) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}")]
    assert any("USING INDEX ix_inspections_time (created_at>? AND created_at<?)" in step for step in plan)
    assert not any("TEMP B-TREE" in step for step in plan), plan
