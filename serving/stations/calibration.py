"""The scale of a station from a checkerboard that its camera saw."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from models.checkerboard import scale_of_board
from models.errors import ModelError
from models.intake import read_image
from serving.errors import Gone, InvalidRequest, NotFound
from serving.inspections import repository
from serving.platform import Platform
from serving.strict import Number
from serving.tables import Inspection

Corners = Annotated[int, Field(ge=3, le=60)]


class CheckerboardIn(BaseModel):
    """Which picture, and what board is in it."""

    model_config = ConfigDict(extra="forbid")

    inspection_id: Annotated[str, Field(max_length=64)]
    """An inspection of this station whose picture shows the board."""
    columns: Corners
    """Inner corners in a row: one less than squares."""
    rows: Corners
    """Inner corners in a column."""
    square_mm: Annotated[Number, Field(gt=0, le=1000, allow_inf_nan=False)]
    """Side of a square."""


class CalibrationOut(BaseModel):
    """What the board says; nothing is stored until the station is configured with it."""

    mm_per_px: float
    spread_percent: float
    """How much the squares differ in the picture. Above 2 or so the camera looks askew, and one scale does not hold
    everywhere."""
    corners: list[tuple[float, float]]
    """The inner corners in pixels of the picture, row by row."""


def calibrate(platform: Platform, station_id: str, board: CheckerboardIn) -> CalibrationOut:
    """The scale. Reads and searches the picture: call it in a thread.

    Raises:
        NotFound: The station has no such inspection, or its picture is lost.
        Gone: Retention has deleted the picture.
        InvalidRequest: No such board is in it, or it cannot be read.
    """
    with platform.database.read() as session:
        row = repository.find(session, board.inspection_id)
    if row is None or row.station_id != station_id:
        raise NotFound("there is no such inspection at this station")
    try:
        picture = read_image(_picture_of(platform, row))
    except ModelError as error:
        raise InvalidRequest(f"the picture cannot be read: {error}") from error
    found = scale_of_board(picture.pixels_rgb, board.columns, board.rows, board.square_mm)
    if found is None:
        raise InvalidRequest(
            f"no checkerboard with {board.columns} x {board.rows} inner corners was found in the picture"
        )
    return CalibrationOut(
        mm_per_px=found.mm_per_px, spread_percent=found.spread_percent, corners=list(found.corners_xy)
    )


def _picture_of(platform: Platform, row: Inspection) -> bytes:
    file = platform.live.media.find(row.image_path)
    if row.picture_deleted_at is not None:
        raise Gone("retention has deleted this picture")
    if file is None:
        raise NotFound("the picture of this inspection is lost")
    try:
        return file.read_bytes()
    except OSError as error:
        raise NotFound(f"the picture of this inspection cannot be read: {error.strerror}") from error
