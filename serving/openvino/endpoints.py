"""`/api/v1/openvino`."""

import asyncio
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool

from serving.audit.dependencies import CurrentActor
from serving.audit.record import record
from serving.auth.dependencies import CurrentUser, require
from serving.auth.principal import Principal
from serving.openvino.schemas import BenchmarkOut, BenchmarkRequest, LoadOut, LoadRequest, OpenVinoStatus
from serving.platform import PlatformDep

router = APIRouter(prefix="/api/v1/openvino", tags=["openvino"])

Engineer = Annotated[Principal, Depends(require("engineer"))]


@router.get("/status")
def status(platform: PlatformDep, _user: CurrentUser) -> OpenVinoStatus:
    """What OpenVINO can do here and what it does."""
    return platform.networks.status()


@router.post("/load")
async def load(platform: PlatformDep, _user: Engineer, actor: CurrentActor, request: LoadRequest) -> LoadOut:
    """Loads a network beside the deployed model, for the benchmark and for what asks for its key."""
    loaded = await run_in_threadpool(platform.networks.load, request)
    after = {"model_path": request.model_path, "device": loaded.device}
    told = partial(record, actor=actor, action="openvino.loaded", subject=f"network/{loaded.model_key}", after=after)
    await asyncio.wrap_future(platform.database.write(told))
    return loaded


@router.post("/benchmark")
async def benchmark(platform: PlatformDep, _user: Engineer, request: BenchmarkRequest) -> BenchmarkOut:
    """Times a network on ONNX Runtime and on OpenVINO, by turns and at low priority; one benchmark at a time."""
    return await asyncio.wrap_future(platform.networks.benchmark(request))
