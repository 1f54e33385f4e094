"""`/api/v1/alerts/deliveries` and `/api/v1/alerts/test-delivery`."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from sqlmodel import Session

from serving.audit.dependencies import CurrentActor
from serving.audit.record import record
from serving.auth.dependencies import require
from serving.auth.principal import Principal
from serving.delivery import repository
from serving.delivery.message import Target, example_message
from serving.delivery.schemas import (
    DeliveryList,
    DeliveryOut,
    DeliveryState,
    TargetName,
    TargetOut,
    TrialIn,
    TrialOut,
    TrialResult,
)
from serving.delivery.severity import SEVERITIES
from serving.errors import InvalidRequest, NotFound
from serving.platform import PlatformDep

router = APIRouter(prefix="/api/v1/alerts", tags=["alerts"])


@router.get("/deliveries", dependencies=[Depends(require("engineer"))])
def find_deliveries(
    platform: PlatformDep,
    state: DeliveryState | None = None,
    target: Annotated[TargetName | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
) -> DeliveryList:
    """Whom alerts are told by mail or webhook, and how each delivery went."""
    with platform.database.read() as session:
        rows, total = repository.find_page(session, state=state, target=target, limit=limit, offset=offset)
        targets = [_target_out(session, known) for known in platform.deliveries.targets]
    return DeliveryList(targets=targets, deliveries=[DeliveryOut.model_validate(row) for row in rows], total=total)


@router.post("/test-delivery")
async def try_delivery(
    platform: PlatformDep,
    _user: Annotated[Principal, Depends(require("admin"))],
    actor: CurrentActor,
    wanted: TrialIn | None = None,
) -> TrialOut:
    """Sends a test message to the targets of the settings now, once, and says how each took it."""
    order, now = wanted or TrialIn(), platform.clock()
    known = platform.deliveries.targets
    targets = [target for target in known if order.target in {None, target.name}]
    if not known:
        raise InvalidRequest("no target is set: SMTP_HOST or WEBHOOK_TARGETS names one")
    if not targets:
        raise NotFound("there is no such target")
    told = await platform.deliveries.test(targets, example_message(order.severity, now))
    shown = {name: reason or "delivered" for name, reason in told.items()}
    written = platform.database.write(
        lambda session: record(session, actor, "alert.delivery_tested", "alerts", after=shown, now=now)
    )
    await asyncio.wrap_future(written)
    results = [TrialResult(target=name, delivered=reason is None, error=reason) for name, reason in told.items()]
    return TrialOut(results=results)


def _target_out(session: Session, target: Target) -> TargetOut:
    counts = repository.count_by_state(session, target.name, ("pending", "failed"))
    return TargetOut(
        name=target.name,
        accepts=[severity for severity in SEVERITIES if target.accepts(severity)],
        pending=counts.get("pending", 0),
        failed=counts.get("failed", 0),
    )
