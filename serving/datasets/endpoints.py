"""`/api/v1/datasets`."""

import asyncio
import json
from functools import partial
from typing import Annotated, Any, Final, TypeVar

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from serving.audit.dependencies import CurrentActor
from serving.audit.record import record
from serving.auth.dependencies import CurrentUser, require, require_or_platform
from serving.auth.principal import Principal
from serving.datasets import exporting, repository, service
from serving.datasets.exporting import ExportFormat
from serving.datasets.schemas import (
    DatasetList,
    DatasetOut,
    FolderImport,
    FreezeIn,
    ImportOptions,
    ImportOut,
    TrainedIn,
    TrainedOut,
)
from serving.errors import BadRequest, InvalidRequest, NotFound, UnsupportedMediaType
from serving.platform import PlatformDep

T = TypeVar("T")
router = APIRouter(prefix="/api/v1/datasets", tags=["data sets"])

Engineer = Annotated[Principal, Depends(require("engineer"))]
EngineerOrPlatform = Annotated[Principal, Depends(require_or_platform("engineer"))]
Id = Annotated[str, Path(max_length=36)]
_OPTIONS = TypeAdapter(ImportOptions)
_FOLDER = TypeAdapter(FolderImport)
_FILE = {"file": {"type": "string", "format": "binary"}}
_SCHEMA = {
    "type": "object",
    "required": ["file"],
    "properties": {**_FILE, **ImportOptions.model_json_schema()["properties"]},
}
# Told by hand: the body is read only after the role was checked, so FastAPI must not declare it.
_IMPORT_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {"schema": _SCHEMA},
            "application/json": {"schema": FolderImport.model_json_schema()},
        },
    }
}


@router.post("/import", status_code=202, openapi_extra=_IMPORT_BODY)
async def import_dataset(platform: PlatformDep, _user: Engineer, actor: CurrentActor, request: Request) -> ImportOut:
    """Begins an import: a zip of pictures and labels as form field `file`, or a folder on the API's machine."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        folder = _parse(_FOLDER, await _json(request))
        row = await run_in_threadpool(platform.imports.start_folder, folder.folder, folder, actor)
        return ImportOut.model_validate(row)
    async with request.form(max_files=1, max_fields=10) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise InvalidRequest("file: the zip archive is missing")
        fields = {name: value for name, value in form.items() if name != "file"}
        options = _parse(_OPTIONS, {name: value for name, value in fields.items() if value != ""})
        row = await run_in_threadpool(platform.imports.start_zip, file.file, options, actor)
    return ImportOut.model_validate(row)


@router.get("/imports/{import_id}")
def get_import(platform: PlatformDep, _user: CurrentUser, import_id: Id) -> ImportOut:
    """How far an import is, and what it left out."""
    with platform.database.read() as session:
        row = repository.find_import(session, import_id)
        if row is None:
            raise NotFound("there is no such import")
        return ImportOut.model_validate(row)


@router.get("")
def list_datasets(platform: PlatformDep, _user: CurrentUser) -> DatasetList:
    """Every data set, newest first."""
    with platform.database.read() as session:
        rows = repository.list_complete(session)
        return DatasetList(datasets=[DatasetOut.model_validate(row) for row in rows])


@router.post("", status_code=201)
async def freeze(platform: PlatformDep, _user: Engineer, actor: CurrentActor, request: FreezeIn) -> DatasetOut:
    """Makes a data set of everything labelled so far; the same contents give the same data set again."""
    runtime, now = platform.live.runtime, platform.clock()
    classes = tuple(runtime.manifest.classes) if runtime is not None else ()
    written = platform.database.write(lambda session: service.freeze(session, request.name, classes, by=actor, now=now))
    return await asyncio.wrap_future(written)


@router.get("/{dataset_id}")
def get_dataset(platform: PlatformDep, _user: CurrentUser, dataset_id: Id) -> DatasetOut:
    """One data set."""
    with platform.database.read() as session:
        row = repository.find(session, dataset_id)
        if row is None:
            raise NotFound("there is no such data set")
        return DatasetOut.model_validate(row)


@router.post("/{dataset_id}/trained")
async def mark_trained(
    platform: PlatformDep, _user: EngineerOrPlatform, actor: CurrentActor, dataset_id: Id, request: TrainedIn
) -> TrainedOut:
    """Says that a version of the model has learned from a data set: its pictures count as trained."""
    version, now = request.model_version, platform.clock()
    written = platform.database.write(
        lambda session: service.mark_trained(session, dataset_id, version, by=actor, now=now)
    )
    return await asyncio.wrap_future(written)


@router.get(
    "/{dataset_id}/export",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/zip": {}}, "description": "Pictures and labels"}},
)
async def export_dataset(
    platform: PlatformDep,
    _user: Engineer,
    actor: CurrentActor,
    dataset_id: Id,
    export_format: Annotated[ExportFormat, Query(alias="format")] = "coco",
) -> StreamingResponse:
    """The data set as a zip file of pictures and labels."""
    export = await run_in_threadpool(exporting.prepare, platform.database, platform.live.media, dataset_id)
    told = partial(record, actor=actor, action="dataset.exported", subject=f"dataset/{dataset_id}")
    await asyncio.wrap_future(platform.database.write(partial(told, after={"format": export_format})))
    name = f"ussop-{dataset_id}-{export_format}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(exporting.stream(export, export_format), media_type="application/zip", headers=headers)


async def _json(request: Request) -> Any:
    if "json" not in request.headers.get("content-type", "").lower():
        raise UnsupportedMediaType("the body must be a multipart form or JSON")
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise BadRequest("the body is not JSON") from error


def _parse(adapter: TypeAdapter[T], values: Any) -> T:
    try:
        return adapter.validate_python(values)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(step)[:64] for step in problem["loc"]) or "body"
        raise InvalidRequest(f"{place}: {problem['msg']}") from error
