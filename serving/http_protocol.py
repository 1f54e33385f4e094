"""The server's side of an HTTP connection, for clients that send slowly, without end, or nonsense.

uvicorn waits for the head of a request as long as the client likes, keeps as much of it as the client sends, and
answers what is no HTTP, or comes when too many are connected, in plain text and without the headers that every answer
of ours has.
"""

import asyncio
from typing import Any, Final

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http import httptools_impl
from uvicorn.protocols.http.flow_control import service_unavailable

from serving.error_responses import error_response, response_for
from serving.errors import Overloaded
from serving.limits.headers import set_security_headers

HEAD_S: Final = 10.0  # what a request line and its headers may take
MOST_HEAD_BYTES: Final = 32 * 1024
_STATUSES: Final = {
    400: ("Bad Request", "this is no HTTP request", "bad_request"),
    408: ("Request Timeout", "the request was not sent in time", "request_timeout"),
    431: ("Request Header Fields Too Large", "the head of the request is too large", "too_large"),
}


class _HeadTooLarge(Exception):  # noqa: N818 - never leaves this module
    """Stops the parser."""


class BoundedHttpProtocol(httptools_impl.HttpToolsProtocol):
    """As uvicorn's, with a bound to the time and the size of a request's head."""

    _in_head = False
    _head_bytes = 0
    _is_too_large = False
    _is_handed_over = False
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """A client has connected, and must say something."""
        super().connection_made(transport)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and see that what it waits for comes to an end."""
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._is_handed_over or self.transport.is_closing():
            return
        if self._in_head and self._head_bytes > MOST_HEAD_BYTES:
            self._refuse(431)
        elif self._in_head or self.cycle is None or self.cycle.response_complete:
            # Nobody works on this connection: neither a head nor the rest of a body may trickle in for ever.
            self._arm()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0

    def on_url(self, url: bytes) -> None:
        """A piece of the request line."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; those that follow a body in chunks count too."""
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is complete, and somebody works on the request."""
        self._in_head = False
        self._disarm()
        super().on_headers_complete()

    def handle_websocket_upgrade(self) -> None:
        """From here on the connection is a WebSocket, which may be silent for as long as it likes."""
        self._is_handed_over = True
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        """Answer what the parser refused."""
        del msg
        self._refuse(431 if self._is_too_large else 400)

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        super()._start_asgi_task(cycle, _overloaded if app is service_unavailable else app)  # type: ignore[arg-type]

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > 2 * MOST_HEAD_BYTES:  # a piece may have been counted when it came, and again here
            self._is_too_large = True
            raise _HeadTooLarge

    def _arm(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_S, self._give_up)

    def _disarm(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        self._head_timer = None
        if self.transport.is_closing():
            return
        if self._in_head:
            self._refuse(408)
        else:
            self.transport.close()

    def _refuse(self, status: int) -> None:
        """Answer and close. Nothing of the request is repeated."""
        reason, detail, code = _STATUSES[status]
        response = error_response(status, detail, code, {"Connection": "close"})
        set_security_headers(response.headers)
        lines = [f"HTTP/1.1 {status} {reason}".encode()]
        lines += [name + b": " + value for name, value in response.raw_headers]
        self.transport.write(b"\r\n".join(lines) + b"\r\n\r\n" + bytes(response.body))
        self.transport.close()


async def _overloaded(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers when too many are connected."""
    response = response_for(Overloaded("too many connections", retry_after_s=1))
    response.headers["Connection"] = "close"
    set_security_headers(response.headers)
    await response(scope, receive, send)
