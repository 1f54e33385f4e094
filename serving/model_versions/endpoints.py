"""`/api/v1/models`."""

from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Response

from serving.audit.dependencies import CurrentActor
from serving.auth.dependencies import CurrentUser, require
from serving.auth.principal import Principal
from serving.errors import NotFound
from serving.model_versions import gate
from serving.model_versions.asking import in_registry_thread
from serving.model_versions.comparison import ComparisonOut, compare_versions
from serving.model_versions.deploy_rule import OVERRIDE_ROLE, Override
from serving.model_versions.gate_pictures import differing_picture
from serving.model_versions.gate_schemas import GateOut, PromoteIn
from serving.model_versions.schemas import DeployIn, ModelList, SwitchOut
from serving.model_versions.service import list_versions
from serving.model_versions.switch import Switched
from serving.platform import PlatformDep

router = APIRouter(prefix="/api/v1/models", tags=["models"])

Engineer = Annotated[Principal, Depends(require("engineer"))]
_DRAWING: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {"image/jpeg": {}}, "description": "The drawing"}}
VersionId = Annotated[str, Path(max_length=64)]


@router.get("")
async def list_models(platform: PlatformDep, _user: CurrentUser) -> ModelList:
    """Every version of the model, newest first; while MLflow is away those that this machine holds."""
    return await in_registry_thread(platform, partial(list_versions, platform.switch, platform.settings.mlflow_port))


@router.get("/compare")
async def compare(
    platform: PlatformDep,
    _user: CurrentUser,
    a: Annotated[str, Query(max_length=64, description="Number of a version")],
    b: Annotated[str, Query(max_length=64, description="Number of the other one")],
) -> ComparisonOut:
    """Two versions beside each other: figures, classes, thresholds, and what they came from."""
    port = platform.settings.mlflow_port
    return await in_registry_thread(platform, partial(compare_versions, platform.switch, port, _number(a), _number(b)))


@router.post("/{version_id}/promote", status_code=202)
async def promote(
    platform: PlatformDep, user: Engineer, actor: CurrentActor, version_id: VersionId, wanted: PromoteIn | None = None
) -> GateOut:
    """Starts the gate: the version is compared with the deployed one and takes its place if it is no worse.

    Compared on the frozen test parts of the version's own data set, unless another one is named. An admin may add an
    `override_reason`: the version is then deployed even if the gate blocks it, which is audited.
    """
    return await gate.start(platform, _number(version_id), wanted or PromoteIn(), user, actor)


@router.get("/{version_id}/gate")
async def get_gate(platform: PlatformDep, _user: CurrentUser, version_id: VersionId) -> GateOut:
    """How the gate stands for a version: progress, then the outcome, its reasons and both versions' figures."""
    return await gate.show(platform, _number(version_id))


@router.get("/{version_id}/gate/pictures/{number}", response_class=Response, responses=_DRAWING)
async def get_gate_picture(
    platform: PlatformDep,
    _user: CurrentUser,
    version_id: VersionId,
    number: Annotated[int, Path(ge=0, le=9999, description="Place of the part in the report's `differing`, from 0")],
) -> Response:
    """A part that the version judges differently than the deployed one: both views beside each other, as JPEG."""
    found = await in_registry_thread(
        platform, partial(differing_picture, platform.switch.rest, _number(version_id), number)
    )
    # What the gate has drawn stays as it is; a new judgement is a new report.
    return Response(found, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=60"})


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
    switched = await in_registry_thread(platform, partial(platform.switch.deploy, version, by=actor, override=override))
    return _answer("deployed", switched)


@router.post("/{version_id}/rollback")
async def roll_back(platform: PlatformDep, _user: Engineer, actor: CurrentActor, version_id: VersionId) -> SwitchOut:
    """Goes back to a version; the one that was in use before is still loaded, so that this takes no time."""
    version = _number(version_id)
    switched = await in_registry_thread(platform, partial(platform.switch.roll_back, version, by=actor))
    return _answer("rolled_back", switched)


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
