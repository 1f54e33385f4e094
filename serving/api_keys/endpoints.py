"""`/api/v1/api-keys`. Open to people only: a key makes no other keys."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from serving.api_keys import repository, service
from serving.api_keys.schemas import ApiKeyCreated, ApiKeyIn, ApiKeyList, ApiKeyOut, ApiKeyRevoked
from serving.api_keys.secret import new_secret
from serving.audit.dependencies import CurrentActor
from serving.auth.dependencies import require_person
from serving.auth.principal import Principal
from serving.platform import PlatformDep

router = APIRouter(prefix="/api/v1/api-keys", tags=["API keys"])

Admin = Annotated[Principal, Depends(require_person("admin"))]
KeyId = Annotated[str, Path(max_length=36, pattern=r"^[A-Za-z0-9-]+$")]


@router.get("")
def list_keys(
    platform: PlatformDep,
    _admin: Admin,
    revoked: Annotated[bool, Query(description="Also those that were revoked")] = False,
) -> ApiKeyList:
    """Every key, newest first, without its secret."""
    with platform.database.read() as session:
        keys = [ApiKeyOut.model_validate(row) for row in repository.list_all(session, revoked=revoked)]
    return ApiKeyList(api_keys=keys, total=len(keys))


@router.post("", status_code=201)
async def create_key(
    platform: PlatformDep, _admin: Admin, actor: CurrentActor, wanted: ApiKeyIn, response: Response
) -> ApiKeyCreated:
    """Makes a key. Its secret (`key`) is in this answer and nowhere else."""
    response.headers["Cache-Control"] = "no-store"
    secret, now = new_secret(), platform.clock()
    written = platform.database.write(lambda session: service.create(session, wanted, secret, by=actor, now=now))
    try:
        return await asyncio.wrap_future(written)
    finally:
        platform.api_keys.forget()


@router.delete("/{key_id}")
async def revoke_key(platform: PlatformDep, _admin: Admin, actor: CurrentActor, key_id: KeyId) -> ApiKeyRevoked:
    """Makes a key worthless, at once."""
    now = platform.clock()
    written = platform.database.write(lambda session: service.revoke(session, key_id, by=actor, now=now))
    try:
        await asyncio.wrap_future(written)
    finally:
        platform.api_keys.forget()
    return ApiKeyRevoked(id=key_id)
