"""`GET /metrics`, in the text format of Prometheus."""

from typing import Annotated

from fastapi import APIRouter, Request, Response, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.concurrency import run_in_threadpool

from serving.auth.dependencies import current_user
from serving.platform import PlatformDep

router = APIRouter(tags=["system"])
_bearer = HTTPBearer(auto_error=False)


@router.get("/metrics", response_class=Response)
async def metrics(
    request: Request,
    platform: PlatformDep,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> Response:
    """All metrics. A Prometheus on this machine needs no token; everybody else does."""
    if not platform.peers.is_this_machine(request.scope):
        await current_user(request, platform, credentials)
    return Response(await run_in_threadpool(platform.metrics.expose), media_type=CONTENT_TYPE_LATEST)
