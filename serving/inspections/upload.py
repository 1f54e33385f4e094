"""What a client sends to be inspected, read from the request by hand.

FastAPI would solve each form field and each level of the token check as a dependency of its own: on the bench machine
half a millisecond per part. Here the role is also checked before the body is read.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, StringConstraints, ValidationError
from starlette.datastructures import UploadFile

from serving.errors import UnsupportedMediaType
from serving.stations.schemas import STATION_ID_PATTERN

_MOST_PARTS: Final = 16
_FILE_TEXT: Final = "JPEG, PNG, BMP, TIFF or WebP, at most 20 MiB"


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("control characters are not allowed")
    return value


PartText = Annotated[str, StringConstraints(max_length=128), AfterValidator(_printable)]
StationText = Annotated[str, StringConstraints(pattern=STATION_ID_PATTERN)]


class _Fields(BaseModel):
    """The form fields beside the picture."""

    station_id: StationText | None = None
    part_id: PartText | None = None


@dataclass(frozen=True, slots=True)
class PartUpload:
    """A picture as it arrived; station and part where the form names them."""

    file: UploadFile
    station_id: str | None
    part_id: str | None


@asynccontextmanager
async def read_upload(request: Request) -> AsyncIterator[PartUpload]:
    """The form of a request to inspect; its file is open within the block.

    Raises:
        HTTPException: 400, the body is no well-formed multipart message.
        UnsupportedMediaType: It is no multipart message at all.
        RequestValidationError: The picture is missing, or a field is not as it should be.
    """
    kind = request.headers.get("content-type", "")
    if kind and not kind.strip().lower().startswith("multipart/form-data"):
        raise UnsupportedMediaType("the picture must be sent as multipart/form-data, in the field `file`")
    async with request.form(max_files=_MOST_PARTS, max_fields=_MOST_PARTS) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise RequestValidationError([{"loc": ("body", "file"), "msg": "a file is needed", "type": "missing"}])
        fields = _validated({name: form[name] for name in _Fields.model_fields if form.get(name, "") != ""})
        yield PartUpload(file, fields.station_id, fields.part_id)


def _validated(values: Mapping[str, Any]) -> _Fields:
    try:
        return _Fields.model_validate(values)
    except ValidationError as error:
        raise RequestValidationError([{**e, "loc": ("body", *e["loc"])} for e in error.errors()]) from error


def _text(title: str, description: str, **limits: Any) -> dict[str, Any]:
    return {"type": "string", "title": title, "description": description, **limits}


# For OpenAPI: the body as `read_upload` takes it.
UPLOAD_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "title": "PartUpload",
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": _text("File", _FILE_TEXT, contentMediaType="application/octet-stream"),
                        "station_id": _text("Station", "New ones are made", pattern=STATION_ID_PATTERN),
                        "part_id": _text("Part", "The part's serial number or the like", maxLength=128),
                    },
                }
            }
        },
    }
}
