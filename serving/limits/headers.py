"""The security headers of every answer, errors included."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.error_responses import error_response
from serving.limits.peers import Peers

_CSP = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "font-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # A tablet at the line uses its own camera from our page; nobody else's page gets anything.
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}


_HSTS = "max-age=31536000"  # RFC 6797; subdomains are none of our business


def set_security_headers(headers: MutableHeaders) -> None:
    """Adds each header that is not set yet."""
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)


class SecurityHeaders:
    """Adds each header that the route has not set itself, also to the refusal of a WebSocket."""

    def __init__(self, app: ASGIApp, *, peers: Peers) -> None:
        self._app = app
        self._peers = peers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return

        is_open = scope["type"] == "http"

        async def send_with_headers(message: Message) -> None:
            nonlocal is_open
            if message["type"] == "websocket.accept":
                is_open = True
            elif message["type"] == "websocket.close" and not is_open:
                # Left alone, the server would refuse the handshake with a bare 403.
                await error_response(403, "there is no such WebSocket", "forbidden")(scope, receive, send_with_headers)
                return
            if message["type"] in {"http.response.start", "websocket.http.response.start"}:
                headers = MutableHeaders(scope=message)
                set_security_headers(headers)
                if scope["path"].startswith("/api/"):
                    headers.setdefault("Cache-Control", "no-store")
                if self._peers.came_encrypted(scope):
                    headers.setdefault("Strict-Transport-Security", _HSTS)
            await send(message)

        await self._app(scope, receive, send_with_headers)
