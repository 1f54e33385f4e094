"""What a client of the WebSocket may ask for: in its URL, and by its messages."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError
from starlette.datastructures import QueryParams

from serving.errors import BadRequest, Forbidden
from serving.events.messages import Choice
from serving.events.outbox import EVENT_TYPES
from serving.events.schemas import EventType
from serving.stations.schemas import STATION_ID_PATTERN

STATS: Final = "stats"
MOST_SEQ: Final = 2**63 - 1
_MOST_CHARACTERS: Final = 8192
_STATION: Final = TypeAdapter(Annotated[str, StringConstraints(pattern=STATION_ID_PATTERN)])
_SEQ: Final = TypeAdapter(Annotated[int, Field(ge=0, le=MOST_SEQ)])


class AuthMessage(BaseModel):
    """A token: the first one of a connection, or the next one that keeps it open."""

    model_config = ConfigDict(extra="ignore")

    type: Literal["auth"]
    token: Annotated[str, StringConstraints(min_length=1, max_length=4096)]


def types_of(text: str | None, extra: tuple[str, ...] = ()) -> frozenset[str] | None:
    """The types named in a comma-separated list; None for all.

    Raises:
        BadRequest: One does not exist.
    """
    if text is None:
        return None
    known: tuple[EventType | str, ...] = (*EVENT_TYPES, *extra)
    named = frozenset(name.strip() for name in text.split(",") if name.strip())
    if not named or not named <= set(known):
        raise BadRequest(f"types must be some of {', '.join(known)}, separated by commas")
    return named


def choice_of(station_id: str | None, types: frozenset[str] | None, allowed: frozenset[str] | None) -> Choice:
    """What a follower gets.

    Args:
        station_id: The station that it asks for, None for all.
        types: The types that it asks for, None for all.
        allowed: The stations that its key is for, None where it may hear of everything.

    Raises:
        Forbidden: The key is not for that station.
    """
    if allowed is None:
        return Choice(None if station_id is None else frozenset({station_id}), types=types)
    if station_id is not None and station_id not in allowed:
        raise Forbidden("this API key is not for this station")
    return Choice(allowed if station_id is None else frozenset({station_id}), whole_plant=False, types=types)


def wishes_of(query: QueryParams, allowed: frozenset[str] | None) -> tuple[Choice, int | None]:
    """What a client of the WebSocket gets, and after which number it goes on; None for from now on.

    Raises:
        BadRequest: A parameter cannot be used.
        Forbidden: The key is not for that station.
    """
    station_id, after = query.get("station_id"), query.get("after")
    try:
        station_id = None if station_id is None else _STATION.validate_python(station_id)
    except ValidationError as error:
        raise BadRequest("station_id is not the id of a station") from error
    choice = choice_of(station_id, types_of(query.get("types"), (STATS,)), allowed)
    if allowed is not None and choice.station_id is None:
        raise BadRequest("this API key is for several stations: station_id must name one of them")
    try:
        return choice, None if after is None else _SEQ.validate_python(after)
    except ValidationError as error:
        raise BadRequest("after must be the seq of a message") from error


def read_message(text: str | None) -> AuthMessage:
    """A message of the client.

    Raises:
        BadRequest: It is none that we know.
    """
    if text is None or len(text) > _MOST_CHARACTERS:
        raise BadRequest(f"a message must be text of at most {_MOST_CHARACTERS} characters")
    try:
        return AuthMessage.model_validate_json(text)
    except ValidationError as error:  # it may hold a token: nothing of it is repeated
        raise BadRequest('the only message that is known is {"type": "auth", "token": …}') from error
