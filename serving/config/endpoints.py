"""`/api/v1/config`."""

import asyncio
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool

from serving.audit.dependencies import CurrentActor
from serving.auth.dependencies import CurrentUser, require
from serving.auth.principal import Principal
from serving.config import repository, service
from serving.config.schemas import ConfigChanged, ConfigOut, ConfigUpdate, RevertIn, RevisionList, RevisionOut
from serving.config.shown import to_out
from serving.platform import Platform, PlatformDep

router = APIRouter(prefix="/api/v1/config", tags=["configuration"])
_INSIDER = "engineer"
Engineer = Annotated[Principal, Depends(require(_INSIDER))]


@router.get("")
def get_config(platform: PlatformDep, user: CurrentUser) -> ConfigOut:
    """The configuration in force. Of secrets it says whether they are set; paths and hosts are for engineers."""
    held = platform.config.refresh()
    return to_out(platform.settings, held, with_settings=user.reaches(_INSIDER))


@router.post("")
async def update_config(
    platform: PlatformDep, _user: Engineer, actor: CurrentActor, update: ConfigUpdate
) -> ConfigChanged:
    """Changes what may be changed at run time, at once and on every replica; what is left out stays as it is."""
    now, patch = platform.clock(), update.patch_of(platform.config.current)

    def write(session: Session) -> list[str]:
        return service.change(session, platform.settings, patch, expected=update.version, by=actor, now=now)

    return await _changed(platform, write)


@router.get("/history")
def get_history(
    platform: PlatformDep,
    _user: Engineer,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
) -> RevisionList:
    """Every change, newest first: who, when, before and after."""
    with platform.database.read() as session:
        rows, total = repository.find_page(session, limit=limit, offset=offset)
    return RevisionList(revisions=[RevisionOut.model_validate(row) for row in rows], total=total)


@router.post("/revert/{revision}")
async def revert_config(
    platform: PlatformDep,
    _user: Engineer,
    actor: CurrentActor,
    revision: Annotated[int, Path(ge=0, le=2**31 - 1)],
    wanted: RevertIn | None = None,
) -> ConfigChanged:
    """Restores what held after that change (0: before the first). This is a change of its own, with its own number."""
    now, expected = platform.clock(), wanted.version if wanted else None

    def write(session: Session) -> list[str]:
        return service.revert(session, platform.settings, revision, expected=expected, by=actor, now=now)

    return await _changed(platform, write)


async def _changed(platform: Platform, write: Callable[[Session], list[str]]) -> ConfigChanged:
    changed = await asyncio.wrap_future(platform.database.write(write))
    held = await run_in_threadpool(platform.config.refresh)
    shown = to_out(platform.settings, held, with_settings=True)
    return ConfigChanged(**dict(shown), changed=changed)
