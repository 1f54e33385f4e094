"""`/api/v1/models`."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, TypeVar

from anyio import to_thread
from fastapi import APIRouter, Depends, Path

from serving.audit.dependencies import CurrentActor
from serving.auth.dependencies import CurrentUser, require
from serving.auth.principal import Principal
from serving.errors import NotFound
from serving.model_versions.deploy_rule import OVERRIDE_ROLE, Override
from serving.model_versions.schemas import DeployIn, ModelList, SwitchOut
from serving.model_versions.service import list_versions
from serving.model_versions.switch import Switched
from serving.platform import Platform, PlatformDep

T = TypeVar("T")
router = APIRouter(prefix="/api/v1/models", tags=["models"])

Engineer = Annotated[Principal, Depends(require("engineer"))]
VersionId = Annotated[str, Path(max_length=64)]


@router.get("")
async def list_models(platform: PlatformDep, _user: CurrentUser) -> ModelList:
    """Every version of the model, newest first; while MLflow is away those that this machine holds."""
    return await _in_thread(platform, partial(list_versions, platform.switch, platform.settings.mlflow_port))


@router.post("/{version_id}/deploy")
async def deploy(
    platform: PlatformDep, user: Engineer, actor: CurrentActor, version_id: VersionId, wanted: DeployIn | None = None
) -> SwitchOut:
    """Puts a version to use without missing a part: it is fetched, verified, loaded and tested first.

    409 with the reasons for a version from a training that the gate blocked or has not judged; an admin may deploy it
    all the same with an `override_reason`, which is audited.
    """
    version, reason = _number(version_id), wanted.override_reason if wanted else None
    override = Override(reason, user.reaches(OVERRIDE_ROLE)) if reason else None
    switched = await _in_thread(platform, partial(platform.switch.deploy, version, by=actor, override=override))
    return _answer("deployed", switched)


@router.post("/{version_id}/rollback")
async def roll_back(platform: PlatformDep, _user: Engineer, actor: CurrentActor, version_id: VersionId) -> SwitchOut:
    """Goes back to a version; the one that was in use before is still loaded, so that this takes no time."""
    version = _number(version_id)
    switched = await _in_thread(platform, partial(platform.switch.roll_back, version, by=actor))
    return _answer("rolled_back", switched)


async def _in_thread(platform: Platform, work: Callable[[], T]) -> T:
    # Threads of their own: a registry that hangs must not hold those that the other requests need.
    return await to_thread.run_sync(work, limiter=platform.registry_slots)


def _number(version_id: str) -> str:
    if not (version_id.isascii() and version_id.isdigit()):
        raise NotFound("there is no such model version")
    return str(int(version_id))


def _answer(status: str, switched: Switched) -> SwitchOut:
    return SwitchOut.model_validate(
        {
            "status": status,
            "id": switched.version,
            "version": switched.version,
            "previous_version": switched.previous,
            "registry": "updated" if switched.announced else "pending",
        }
    )
