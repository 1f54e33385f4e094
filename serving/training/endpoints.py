"""`/api/v1/training`."""

from typing import Annotated

from fastapi import APIRouter, Depends

from serving.audit.dependencies import CurrentActor
from serving.auth.dependencies import CurrentUser, require
from serving.auth.principal import Principal
from serving.platform import PlatformDep
from serving.training import service
from serving.training.schemas import TrainingIn, TrainingOut

router = APIRouter(prefix="/api/v1/training", tags=["training"])
Engineer = Annotated[Principal, Depends(require("engineer"))]


@router.post("/start", status_code=202)
async def start(
    platform: PlatformDep, _user: Engineer, actor: CurrentActor, wanted: TrainingIn | None = None
) -> TrainingOut:
    """Begins a training on everything labelled so far; a new version with the alias `candidate` comes of it."""
    return await service.start(platform, wanted or TrainingIn(), actor)


@router.get("/status")
async def get_status(platform: PlatformDep, _user: CurrentUser) -> TrainingOut:
    """The newest training: state, epoch, metrics, and when its epochs will be done."""
    return await service.status(platform)


@router.post("/stop", status_code=202)
async def stop(platform: PlatformDep, _user: Engineer, actor: CurrentActor) -> TrainingOut:
    """Ends the running training within seconds; what it has learned so far is dropped."""
    return await service.stop(platform, actor)
