"""Types of settings that more than one place checks by: the environment at the start, the API at run time."""

from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode


def _split(value: Any) -> Any:
    """The items of a comma-separated text; anything else is left for Pydantic to judge."""
    if isinstance(value, str):
        return tuple(item.strip() for item in value.split(",") if item.strip())
    return value


def _absolute(value: Any) -> Any:
    """The path made absolute, so that a later change of the working folder moves nothing."""
    return Path(value).expanduser().absolute() if isinstance(value, str | Path) else value


def _known_timezone(value: str) -> str:
    """The name, if the time zone database has it."""
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        msg = "not a time zone of the IANA database"
        raise ValueError(msg) from error
    return value


AbsolutePath = Annotated[Path, BeforeValidator(_absolute), Field(validate_default=True)]
CommaSeparated = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Port = Annotated[int, Field(ge=1, le=65535)]
KeepDays = Annotated[int, Field(ge=0, le=36_500)]
KeepFailures = Annotated[int, Field(ge=0, le=100_000)]
FreePercent = Annotated[float, Field(ge=0, le=90, allow_inf_nan=False)]
SpaceMinDays = Annotated[int, Field(ge=1, le=36_500)]
LatencyBudget = Annotated[float, Field(gt=0.0, le=60_000.0, allow_inf_nan=False)]
TimezoneName = Annotated[str, Field(max_length=64), AfterValidator(_known_timezone)]
ShiftStart = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
ShiftStarts = Annotated[tuple[ShiftStart, ...], NoDecode, BeforeValidator(_split), Field(min_length=1, max_length=24)]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
