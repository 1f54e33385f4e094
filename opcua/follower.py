"""Follows the events of the API by their numbers: each result once, whoever was restarted in between."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

import structlog
from pydantic import ValidationError

from opcua.board import Board
from opcua.condition import NO_API, STARTING, Condition
from serving.client import ClientError
from serving.client_opcua import OpcUaClient
from serving.events.schemas import EventList, EventOut
from serving.inspections.schemas import InspectionOut

AlertListener = Callable[[EventOut], Coroutine[Any, Any, None]]
_TYPES: Final = "inspection,alert,station,model"
_PAGE: Final = 500
_WAIT_S: Final = 5.0
_PERIOD_S: Final = 0.02
_AT_ONCE: Final = 10
_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 2.0
_log = structlog.get_logger(__name__)


class Follower:
    """Reads the stations once, then every event after that.

    Attributes:
        seq: Number of the last event that the board shows, None before it has read the stations.
        wake: Called when an event may mean that the platform is in another condition.
        on_alert: Heard of each alert.
    """

    def __init__(self, client: OpcUaClient, board: Board) -> None:
        """Takes the way to the API, and what shows the results."""
        self.seq: int | None = None
        self.wake: Callable[[], None] = lambda: None
        self.on_alert: list[AlertListener] = []
        self._client = client
        self._board = board
        self._ahead: set[str] = set()
        self._is_caught_up = False
        self._told: Condition | None = None
        self._asked_s = 0.0
        self._coming: asyncio.Task[EventList] | None = None

    async def run(self) -> None:
        """Follows until it is cancelled."""
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                await self._round()
                pause_s = _FIRST_PAUSE_S
                continue
            except ClientError as error:
                if self._is_caught_up or pause_s >= _LONGEST_PAUSE_S:
                    _log.warning("events_unreachable", error=str(error), status=error.status)
            except Exception:  # noqa: BLE001 - the loop's supervisor: following must go on
                # Whatever was half shown is read anew: no result may be left out.
                _log.exception("events_failed")
                self.seq = None
            self._is_caught_up = False
            await self._settle()
            await asyncio.sleep(pause_s)
            pause_s = min(_LONGEST_PAUSE_S, pause_s * 2)

    async def hear(self, condition: Condition) -> None:
        """Takes what the heartbeat has found."""
        self._told = condition
        await self._settle()

    async def _round(self) -> None:
        if self.seq is None:
            snapshot = await asyncio.to_thread(self._client.opcua_snapshot)
            await self._board.load(snapshot)
            self.seq, self._ahead, self._coming = snapshot.seq, set(snapshot.ahead), None
        coming, self._coming = self._coming, None
        page = await (coming or self._ask(self.seq))
        if page.reset is not None:
            _log.warning("events_missed", reason=page.reset.reason, after=self.seq, newest=page.newest_seq)
            self.seq, self._is_caught_up = None, False
            return
        if page.last_seq < page.newest_seq:
            # The API reads the next ones while these are shown.
            self._coming = asyncio.create_task(self._ask(page.last_seq))
            self._coming.add_done_callback(_see_error)
        for count, event in enumerate(page.events, 1):
            await self._take(event)
            self.seq = event.seq
            if count % _AT_ONCE == 0:
                await asyncio.sleep(0)  # clients' requests and publishings are due meanwhile
        self.seq = page.last_seq
        if page.last_seq >= page.newest_seq and not self._is_caught_up:
            self._is_caught_up = True
            self.wake()
            await self._settle()

    async def _ask(self, after: int) -> EventList:
        """The events after a number, waited for.

        While results come thick they may gather: a question costs the API as much as a dozen of them. One that comes
        after a pause is asked for at once.
        """
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._asked_s + _PERIOD_S - loop.time()))
        self._asked_s = loop.time()
        wait_s = _WAIT_S if self._is_caught_up else 0.0
        return await asyncio.to_thread(self._client.events, after, types=_TYPES, limit=_PAGE, wait_s=wait_s)

    async def _take(self, event: EventOut) -> None:
        if event.type == "inspection":
            inspection_id = str(event.data.get("id"))
            if inspection_id in self._ahead:
                self._ahead.discard(inspection_id)  # the snapshot had it
                return
            try:
                result = InspectionOut.model_validate(event.data)
            except ValidationError:
                _log.exception("event_unreadable", seq=event.seq)  # a result of a version that we do not know
                return
            await self._board.take(result)
        elif event.type == "station":
            await self._board.add(str(event.data["station_id"]))
        else:
            self.wake()
            if event.type == "alert":
                for listener in self.on_alert:
                    await listener(event)

    async def _settle(self) -> None:
        """Shows the condition that follows from both: what is heard, and whether events come."""
        if self.seq is None:
            condition = STARTING if self._told is not None and self._told != NO_API else NO_API
        elif self._told is None or self._told == NO_API or not self._is_caught_up:
            condition = NO_API
        else:
            condition = self._told
        await self._board.show(condition)


def _see_error(task: "asyncio.Task[EventList]") -> None:
    """Whoever waits for the task gets its error; where nobody does any more, it is not worth a complaint."""
    if not task.cancelled():
        task.exception()
