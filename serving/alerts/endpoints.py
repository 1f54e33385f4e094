"""`/api/v1/alerts`."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from serving.alerts import repository, service
from serving.alerts.schemas import AlertList, AlertRead, Severity
from serving.audit.dependencies import CurrentActor
from serving.auth.dependencies import require
from serving.auth.principal import Principal
from serving.platform import PlatformDep

router = APIRouter(prefix="/api/v1/alerts", tags=["alerts"])


@router.get("", dependencies=[Depends(require("viewer"))])
def find_alerts(
    platform: PlatformDep,
    severity: Severity | None = None,
    acknowledged: bool | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
) -> AlertList:
    """Alerts, newest first."""
    with platform.database.read() as session:
        alerts, total = repository.find_page(session, severity, acknowledged=acknowledged, limit=limit, offset=offset)
    return AlertList(alerts=[service.to_read(alert) for alert in alerts], total=total)


@router.post("/{alert_id}/acknowledge")
async def acknowledge(
    alert_id: str,
    platform: PlatformDep,
    _user: Annotated[Principal, Depends(require("operator"))],
    actor: CurrentActor,
) -> AlertRead:
    """Mark an alert as seen."""
    job = platform.database.write(lambda session: service.acknowledge(session, alert_id, actor, platform.clock()))
    return await asyncio.wrap_future(job)
