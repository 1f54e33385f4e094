"""The route that every part of a line takes. What it declares is read from the request by hand.

FastAPI puts declared parameters and dependencies together anew for each request: on the bench machine as much time as
the limits and the look-up of the caller together. The endpoint's signature stays what the API's description and the
table of roles are made from; a test compares both ways.
"""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Final

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, StringConstraints, ValidationError

from serving.auth.dependencies import bearer_of, require
from serving.inspections.upload import PartText, StationText
from serving.platform import get_platform

OPERATOR: Final = require("operator")
MOST_KEY_CHARACTERS: Final = 255
KEY_PATTERN: Final = r"^[\x21-\x7e]+$"


class _Asked(BaseModel):
    """What stands beside the body, by the names on the wire."""

    station_id: StationText | None
    part_id: PartText | None
    idempotency_key: Annotated[str, StringConstraints(max_length=MOST_KEY_CHARACTERS, pattern=KEY_PATTERN)] | None


_PLACES: Final = {
    "station_id": ("query", "station_id"),
    "part_id": ("query", "part_id"),
    "idempotency_key": ("header", "Idempotency-Key"),
}


class PartRoute(APIRoute):
    """Calls its endpoint with `(platform, user, request, station_query, part_query, idempotency_key, priority)`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What answers a request."""
        endpoint = self.endpoint

        async def handle(request: Request) -> Response:
            platform = await get_platform(request)
            user = await OPERATOR(request, platform, await bearer_of(request))
            asked = _asked_of(request)
            answer: Response = await endpoint(
                platform,
                user,
                request,
                asked.station_id,
                asked.part_id,
                asked.idempotency_key,
                request.headers.get("priority"),
            )
            return answer

        return handle


def _asked_of(request: Request) -> _Asked:
    query = request.query_params
    try:
        return _Asked(
            station_id=query.get("station_id"),
            part_id=query.get("part_id"),
            idempotency_key=request.headers.get("idempotency-key"),
        )
    except ValidationError as error:
        found = [{**e, "loc": (*_PLACES[str(e["loc"][0])], *e["loc"][1:])} for e in error.errors()]
        raise RequestValidationError(found) from error
