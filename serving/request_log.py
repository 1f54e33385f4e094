"""One log line and one count per request; the last resort for errors that nobody expected."""

import time
from uuid import uuid4

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.error_responses import internal_error_response
from serving.metrics.registry import Metrics

_log = structlog.get_logger(__name__)
UNMATCHED = "unmatched"
CLIENT_LEFT = 499  # as nginx counts it: the client was gone before it could be answered


class RequestLog:
    """Logs method, route template, status and time: never the query string or a header, which may carry secrets."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = str(uuid4())
        began_at = time.perf_counter()
        status = 0

        async def send_noting_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, send_noting_status)
            except ClientDisconnect:
                # Nobody is there to be answered. A traceback for each would let anybody who leaves early fill the log.
                status = status or CLIENT_LEFT
            except Exception:  # noqa: BLE001 - the outermost frame of a request: log it, answer 500, go on
                _log.exception("unexpected_error", method=scope["method"], route=_template(scope))
                if status == 0:
                    await internal_error_response()(scope, receive, send_noting_status)
            seconds = time.perf_counter() - began_at
            self._metrics.observe_request(scope["method"], _template(scope), status, seconds)
            _log.info(
                "request",
                method=scope["method"],
                route=_template(scope),
                status=status,
                duration_ms=round(seconds * 1000, 2),
            )


def _template(scope: Scope) -> str:
    """The template of the route that answered, so that labels stay few."""
    return str(getattr(scope.get("route"), "path", UNMATCHED))
