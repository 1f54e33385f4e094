"""The dashboard at `/`: its built files, and its first page for every address that belongs to one of its pages.

The pages have addresses of their own (`/history/<id>`), which only the browser knows: a reload there asks us, and is
answered with the first page. Whatever lies below the API's own prefixes stays an error of the API.
"""

from pathlib import Path
from typing import Final

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.settings import Settings

INDEX: Final = "index.html"
# Their names hold a digest of their content: the same name never means anything else.
_HASHED_FOLDER: Final = "assets"
_IMMUTABLE: Final = "public, max-age=31536000, immutable"
_ASK_AGAIN: Final = "no-cache"
_NOT_PAGES: Final = frozenset(
    {"api", "static", "static-docs", "ws", "docs", "redoc", "openapi.json", "metrics", _HASHED_FOLDER}
)
_NOT_BUILT: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Ussop</title></head><body>
<h1>Ussop is running; its dashboard is not built</h1>
<p>Install Node.js 20 or newer, then run <code>make dashboard</code> and load this page again. The API needs no
dashboard: see <a href="/docs">its documentation</a>.</p>
</body></html>
"""


def add_dashboard(app: FastAPI, settings: Settings) -> None:
    """Serve the dashboard wherever no route answers."""
    # Not a route that takes every path: it would answer 405 where now 404 says that there is nothing.
    app.router.default = _Pages(settings.dashboard_dir, app.router.default)


class _Pages:
    """One folder of built files. What is in it is looked up at each request: it may be built while the API runs."""

    def __init__(self, folder: Path, otherwise: ASGIApp) -> None:
        self._folder = folder.resolve()
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request that no route has taken."""
        answer = None
        if scope["type"] == "http" and scope["method"] in {"GET", "HEAD"}:
            answer = await run_in_threadpool(self._answer, scope)
        await (answer or self._otherwise)(scope, receive, send)

    def _answer(self, scope: Scope) -> Response | None:
        """The file or the first page; None where there is nothing."""
        path = scope["path"].removeprefix("/")
        file = self._file(path)
        if file is not None:
            is_hashed = path.startswith(f"{_HASHED_FOLDER}/")
            return FileResponse(file, headers={"Cache-Control": _IMMUTABLE if is_hashed else _ASK_AGAIN})
        if path.partition("/")[0] in _NOT_PAGES or not _wants_page(scope):
            return None
        index = self._file(INDEX)
        if index is None:
            return HTMLResponse(_NOT_BUILT, status_code=503, headers={"Cache-Control": "no-store"})
        return FileResponse(index, headers={"Cache-Control": _ASK_AGAIN})

    def _file(self, path: str) -> Path | None:
        """The built file of that name, None where there is none, or where it lies outside the folder."""
        if not path or "\0" in path:
            return None
        try:
            file = (self._folder / path).resolve()
            return file if file.is_relative_to(self._folder) and file.is_file() else None
        except OSError:  # a name longer than the file system takes
            return None


def _wants_page(scope: Scope) -> bool:
    """Whether a browser asks for a page, and not a program for something that is not there."""
    return "text/html" in Headers(scope=scope).get("accept", "")
