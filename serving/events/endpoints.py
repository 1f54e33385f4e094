"""`WS /ws/dashboard` and `GET /api/v1/events`."""

import time
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Response, WebSocket
from starlette.websockets import WebSocketDisconnect

from serving.auth.dependencies import CurrentUser
from serving.error_responses import error_response
from serving.errors import StorageUnavailable
from serving.events.connection import follow
from serving.events.entry import chosen_subprotocol, is_origin_allowed
from serving.events.reader import Reset
from serving.events.recent import Page
from serving.events.schemas import EventList, ResetOut
from serving.events.wishes import MOST_SEQ, choice_of, types_of
from serving.platform import Platform, PlatformDep, get_platform
from serving.stations.schemas import STATION_ID_PATTERN

router = APIRouter(tags=["events"])
_FIND_PLACE_S = 5.0
_UNKNOWN_S = 2.0  # the number may come from another process
_MOST_WAIT_S = 25.0  # below the half minute after which many a proxy gives an answer up

TypesQuery = Annotated[
    str | None, Query(max_length=200, description="Some of inspection, alert, job, model, station; comma-separated")
]


@router.websocket("/ws/dashboard")
async def dashboard(websocket: WebSocket, platform: Annotated[Platform, Depends(get_platform)]) -> None:
    """Events as they happen, figures every five seconds."""
    settings = platform.settings
    hosts = (*settings.allowed_hosts, settings.api_host)
    try:
        if not is_origin_allowed(websocket.scope, hosts, settings.cors_origins):
            platform.events.metrics.count_dropped("origin")
            refusal = error_response(403, "pages of this origin may not follow the events", "forbidden")
            await websocket.send_denial_response(refusal)
            return
        await websocket.accept(chosen_subprotocol(websocket.scope))
    except WebSocketDisconnect:
        return
    await follow(platform, websocket)


@router.get("/api/v1/events", response_model=EventList)
async def list_events(
    platform: PlatformDep,
    user: CurrentUser,
    after: Annotated[int | None, Query(ge=0, le=MOST_SEQ, description="Absent: from now on")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    types: TypesQuery = None,
    station_id: Annotated[str | None, Query(pattern=STATION_ID_PATTERN)] = None,
    wait_s: Annotated[float, Query(ge=0, le=_MOST_WAIT_S, description="Seconds to wait for the first event")] = 0.0,
) -> Response:
    """Events after a number, oldest first; with `wait_s` the answer waits until there is one."""
    choice = choice_of(station_id, types_of(types), user.stations)
    hub = platform.events.hub
    await platform.events.catch_up()
    if hub.position is None:
        await hub.wait_beyond(-1, _FIND_PLACE_S)
    if hub.position is None:
        raise StorageUnavailable("the events cannot be read now")
    if after is not None and after > hub.position:
        await hub.wait_beyond(after - 1, _UNKNOWN_S)
    page = Page([], hub.position if after is None else after)
    deadline_s = time.monotonic() + wait_s
    while True:
        newest = hub.position
        if after is not None or newest > page.last_seq:
            found: Page | Reset | None = hub.recall(choice, page.last_seq, limit)
            if found is None:
                found = await to_thread.run_sync(
                    platform.events.reader.resume,
                    choice,
                    page.last_seq,
                    newest,
                    limit,
                    limiter=platform.events.reading_slots,
                )
            if isinstance(found, Reset):
                return _answer([], found.newest_seq, found.newest_seq, found)
            page = found
        left_s = deadline_s - time.monotonic()
        if page.messages or left_s <= 0 or not hub.may_wait:
            return _answer([message.text for message in page.messages], page.last_seq, newest)
        await hub.wait_beyond(page.last_seq, left_s)


def _answer(texts: list[str], last_seq: int, newest_seq: int, reset: Reset | None = None) -> Response:
    # The messages are JSON already, the same that go over the WebSocket: they are not taken apart again.
    told = "null" if reset is None else ResetOut.model_validate(reset.to_json()).model_dump_json()
    body = f'{{"events":[{",".join(texts)}],"last_seq":{last_seq},"newest_seq":{newest_seq},"reset":{told}}}'
    return Response(body, media_type="application/json")
