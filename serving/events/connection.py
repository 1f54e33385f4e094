"""One WebSocket from its handshake to its end."""

import asyncio
import time
from collections import deque
from typing import Any, Final

import structlog
from anyio import to_thread
from starlette.websockets import WebSocket, WebSocketDisconnect

from serving.errors import BadRequest, Forbidden, NotAuthenticated, ServingError
from serving.events import client as endings
from serving.events.client import Client, Ending
from serving.events.entry import admit
from serving.events.guest import Guest
from serving.events.messages import Message, tell
from serving.events.reader import PAGE_SIZE, Reset
from serving.events.wishes import read_message, wishes_of
from serving.limits.websocket_token import websocket_token_of
from serving.platform import Platform

FIRST_MESSAGE_S: Final = 5.0
SEND_S: Final = 10.0
_CLOSE_S: Final = 2.0
_FIND_PLACE_S: Final = 5.0
# The newest number may not be known here yet, where it came from another process.
_UNKNOWN_S: Final = 2.0
_MOST_MESSAGES: Final = 20
_WINDOW_S: Final = 10.0
_log = structlog.get_logger(__name__)


class _Ended(Exception):  # noqa: N818 - never leaves this module
    """Unwinds a connection that we close."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.reason)
        self.ending = ending


async def follow(platform: Platform, websocket: WebSocket) -> None:
    """Serve an accepted connection until the client or we have had enough of it."""
    connection = _Connection(platform, websocket)
    ending: Ending | None = None
    try:
        ending = await connection.run()
    except _Ended as ended:
        ending = ended.ending
    except WebSocketDisconnect:
        return
    except ServingError as error:
        _log.warning("websocket_failed", error=str(error))
        ending = endings.NOT_READY
    if ending is None:
        return
    platform.events.metrics.count_dropped(ending.kind)
    _log.info("websocket_closed", code=ending.code, reason=ending.reason)
    try:
        async with asyncio.timeout(_CLOSE_S):
            await websocket.close(ending.code, ending.reason)
    except (TimeoutError, WebSocketDisconnect, RuntimeError):
        return  # gone already, one way or another


class _Connection:
    """What one connection needs."""

    def __init__(self, platform: Platform, websocket: WebSocket) -> None:
        self._platform = platform
        self._events = platform.events
        self._socket = websocket
        self._received_s: deque[float] = deque(maxlen=_MOST_MESSAGES)

    async def run(self) -> Ending | None:
        """Why we end the connection; None where the client has ended it."""
        guest = await self._authenticate()
        try:
            choice, after = wishes_of(self._socket.query_params, guest.stations)
        except BadRequest as error:
            raise _Ended(Ending(1008, str(error), "request")) from error
        except Forbidden as error:
            raise _Ended(Ending(4403, str(error), "role")) from error
        if (refusal := self._events.hub.enter(guest.id)) is not None:
            return refusal
        client = Client(guest, choice)
        try:
            self._events.sessions.add(client)
            return await self._serve(client, after)
        finally:
            self._events.sessions.remove(client)
            self._events.hub.leave(guest.id, client)

    async def _serve(self, client: Client, after: int | None) -> Ending | None:
        tasks = [
            asyncio.create_task(self._send_all(client, after), name="websocket-sender"),
            asyncio.create_task(self._receive_all(client), name="websocket-receiver"),
            asyncio.create_task(client.ended.wait(), name="websocket-end"),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        if client.ending is not None:
            return client.ending
        for task, outcome in zip(tasks, outcomes, strict=True):
            if task in done and isinstance(outcome, BaseException):
                raise outcome
        return None

    async def _authenticate(self) -> Guest:
        """Whose connection it is: by the handshake, else by the first message.

        Raises:
            _Ended: Nobody's.
        """
        token = websocket_token_of(self._socket.scope)
        if token is None:
            try:
                if not self._events.hub.wait_for_token():
                    raise _Ended(endings.TOO_MANY)
                async with asyncio.timeout(FIRST_MESSAGE_S):
                    token = read_message(await self._receive()).token
            except TimeoutError as error:
                raise _Ended(endings.NO_TOKEN) from error
            except BadRequest as error:
                raise _Ended(Ending(4401, "the first message must bring the token", "token")) from error
            finally:
                self._events.hub.has_token()
        try:
            return await admit(self._platform, token)
        except NotAuthenticated as error:
            raise _Ended(endings.UNAUTHENTICATED) from error
        except Forbidden as error:
            raise _Ended(endings.FORBIDDEN) from error

    async def _send_all(self, client: Client, after: int | None) -> None:
        """Send what was missed, then what comes."""
        position = await self._place()
        client.position = position if after is None else after
        is_greeted = False
        while not self._events.hub.join(client):
            messages = await self._missed(client)
            if not is_greeted:
                is_greeted = True
                await self._send(await self._events.pulse.greet(client))
            for message in messages:
                await self._send(message)
        if not is_greeted:
            await self._send(await self._events.pulse.greet(client))
        while True:
            await self._send(await client.take())

    async def _place(self) -> int:
        hub = self._events.hub
        await self._events.catch_up()
        if hub.position is None:
            await hub.wait_beyond(-1, _FIND_PLACE_S)
        if hub.position is None:
            raise _Ended(endings.NOT_READY)
        return hub.position

    async def _missed(self, client: Client) -> list[Message]:
        """The next messages that the client has missed; its position moves on."""
        hub = self._events.hub
        if client.position > (hub.position or 0):
            await hub.wait_beyond(client.position - 1, _UNKNOWN_S)
        page = await to_thread.run_sync(
            self._events.reader.resume,
            client.choice,
            client.position,
            hub.position or 0,
            PAGE_SIZE,
            limiter=self._events.reading_slots,
        )
        if isinstance(page, Reset):
            client.position = page.newest_seq
            return [tell("reset", page.newest_seq, self._platform.clock(), page.to_json())]
        client.position = page.last_seq
        return list(page.messages)

    async def _send(self, message: Message) -> None:
        try:
            async with asyncio.timeout(SEND_S):
                await self._socket.send_text(message.text)
        except TimeoutError as error:
            raise _Ended(endings.TOO_SLOW) from error

    async def _receive_all(self, client: Client) -> None:
        while True:
            text = await self._receive()
            try:
                client.guest = guest = await self._next_guest(client.guest, read_message(text).token)
                ends_at = guest.expires_at and guest.expires_at.isoformat().replace("+00:00", "Z")
                kind, data = "auth", {"expires_at": ends_at}
            except (BadRequest, NotAuthenticated, Forbidden) as error:
                kind, data = "error", {"detail": str(error), "code": error.code}
            client.offer(tell(kind, client.position, self._platform.clock(), data))

    async def _next_guest(self, present: Guest, token: str) -> Guest:
        guest = await admit(self._platform, token)
        if (guest.id, guest.stations) != (present.id, present.stations):
            raise Forbidden("the token is another user's: open another connection")
        return guest

    async def _receive(self) -> str | None:
        """The text of the client's next message, None for bytes.

        Raises:
            WebSocketDisconnect: The client has gone.
            _Ended: It sends too many.
        """
        message: dict[str, Any] = dict(await self._socket.receive())
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        now_s = time.monotonic()
        if len(self._received_s) == _MOST_MESSAGES and now_s - self._received_s[0] < _WINDOW_S:
            raise _Ended(endings.CHATTY)
        self._received_s.append(now_s)
        text: str | None = message.get("text")
        return text
