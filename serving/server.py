"""How the API is served: the one set of server options, for production and tests alike."""

import gc
import socket
from typing import Final

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from serving.http_protocol import BoundedHttpProtocol
from serving.platform import Platform
from serving.websocket_protocol import BoundedWebSocketProtocol

_SHUTDOWN_S = 10  # requests under way may finish; nobody waits longer
_MAX_CONNECTIONS = 512
# A request that no route takes, and that therefore passes by them all.
_NOWHERE: Final = {"type": "http", "method": "GET", "path": "/-/-/-/-", "root_path": "", "headers": []}
_MOST_MESSAGE_BYTES = 16 * 1024  # of a WebSocket's client, which sends tokens and nothing else


def server_config(app: ASGIApp, host: str, port: int) -> uvicorn.Config:
    """The options of the one server process (the database has one writer)."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,  # it writes query strings, which may carry signatures; serving.request_log does not
        proxy_headers=False,  # it would believe any X-Forwarded-For from this machine; serving.limits.peers decides
        server_header=False,
        timeout_graceful_shutdown=_SHUTDOWN_S,
        limit_concurrency=_MAX_CONNECTIONS,
        http=BoundedHttpProtocol,
        ws=BoundedWebSocketProtocol,
        ws_max_size=_MOST_MESSAGE_BYTES,
        ws_per_message_deflate=False,  # processor time and memory for each client, and the line has neither to spare
    )


class ApiServer(uvicorn.Server):
    """The server, with everything that was loaded before the first request taken out of the collector's rounds.

    A full round over all imported modules stops every thread for tens of milliseconds, in the middle of a takt. And
    FastAPI works out what its routes need when a request first passes by them, for a tenth of a second or two.
    """

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Load the application, then open the port."""
        if isinstance(self.config.app, FastAPI):
            for route in self.config.app.routes:
                route.matches(dict(_NOWHERE))
        await super().startup(sockets)
        gc.collect()
        gc.freeze()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer who waits for events, then wait for the requests under way."""
        platform = getattr(getattr(self.config.app, "state", None), "platform", None)
        if isinstance(platform, Platform):
            platform.events.close()
        await super().shutdown(sockets)
