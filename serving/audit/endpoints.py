"""`/api/v1/audit`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.concurrency import run_in_threadpool

from serving.audit import service
from serving.audit.repository import AuditFilter
from serving.audit.schemas import AuditPage, AuditVerification
from serving.auth.dependencies import require
from serving.moments import Moment
from serving.platform import PlatformDep

router = APIRouter(prefix="/api/v1/audit", tags=["audit"], dependencies=[Depends(require("admin"))])
_PLAIN = r"^[^\x00-\x1f\x7f]+$"


@router.get("")
async def find_entries(
    platform: PlatformDep,
    actor: Annotated[str | None, Query(max_length=64, pattern=_PLAIN, description="Id or name of who acted")] = None,
    action: Annotated[
        str | None,
        Query(max_length=64, pattern=r"^[a-z0-9_.]+$", description="As `station.configured`; `station.` takes all"),
    ] = None,
    subject: Annotated[str | None, Query(max_length=200, pattern=_PLAIN, description="As `station/line-1`")] = None,
    since: Annotated[Moment | None, Query(description="The earliest moment, with its offset from UTC")] = None,
    until: Annotated[Moment | None, Query(description="The moment before which it was")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    before: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="`next_before` of the page before")] = None,
) -> AuditPage:
    """Who did what, when and from where, newest first."""
    chosen = AuditFilter(actor, action, subject, since, until)
    return await run_in_threadpool(service.find_page, platform.database, chosen, before=before, limit=limit)


@router.get("/verify")
async def verify(platform: PlatformDep) -> AuditVerification:
    """Reads the whole log and says whether an entry was changed, removed, inserted, moved or cut off."""
    return await run_in_threadpool(service.verify_log, platform.database, platform.settings)
