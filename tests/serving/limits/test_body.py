"""What is read of a body, from whom, and for how long: over a real socket."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from serving.limits.body import FRAMING_BYTES
from serving.settings import Settings
from tests.serving.conftest import bearer

_MIB = 1024 * 1024
_INSPECT = "/api/v1/inspect"
_FILE_PART = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"max_upload_mb": 1, "upload_timeout_s": 0.5})


def _chunks(total: int, size: int = 64 * 1024) -> Iterator[bytes]:
    for start in range(0, total, size):
        yield b"x" * min(size, total - start)


@contextmanager
def _raw(client: httpx.Client, request: str) -> Iterator[socket.socket]:
    """A connection on which the head of a request was sent."""
    address = urlsplit(str(client.base_url))
    assert address.hostname is not None
    with socket.create_connection((address.hostname, address.port or 80), timeout=15) as connection:
        connection.sendall(request.replace("\n", "\r\n").encode())
        yield connection


def _answer(connection: socket.socket) -> bytes:
    """Everything that the server sends until it closes the connection."""
    received = b""
    while piece := connection.recv(65536):
        received += piece
    return received


def _head(content: str, token: str | None = None) -> str:
    authorization = f"Authorization: Bearer {token}\n" if token else ""
    return f"POST {_INSPECT} HTTP/1.1\nHost: localhost\n{authorization}{content}\n"


def _open_temporary_bytes() -> int:
    """Bytes in deleted files that this process holds open: where a spooled upload would be."""
    total = 0
    for entry in Path("/proc/self/fd").iterdir():
        try:
            if "(deleted)" in str(entry.readlink()):
                total += entry.stat().st_size
        except OSError:
            continue
    return total


@pytest.mark.parametrize("token", ["", "Authorization: Bearer a.b.c\n"])
def test_anonymous_body_is_refused_unread_when_it_is_announced(client: httpx.Client, token: str) -> None:
    head = f"POST {_INSPECT} HTTP/1.1\nHost: localhost\n{token}Content-Length: {100 * _MIB}\n\n"
    with _raw(client, head) as connection:  # not one byte of the body is sent
        answer = _answer(connection)
    assert answer.startswith(b"HTTP/1.1 401")
    assert b'"code":"not_authenticated"' in answer


def test_anonymous_body_is_refused_unspooled_when_it_comes_in_chunks(client: httpx.Client) -> None:
    before = _open_temporary_bytes()
    head = _head("Content-Type: multipart/form-data; boundary=b\nTransfer-Encoding: chunked\n")
    with _raw(client, head) as connection:
        with suppress(ConnectionError):  # it may have closed before all was sent
            for piece in (_FILE_PART, *_chunks(3 * _MIB)):
                connection.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                assert _open_temporary_bytes() - before < 64 * 1024
        with suppress(ConnectionError):
            assert _answer(connection).startswith(b"HTTP/1.1 401")


@pytest.mark.parametrize("path", ["/nowhere", "/static/images/x", "/api/v1/auth/logout", "/docs"])
def test_anonymous_body_is_refused_when_the_route_is_another(client: httpx.Client, path: str) -> None:
    assert client.post(path, content=_chunks(_MIB)).status_code == 401


@pytest.mark.parametrize("path", ["/api/v1/auth/login", "/api/v1/auth/refresh"])
def test_open_routes_read_only_a_little_when_nobody_is_known(client: httpx.Client, path: str) -> None:
    headers = {"Content-Type": "application/json"}
    assert client.post(path, content=_chunks(65537), headers=headers).status_code == 413
    assert client.post(path, content=b"x" * 65537, headers=headers).status_code == 413
    assert client.post(path, content=b" " * 65536, headers=headers).status_code == 400


@pytest.mark.parametrize("chunked", [False, True])
def test_upload_is_refused_while_receiving_when_it_is_too_large(
    client: httpx.Client, operator_token: str, *, chunked: bool
) -> None:
    headers = bearer(operator_token) | {"Content-Type": "multipart/form-data; boundary=b"}
    size = _MIB + FRAMING_BYTES + 1 - len(_FILE_PART)
    content = chain([_FILE_PART], _chunks(size)) if chunked else _FILE_PART + b"x" * size
    response = client.post(_INSPECT, content=content, headers=headers)
    assert (response.status_code, response.json()["code"]) == (413, "too_large")


def test_upload_is_not_too_large_when_it_is_just_within(client: httpx.Client, operator_token: str) -> None:
    picture = b"\xff\xd8\xff" + b"\0" * (_MIB - 3)
    response = client.post(_INSPECT, files={"file": ("a.jpg", picture)}, headers=bearer(operator_token))
    assert response.status_code == 422  # read as a whole, and found not to be a picture
    response = client.post(_INSPECT, files={"file": ("a.jpg", picture + b"\0")}, headers=bearer(operator_token))
    assert response.status_code == 413


def test_json_is_refused_when_it_is_larger_than_one_mebibyte(client: httpx.Client, engineer_token: str) -> None:
    headers = bearer(engineer_token) | {"Content-Type": "application/json"}
    response = client.put("/api/v1/stations/a", content=_chunks(_MIB + 1), headers=headers)
    assert response.status_code == 413


def test_client_is_dropped_when_it_stops_sending(client: httpx.Client, operator_token: str) -> None:
    content = "Content-Type: multipart/form-data; boundary=b\nContent-Length: 1000\n"
    began_s = time.monotonic()
    with _raw(client, _head(content, operator_token)) as connection:
        connection.sendall(b"--b\r\n")
        answer = _answer(connection)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b'"code":"request_timeout"' in answer
    assert 0.4 < time.monotonic() - began_s < 5.0


def test_no_inspection_is_made_when_the_client_leaves_early(client: httpx.Client, operator_token: str) -> None:
    content = "Content-Type: multipart/form-data; boundary=b\nContent-Length: 1000\n"
    with _raw(client, _head(content, operator_token)) as connection:
        connection.sendall(b"--b\r\n")
    listed = client.get("/api/v1/inspections", headers=bearer(operator_token)).json()
    assert listed["total"] == 0


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "abc"])
def test_request_is_refused_when_its_length_is_no_number(
    client: httpx.Client, operator_token: str, length: str
) -> None:
    with _raw(client, _head(f"Content-Length: {length}\n", operator_token)) as connection:
        assert _answer(connection).startswith(b"HTTP/1.1 400")


def test_server_still_serves_when_many_bodies_were_refused(client: httpx.Client, operator_token: str) -> None:
    for _ in range(20):
        client.post(_INSPECT, content=_chunks(_MIB))
    assert client.get("/api/v1/auth/me", headers=bearer(operator_token)).status_code == 200
