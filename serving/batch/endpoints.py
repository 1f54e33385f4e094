"""`/api/v1/batch/jobs`."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from serving.audit.dependencies import CurrentActor
from serving.auth.dependencies import CurrentUser, platform_account, require
from serving.auth.principal import Principal
from serving.batch import repository, service
from serving.batch.folders import resolve_input_dir
from serving.batch.schemas import BatchJobIn, BatchJobList, BatchJobOut, BatchReport
from serving.platform import Platform, PlatformDep
from serving.tables import BatchJob

router = APIRouter(prefix="/api/v1/batch/jobs", tags=["batch"])
Operator = Annotated[Principal, Depends(require("operator"))]
JobId = Annotated[str, Path(max_length=36)]


Platforms = Annotated[Principal, Depends(platform_account)]


@router.get("")
async def list_jobs(
    platform: PlatformDep,
    _user: CurrentUser,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
) -> BatchJobList:
    """Batch jobs, newest first."""

    def page() -> tuple[Sequence[BatchJob], int]:
        with platform.database.read() as session:
            return repository.list_page(session, limit=limit, offset=offset)

    jobs, _ = await asyncio.to_thread(page)
    is_current = await service.refresh(platform, jobs)
    jobs, total = await asyncio.to_thread(page)
    return BatchJobList(jobs=await asyncio.to_thread(_shown, platform, jobs, is_current=is_current), total=total)


@router.post("", status_code=201)
async def create_job(platform: PlatformDep, _user: Operator, actor: CurrentActor, wanted: BatchJobIn) -> BatchJobOut:
    """Makes a job; it waits until it is started."""
    folder = await asyncio.to_thread(resolve_input_dir, wanted.input_dir, platform.settings.batch_dirs)
    now = platform.clock()
    written = platform.database.write(lambda session: service.create(session, wanted, str(folder), user=actor, now=now))
    return await _answer(platform, await asyncio.wrap_future(written))


@router.get("/{job_id}")
async def get_job(platform: PlatformDep, _user: CurrentUser, job_id: JobId) -> BatchJobOut:
    """A job and how far it is."""
    is_current = await service.refresh(platform, [await service.load(platform, job_id)])
    return await _answer(platform, await service.load(platform, job_id), is_current=is_current)


@router.post("/{job_id}/start")
async def start_job(platform: PlatformDep, _user: Operator, actor: CurrentActor, job_id: JobId) -> BatchJobOut:
    """Starts a job; one that failed or was cancelled goes on where it stopped."""
    return await _answer(platform, await service.start(platform, job_id, actor))


@router.post("/{job_id}/cancel")
async def cancel_job(platform: PlatformDep, _user: Operator, actor: CurrentActor, job_id: JobId) -> BatchJobOut:
    """Cancels a job; one that runs is `cancelled` once its process has ended, within seconds."""
    return await _answer(platform, await service.cancel(platform, job_id, actor))


@router.put("/{job_id}/report", status_code=204)
async def report(platform: PlatformDep, _user: Platforms, job_id: JobId, told: BatchReport) -> None:
    """Takes what the flow of a job says of its progress; of the platform's own account only."""
    now = platform.clock()
    written = platform.database.write(lambda session: service.note_report(session, job_id, told, now))
    await asyncio.wrap_future(written)


async def _answer(platform: Platform, job: BatchJob, *, is_current: bool = True) -> BatchJobOut:
    (shown,) = await asyncio.to_thread(_shown, platform, [job], is_current=is_current)
    return shown


def _shown(platform: Platform, jobs: Sequence[BatchJob], *, is_current: bool) -> list[BatchJobOut]:
    with platform.database.read() as session:
        return [service.to_out(session, job, platform.jobs, is_current=is_current) for job in jobs]
