"""`/static/images`: nothing but the pictures of recorded inspections and of data sets."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Security
from fastapi.responses import FileResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from serving.auth.dependencies import current_user
from serving.errors import Gone, NotFound
from serving.images.links import ROUTE
from serving.inspections import repository
from serving.media.store import inspection_id_of
from serving.platform import PlatformDep
from serving.review import repository as review
from serving.tables import Inspection

router = APIRouter(tags=["images"])
_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="In place of a signed link")


async def may_see(
    request: Request,
    platform: PlatformDep,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    path: str,
    exp: Annotated[int | None, Query(ge=0, le=2**40, description="End of the link's life, seconds since 1970")] = None,
    sig: Annotated[str | None, Query(max_length=64, description="The link's signature")] = None,
) -> None:
    """Lets signed links and logged-in users through.

    Raises:
        NotFound: The link is forged or has expired; that there is something here is not said.
        NotAuthenticated: Neither link nor token.
    """
    if sig is not None and exp is not None:
        if platform.live.links.is_good(path, exp, sig, platform.clock()):
            return
        raise NotFound("there is no such picture")
    await current_user(request, platform, credentials)


@router.get(
    f"{ROUTE}/{{path:path}}",
    response_class=FileResponse,
    dependencies=[Depends(may_see)],
    responses={
        200: {"content": {"image/*": {}}, "description": "The picture, exactly as it was received"},
        410: {"description": "Retention has deleted the picture"},
    },
)
def get_image(platform: PlatformDep, path: str) -> FileResponse:
    """The original picture of an inspection or of a data set."""
    inspection_id = inspection_id_of(path)
    if inspection_id is None:
        raise NotFound("there is no such picture")
    with platform.database.read() as session:
        # An imported picture's file is named by its item, an inspected one's by its inspection.
        row = repository.find(session, inspection_id) or review.find(session, inspection_id)
    file = platform.live.media.find(path)
    if isinstance(row, Inspection) and row.image_path == path and row.picture_deleted_at is not None:
        raise Gone(f"retention deleted this picture on {row.picture_deleted_at:%Y-%m-%d}; its inspection stays")
    if row is None or row.image_path != path or file is None:
        raise NotFound("there is no such picture")
    return FileResponse(
        file,
        media_type=row.image_media_type,
        filename=file.name,
        content_disposition_type="inline",
        headers={"Cache-Control": "private, max-age=3600", "X-Content-Type-Options": "nosniff"},
    )
