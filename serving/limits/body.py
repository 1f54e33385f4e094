"""How much of a body is read, from whom, and how long we wait for it."""

import asyncio
import time
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.auth.tokens import TokenIssuer
from serving.error_responses import response_for
from serving.errors import BadRequest, NotAuthenticated, PayloadTooLarge, RequestTimeout, ServingError
from serving.limits.callers import claims_of, key_of
from serving.settings import Settings

FRAMING_BYTES = 64 * 1024  # what multipart adds around the picture and its few fields
JSON_BYTES = 1024 * 1024
ANONYMOUS_BYTES = 64 * 1024
# A client that sends a byte now and then never pauses for long. The slowest radio of a plant is ten times as fast.
LEAST_BYTES_PER_S: Final = 4096
IMPORT_PATH = "/api/v1/datasets/import"
# The only routes whose body is read without a token.
_OPEN_PATHS = frozenset({"/api/v1/auth/login", "/api/v1/auth/refresh"})


class _BodyRefused(Exception):  # noqa: N818 - never leaves this module
    """Unwinds the application when its client breaks a limit."""


class BodyLimit:
    """Answers 401, 408 or 413 while receiving, before anything is spooled."""

    def __init__(self, app: ASGIApp, *, settings: Settings, tokens: TokenIssuer) -> None:
        self._app = app
        self._tokens = tokens
        self._upload_bytes = settings.max_upload_bytes + FRAMING_BYTES
        self._import_bytes = settings.max_import_mb * 1024 * 1024 + FRAMING_BYTES
        self._timeout_s = settings.upload_timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not _has_body(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        try:
            limit = self._limit_for(scope)
        except ServingError as error:
            await _refuse(error, scope, receive, send)
            return
        guard = _Guard(receive, send, limit, self._timeout_s)
        try:
            await self._app(scope, guard.receive, guard.send)
        except _BodyRefused:
            if guard.answered:
                raise
        if guard.refusal is not None and not guard.answered:
            await _refuse(guard.refusal, scope, receive, send)

    def _limit_for(self, scope: Scope) -> int:
        """Bytes that may be read.

        Raises:
            NotAuthenticated: No valid token where one is needed.
            PayloadTooLarge: The announced length is above the limit.
            BadRequest: The announced length is no number.
        """
        headers = Headers(scope=scope)
        if scope["path"] in _OPEN_PATHS:
            limit = ANONYMOUS_BYTES
        elif claims_of(scope, self._tokens) is None and key_of(scope) is None:
            raise NotAuthenticated("a valid Bearer token or API key is needed")
        elif headers.get("content-type", "").strip().lower().startswith("multipart/form-data"):
            limit = self._import_bytes if scope["path"] == IMPORT_PATH else self._upload_bytes
        else:
            limit = JSON_BYTES
        announced = headers.get("content-length", "0")
        if not (announced.isascii() and announced.isdigit()):
            raise BadRequest("Content-Length must be a number")
        if int(announced) > limit:
            raise PayloadTooLarge(f"the body may have at most {limit} bytes")
        return limit


class _Guard:
    """`receive` and `send` of one request, with the limits built in."""

    def __init__(self, receive: Receive, send: Send, limit: int, timeout_s: float) -> None:
        self._receive = receive
        self._send = send
        self._left = limit
        self._limit = limit
        self._timeout_s = timeout_s
        self._waited_s = 0.0
        self._complete = False
        self.answered = False
        self.refusal: ServingError | None = None

    async def receive(self) -> Message:
        if self._complete:  # from here on it waits for a disconnect, however long the answer takes
            return await self._receive()
        if self.refusal is not None:
            raise _BodyRefused
        # Only the client's time counts: what we take to write things down is none of its doing.
        began_s = time.monotonic()
        left_s = self._timeout_s + (self._limit - self._left) / LEAST_BYTES_PER_S - self._waited_s
        try:
            async with asyncio.timeout(min(self._timeout_s, left_s)):
                message = await self._receive()
        except TimeoutError:
            pause = f"nothing was sent for {self._timeout_s:g} s"
            self._give_up(RequestTimeout(pause if left_s >= self._timeout_s else "the body is sent too slowly"))
        self._waited_s += time.monotonic() - began_s
        if message["type"] != "http.request":
            self._complete = True
            return message
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            self._give_up(PayloadTooLarge(f"the body may have at most {self._limit} bytes"))
        self._complete = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        # The framework turns our unwinding into an answer of its own: that one is dropped, ours follows.
        if self.refusal is not None and not self.answered:
            return
        self.answered = True
        await self._send(message)

    def _give_up(self, error: ServingError) -> None:
        self.refusal = error
        raise _BodyRefused


def _has_body(headers: Headers) -> bool:
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


async def _refuse(error: ServingError, scope: Scope, receive: Receive, send: Send) -> None:
    response = response_for(error)
    response.headers["Connection"] = "close"  # the rest of the body is not worth reading
    await response(scope, receive, send)
