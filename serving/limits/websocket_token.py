"""The token of a WebSocket's handshake, and how it stays out of what the server writes down.

A page cannot send a header with a WebSocket, so the token stands in the query string or among the subprotocols. The
server logs the URL of each handshake at INFO, whether its access log is on or off.
"""

from typing import Final
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

TOKEN_PROTOCOL: Final = "ussop.token."  # noqa: S105 - the name of the place, not a token
_KEY: Final = "ussop.query_token"
_PARAMETER: Final = "token"


class QueryToken:
    """Moves `token` from the query string to a place that only `websocket_token_of` reads."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "websocket":
            # In place: the server logs from this very mapping.
            pairs = parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
            scope[_KEY] = next((value for name, value in pairs if name == _PARAMETER), None)
            scope["query_string"] = urlencode([pair for pair in pairs if pair[0] != _PARAMETER]).encode("ascii")
        await self._app(scope, receive, send)


def websocket_token_of(scope: Scope) -> str | None:
    """The token or API key of a handshake: from a header, a subprotocol or the URL; None without one."""
    headers = Headers(scope=scope)
    if "x-api-key" in headers:
        return headers["x-api-key"].strip()
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    for protocol in scope.get("subprotocols", []):
        if protocol.startswith(TOKEN_PROTOCOL):
            return str(protocol.removeprefix(TOKEN_PROTOCOL))
    from_url: str | None = scope.get(_KEY)
    return from_url
