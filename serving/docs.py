"""`/docs` and `/redoc` without a network: the pages load their scripts from us, never from a CDN."""

import base64
import hashlib
import re
from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

_ASSETS = "/static-docs"
_INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


def add_docs(app: FastAPI) -> None:
    """Serve both pages, with the scripts that the package fastapi-offline brings along."""
    app.mount(_ASSETS, StaticFiles(directory=Path(str(files("fastapi_offline") / "static"))), name="docs-assets")
    swagger = get_swagger_ui_html(
        openapi_url=str(app.openapi_url),
        title=f"{app.title} API",
        swagger_js_url=f"{_ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{_ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{_ASSETS}/favicon.png",
    )
    redoc = get_redoc_html(
        openapi_url=str(app.openapi_url),
        title=f"{app.title} API",
        redoc_js_url=f"{_ASSETS}/redoc.standalone.js",
        redoc_favicon_url=f"{_ASSETS}/favicon.png",
        with_google_fonts=False,
    )
    router = APIRouter(include_in_schema=False)
    router.add_api_route("/docs", _Page(swagger), response_class=HTMLResponse)
    router.add_api_route("/redoc", _Page(redoc), response_class=HTMLResponse)
    app.include_router(router)


def content_security_policy(page: bytes) -> str:
    """A policy under which exactly this page works: its own inline scripts by hash, the rest from us.

    Inline styles stay allowed: both viewers write style attributes at run time.
    """
    hashes = [base64.b64encode(hashlib.sha256(script).digest()).decode() for script in _INLINE_SCRIPT.findall(page)]
    scripts = " ".join(["'self'", *(f"'sha256-{digest}'" for digest in hashes)])
    return (
        f"default-src 'self'; script-src {scripts}; worker-src 'self' blob:; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
    )


class _Page:
    """One page, rendered once."""

    def __init__(self, response: HTMLResponse) -> None:
        self._body = bytes(response.body)
        self._policy = content_security_policy(self._body)

    async def __call__(self) -> HTMLResponse:
        return HTMLResponse(self._body, headers={"Content-Security-Policy": self._policy})
