"""Requests byte by byte, as no honest client sends them."""

import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

DEADLINE_S = 60.0


class Answer(NamedTuple):
    """What came back.

    Attributes:
        status: 0 where the server closed without a word.
        headers: Names in small letters.
        body: As it came; chunks are not put together.
        took_s: Seconds until the connection was closed or the answer was there.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    took_s: float


@contextmanager
def connected(url: str) -> Iterator[socket.socket]:
    """A connection to the server of `url`."""
    address = urlsplit(url)
    assert address.hostname is not None
    with socket.create_connection((address.hostname, address.port or 80), timeout=DEADLINE_S) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield connection


def talk(url: str, pieces: Iterable[bytes], *, pause_s: float = 0.0, closes: bool = False) -> Answer:
    """The answer to these pieces, sent one after the other as long as the server listens.

    Args:
        url: Of the server.
        pieces: What to send.
        pause_s: Seconds between two of them; during them the server's answer is looked for.
        closes: Whether to say after the last one that nothing more comes.
    """
    began_s = time.monotonic()
    with connected(url) as connection:
        received = b""
        with suppress(ConnectionError):
            for piece in pieces:
                connection.sendall(piece)
                if pause_s and (received := _heard_within(connection, pause_s)):
                    break
            if closes:
                connection.shutdown(socket.SHUT_WR)
        connection.settimeout(DEADLINE_S)
        with suppress(ConnectionError):
            while not _is_complete(received) and (more := connection.recv(65536)):
                received += more
        return _parsed(received, time.monotonic() - began_s)


def head(method: str, path: str, *lines: str, token: str | None = None) -> bytes:
    """The head of a request."""
    given = [f"{method} {path} HTTP/1.1", "Host: localhost", *lines]
    if token is not None:
        given.append(f"Authorization: Bearer {token}")
    return "\r\n".join([*given, "", ""]).encode("latin-1")


def temporary_files() -> dict[int, int]:
    """Sizes of the deleted files that this process holds open, by inode: what is spooled lies in one."""
    found = {}
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            if "(deleted)" in str(entry.readlink()):
                what = entry.stat()
                found[what.st_ino] = what.st_size
    return found


def _heard_within(connection: socket.socket, pause_s: float) -> bytes:
    connection.settimeout(pause_s)
    try:
        return connection.recv(65536) or b"\0"
    except TimeoutError:
        return b""


def _is_complete(received: bytes) -> bool:
    top, found, body = received.partition(b"\r\n\r\n")
    length = next((line for line in top.lower().split(b"\r\n") if line.startswith(b"content-length:")), None)
    return bool(found) and length is not None and len(body) >= int(length.partition(b":")[2])


def _parsed(received: bytes, took_s: float) -> Answer:
    top, _, body = received.partition(b"\r\n\r\n")
    first, *lines = top.decode("latin-1").split("\r\n")
    if not first.startswith("HTTP/1.1 "):
        return Answer(0, {}, b"", took_s)
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answer(int(first.split()[1]), headers, body, took_s)
