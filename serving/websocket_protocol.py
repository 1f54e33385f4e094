"""The server's side of a WebSocket connection, for clients that stop reading.

uvicorn waits with every message, the closing one included, until the client has read what was sent before, and closes
a connection only when its last byte is gone. A client that never reads would keep its connection, its buffers and its
place for ever.
"""

from typing import Final

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

_GRACE_S: Final = 3.0  # a slow client may still read why it is cut off


class BoundedWebSocketProtocol(WebSocketsSansIOProtocol):
    """As uvicorn's, but a close is sent at once, and the connection is gone within seconds of it."""

    async def send(self, message: ASGISendEvent) -> None:
        """Send one event of the application."""
        closes = message["type"] == "websocket.close" and self.handshake_complete
        if closes:
            self.writable.set()
        await super().send(message)
        if closes:
            self._abort_soon()

    def keepalive_timeout(self) -> None:
        """End the connection of a client that does not answer."""
        super().keepalive_timeout()
        self._abort_soon()

    def shutdown(self) -> None:
        """End the connection because the server ends."""
        super().shutdown()
        self._abort_soon()

    def _abort_soon(self) -> None:
        # Does nothing to a connection that has closed by then.
        self.loop.call_later(_GRACE_S, self.transport.abort)
