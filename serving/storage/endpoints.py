"""`/api/v1/storage`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from serving.audit.dependencies import CurrentActor
from serving.auth.dependencies import CurrentUser, require, require_or_platform
from serving.auth.principal import Principal
from serving.platform import PlatformDep
from serving.storage import repository, service
from serving.storage.cleanup import start_cleanup
from serving.storage.policy import RetentionPolicy
from serving.storage.schemas import ChunkIn, CleanupOut, PassOut, RetentionIn, UsageOut
from serving.storage.usage import read_disk

router = APIRouter(prefix="/api/v1/storage", tags=["storage"])
Engineer = Annotated[Principal, Depends(require("engineer"))]
Keeper = Annotated[Principal, Depends(require_or_platform("admin"))]
PassId = Annotated[str, Path(max_length=36)]


@router.get("/usage")
def get_usage(platform: PlatformDep, _user: CurrentUser) -> UsageOut:
    """What the disk holds, by kind; how long pictures are kept; and what the last clean-up did."""
    settings, config = platform.settings, platform.config.current
    disk = read_disk(settings.media_dir)
    breakdown, measured_at = platform.usage.breakdown()
    with platform.database.read() as session:
        latest = repository.latest_pass(session)
    return UsageOut(
        total_bytes=disk.total_bytes,
        used_bytes=disk.used_bytes,
        free_bytes=disk.free_bytes,
        free_percent=round(disk.free_percent, 2),
        is_low=disk.is_low(config.storage_alarm_free_percent),
        reserve_bytes=settings.storage_reserve_mb * 2**20,
        breakdown=breakdown,
        measured_at=measured_at,
        policy=service.policy_out(RetentionPolicy.of(config)),
        last_cleanup=None if latest is None else service.to_out(latest),
    )


@router.post("/cleanup", status_code=202)
async def cleanup(
    platform: PlatformDep, _user: Engineer, actor: CurrentActor, wanted: RetentionIn | None = None
) -> CleanupOut:
    """Deletes pictures older than the retention policy, in a run of its own; their inspections stay."""
    return await start_cleanup(platform, wanted or RetentionIn(), actor)


@router.post("/retention/passes", status_code=201)
async def begin_pass(
    platform: PlatformDep, _user: Keeper, actor: CurrentActor, wanted: RetentionIn | None = None
) -> PassOut:
    """Begins a pass of retention, for the flow to drive; deletes nothing yet. A refused pass says why."""
    return await service.begin(platform, wanted or RetentionIn(), actor)


@router.post("/retention/passes/{pass_id}/chunks")
async def delete_chunk(
    platform: PlatformDep, _user: Keeper, actor: CurrentActor, pass_id: PassId, wanted: ChunkIn | None = None
) -> PassOut:
    """Deletes the next few pictures of a running pass; `finished` when none is left."""
    return await service.delete_chunk(platform, pass_id, (wanted or ChunkIn()).limit, actor)
