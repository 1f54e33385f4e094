"""What endpoints declare to name who acts in the audit log: `CurrentActor`."""

from typing import Annotated

import structlog
from fastapi import Depends, Request
from starlette.types import Scope

from serving.audit.actor import Actor
from serving.auth.dependencies import CurrentUser
from serving.limits.peers import Peers
from serving.platform import PlatformDep


def anonymous_actor(peers: Peers, scope: Scope) -> Actor:
    """Whoever sent a request without saying who they are."""
    return Actor("anonymous", "anonymous", "anonymous", peers.address(scope)[:64], _request_id())


async def current_actor(request: Request, platform: PlatformDep, user: CurrentUser) -> Actor:
    """Who is behind the request, with the address that it came from."""
    address = platform.peers.address(request.scope)[:64]
    return Actor(user.kind, user.id, user.username, address, _request_id())


async def unknown_actor(request: Request, platform: PlatformDep) -> Actor:
    """The address behind a request that needs no token, like a login."""
    return anonymous_actor(platform.peers, request.scope)


CurrentActor = Annotated[Actor, Depends(current_actor)]
UnknownActor = Annotated[Actor, Depends(unknown_actor)]


def _request_id() -> str | None:
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    return None if request_id is None else str(request_id)
