"""`GET /metrics`, in the text format of Prometheus."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.concurrency import run_in_threadpool

from serving.auth.dependencies import current_user
from serving.platform import PlatformDep

router = APIRouter(tags=["system"])
_bearer = HTTPBearer(auto_error=False)
_TEXT: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}


async def remote_user(
    request: Request,
    platform: PlatformDep,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> None:
    """Lets a Prometheus on this machine through, and logged-in users.

    Raises:
        NotAuthenticated: It comes from elsewhere without a token.
    """
    if not platform.peers.is_this_machine(request.scope):
        await current_user(request, platform, credentials)


@router.get("/metrics", response_class=Response, dependencies=[Depends(remote_user)], responses=_TEXT)
async def metrics(platform: PlatformDep) -> Response:
    """All metrics. A Prometheus on this machine needs no token; everybody else does."""
    return Response(await run_in_threadpool(platform.metrics.expose), media_type=CONTENT_TYPE_LATEST)
