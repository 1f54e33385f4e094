"""What is read of a request, from whom and for how long: sizes, framings, endless heads, slow senders."""

from collections.abc import Iterator
from itertools import chain, repeat
from threading import Thread
from typing import Final

import httpx
import pytest

from models.bundle import Bundle
from serving import http_protocol
from serving.app import create_app
from serving.limits import body
from serving.settings import Settings
from tests.contracts.running import Running
from tests.prove.plugin import Proof
from tests.security.raw import Answer, head, talk, temporary_files
from tests.serving.conftest import log_in
from tests.serving.server import serve

_MIB: Final = 1024 * 1024
_INSPECT: Final = "/api/v1/inspect"
_OPENING: Final = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
_CLOSING: Final = b"\r\n--b--\r\n"
_FORM: Final = "Content-Type: multipart/form-data; boundary=b"


def _token(platform: Running, role: str = "operator") -> str:
    return platform.callers[role]["Authorization"].removeprefix("Bearer ")


def _picture(size: int) -> Iterator[bytes]:
    yield b"\xff\xd8\xff"
    left = size - 3
    while left > 0:
        yield bytes(min(left, 256 * 1024))
        left -= 256 * 1024


def _in_chunks(pieces: Iterator[bytes] | chain[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        yield f"{len(piece):x}\r\n".encode() + piece + b"\r\n"
    yield b"0\r\n\r\n"


def _require_refusal(answer: Answer, *statuses: int) -> None:
    assert answer.status in statuses, answer
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.prove("uploads", "pictures around the limit of 20 MiB, announced and in chunks")
def test_picture_is_read_up_to_the_limit_and_no_further_when_sent_in_any_way(platform: Running, proof: Proof) -> None:
    limit, outcomes = 20 * _MIB, []
    for size in proof.size(short=(limit, limit + 1), full=(1, limit - 1, limit, limit + 1, limit + 70_000, 2 * limit)):
        for announced in (True, False):
            parts = chain([_OPENING], _picture(size), [_CLOSING])
            framing = f"Content-Length: {len(_OPENING) + max(size, 3) + len(_CLOSING)}"
            lines = (_FORM, framing) if announced else (_FORM, "Transfer-Encoding: chunked")
            pieces = parts if announced else _in_chunks(parts)
            answer = talk(platform.url, chain([head("POST", _INSPECT, *lines, token=_token(platform))], pieces))
            outcomes.append((size, announced, answer.status))
    proof.note(uploads=len(outcomes), wrong=sum(status != (413 if s > limit else 422) for s, _, status in outcomes))
    # What is not too large is read as a whole, and found to be no picture. An upload cut short is closed upon.
    assert [each for each in outcomes if each[2] not in ({413, 0} if each[0] > limit else {422})] == []


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.prove("uploads", "100 MiB of nobody: bytes that reach the disk")
def test_nothing_is_spooled_when_nobody_sends_much(platform: Running, proof: Proof, *, chunked: bool) -> None:
    wanted, seen, before = proof.size(short=8, full=100) * _MIB, [0], temporary_files().keys()

    def pieces() -> Iterator[bytes]:
        yield head("POST", _INSPECT, _FORM, "Transfer-Encoding: chunked" if chunked else f"Content-Length: {wanted}")
        for piece in chain([_OPENING], _picture(wanted)):
            yield f"{len(piece):x}\r\n".encode() + piece + b"\r\n" if chunked else piece
            seen.append(sum(size for inode, size in temporary_files().items() if inode not in before))

    answer = talk(platform.url, pieces())
    proof.note(announced_mib=wanted // _MIB, spooled_bytes=max(seen), status=answer.status)
    assert max(seen) == 0
    assert answer.status in {401, 0}  # it may have closed while we were sending


# A body that ends early leaves its file to the collector, in Starlette.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_length_that_lies_makes_no_inspection_when_it_is_believed(platform: Running, operator: httpx.Client) -> None:
    before = operator.get("/api/v1/inspections").json()["total"]
    whole = _OPENING + b"\xff\xd8\xff" + bytes(1000) + _CLOSING
    token = _token(platform)
    short = head("POST", _INSPECT, _FORM, f"Content-Length: {len(whole) // 2}", token=token)
    answer = talk(platform.url, [short + whole], closes=True)
    assert answer.status in {400, 422}
    long = head("POST", _INSPECT, _FORM, f"Content-Length: {len(whole) + 500}", token=token)
    assert talk(platform.url, [long + whole], closes=True).status in {0, 400, 408}
    twice = head("POST", _INSPECT, _FORM, "Content-Length: 10", "Transfer-Encoding: chunked", token=token)
    assert talk(platform.url, [twice + whole], closes=True).status == 400
    two = head("POST", _INSPECT, _FORM, "Content-Length: 10", f"Content-Length: {len(whole)}", token=token)
    assert talk(platform.url, [two + whole], closes=True).status == 400
    assert operator.get("/api/v1/inspections").json()["total"] == before


_ENDLESS: Final = {
    "headers": (b"GET / HTTP/1.1\r\nHost: localhost\r\n", b"X-A: " + b"a" * 1000 + b"\r\n"),
    "one header": (b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ", b"a" * 1000),
    "a request line": (b"GET /", b"a" * 1000),
    "headers without a value": (b"GET / HTTP/1.1\r\nHost: localhost\r\n", b"a: \r\n" * 200),
}


@pytest.mark.parametrize("what", _ENDLESS)
@pytest.mark.prove("uploads", "heads of requests that never end")
def test_connection_ends_when_a_head_does_not(platform: Running, proof: Proof, what: str) -> None:
    begin, more = _ENDLESS[what]
    sent = [0]

    def pieces() -> Iterator[bytes]:
        yield begin
        for piece in repeat(more, 20_000):
            sent[0] += len(piece)
            yield piece

    answer = talk(platform.url, pieces())
    proof.note(sent_kib=sent[0] // 1024, status=answer.status)
    if answer.status:  # else it was closed upon while we were sending
        _require_refusal(answer, 431)
    assert sent[0] < 19_000 * len(more)


def test_connection_ends_when_what_follows_the_chunks_does_not(platform: Running) -> None:
    opening = head("POST", "/api/v1/auth/login", "Content-Type: application/json", "Transfer-Encoding: chunked")
    sent = [0]

    def pieces() -> Iterator[bytes]:
        yield opening + b"2\r\n{}\r\n0\r\n"
        for piece in repeat(b"X-A: " + b"a" * 1000 + b"\r\n", 20_000):
            sent[0] += len(piece)
            yield piece

    talk(platform.url, pieces())
    assert sent[0] < 19_000_000


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32),  # a TLS client hello
        b"GET / HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET\0/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n",
        b"GET / HTTP/1.1\nHost: localhost\r\n X: folded\r\n\r\n",
        b"POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n",
    ],
)
def test_answer_has_every_header_when_the_request_is_no_http(platform: Running, nonsense: bytes) -> None:
    answer = talk(platform.url, [nonsense], closes=True)
    assert answer.status in {0, 400}
    if answer.status:
        _require_refusal(answer, 400)
        assert b'"code":' in answer.body


@pytest.fixture
def impatient(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, str]]:
    """A platform that waits half a second where the usual one waits ten, and a token."""
    monkeypatch.setattr(http_protocol, "HEAD_S", 0.5)
    monkeypatch.setattr(body, "LEAST_BYTES_PER_S", 1000)
    with serve(create_app(settings.model_copy(update={"upload_timeout_s": 0.5}))) as url:
        with httpx.Client(base_url=url, trust_env=False, timeout=30.0) as client:
            token = log_in(client, "operator")
        yield url, token


def _slow(url: str, token: str) -> dict[str, tuple[bytes, bytes]]:
    upload = head("POST", _INSPECT, _FORM, "Content-Length: 100000", token=token)
    login = head("POST", "/api/v1/auth/login", "Content-Type: application/json", "Content-Length: 60000")
    return {
        "nothing at all": (b"", b""),
        "a head": (b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\n", b"X-A: a\r\n"),
        "a request line": (b"GET /api", b"a"),
        "line ends": (b"", b"\r\n"),
        "a picture": (upload + _OPENING, b"x"),
        "a login": (login, b"{"),
        "the head of a second request": (head("GET", "/api/v1/health") + b"GET /", b"a"),
    }


@pytest.mark.prove("uploads", "senders of one byte in a tenth of a second (slowloris)")
def test_connection_ends_when_its_client_hardly_sends(impatient: tuple[str, str], proof: Proof) -> None:
    url, token = impatient
    answers: dict[str, Answer] = {}

    def send(name: str, begin: bytes, more: bytes) -> None:
        answers[name] = talk(url, chain([begin], repeat(more, 300)), pause_s=0.1)

    each = proof.size(short=1, full=8)
    slow = [(f"{name} {number}", *pieces) for number in range(each) for name, pieces in _slow(url, token).items()]
    threads = [Thread(target=send, args=arguments) for arguments in slow]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    worst_s = max(answer.took_s for answer in answers.values())
    proof.note(senders=len(slow), closed=len(answers), limit_s=0.5, slowest_s=round(worst_s, 2))
    assert len(answers) == len(slow)
    assert worst_s < 25  # 300 pieces would take 30 s
    for number in range(each):
        for name in ("a head", "a picture", "a login", "a request line"):
            _require_refusal(answers[f"{name} {number}"], 408)


def test_honest_client_is_served_when_others_hold_every_connection(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tiny_bundle: Bundle
) -> None:
    monkeypatch.setattr("serving.server._MAX_CONNECTIONS", 10)
    monkeypatch.setattr(http_protocol, "HEAD_S", 0.5)
    with serve(create_app(settings)) as url, httpx.Client(base_url=url, trust_env=False, timeout=30.0) as client:
        holders = [Thread(target=talk, args=(url, [b"GET /"])) for _ in range(12)]
        for holder in holders:
            holder.start()
        refused = talk(url, [head("GET", "/api/v1/health")])
        if refused.status != 200:
            _require_refusal(refused, 503)
            assert refused.headers["retry-after"] == "1"
        for holder in holders:
            holder.join(60)
        assert client.get("/api/v1/health").status_code == 200
