"""`/api/v1/openvino`."""

import asyncio
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool

from serving.auth.dependencies import CurrentUser, require
from serving.auth.principal import Principal
from serving.openvino.schemas import BenchmarkOut, BenchmarkRequest, LoadOut, LoadRequest, OpenVinoStatus
from serving.platform import PlatformDep
from serving.tables import OutboxEvent

router = APIRouter(prefix="/api/v1/openvino", tags=["openvino"])

Engineer = Annotated[Principal, Depends(require("engineer"))]


@router.get("/status")
def status(platform: PlatformDep, _user: CurrentUser) -> OpenVinoStatus:
    """What OpenVINO can do here and what it does."""
    return platform.networks.status()


@router.post("/load")
async def load(platform: PlatformDep, user: Engineer, request: LoadRequest) -> LoadOut:
    """Loads a network beside the deployed model, for the benchmark and for what asks for its key."""
    loaded = await run_in_threadpool(platform.networks.load, request)
    event = _audit_event(user.id, request.model_path, loaded, platform.clock())

    def write(session: Session) -> None:
        session.add(event)

    await asyncio.wrap_future(platform.database.write(write))
    return loaded


@router.post("/benchmark")
async def benchmark(platform: PlatformDep, _user: Engineer, request: BenchmarkRequest) -> BenchmarkOut:
    """Times a network on ONNX Runtime and on OpenVINO, by turns and at low priority; one benchmark at a time."""
    return await asyncio.wrap_future(platform.networks.benchmark(request))


def _audit_event(user_id: str, model_path: str, loaded: LoadOut, now: datetime) -> OutboxEvent:
    after = {"model_key": loaded.model_key, "model_path": model_path, "device": loaded.device}
    data = {"action": "openvino.loaded", "by": user_id, "before": None, "after": after}
    return OutboxEvent.model_validate({"type": "audit", "created_at": now, "data": data})
