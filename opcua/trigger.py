"""The method `TriggerInspection`: the same way as `POST /api/v1/inspect/camera`, in the name of the client's user."""

import asyncio
from contextlib import suppress
from functools import partial
from typing import Any, Final
from uuid import uuid4

import structlog
from asyncua import ua

from opcua.accounts import Accounts, PlatformUser
from opcua.board import Board
from opcua.errors import LoginError
from opcua.guard.processor import caller
from opcua.nodes import TRIGGER
from opcua.station import StationNodes
from serving.client import ClientError
from serving.client_opcua import OpcUaClient
from serving.inspections.schemas import InspectionOut

_MOST_PART_ID: Final = 128
# The nodes follow the verdict by milliseconds; who called the method should find them there.
_NODES_WITHIN_S: Final = 1.0
_STATUS_OF: Final = {
    400: ua.StatusCodes.BadInvalidArgument,
    401: ua.StatusCodes.BadUserAccessDenied,
    403: ua.StatusCodes.BadUserAccessDenied,
    409: ua.StatusCodes.BadInvalidState,
    422: ua.StatusCodes.BadInvalidArgument,
    429: ua.StatusCodes.BadTooManyOperations,
    503: ua.StatusCodes.BadDeviceFailure,
}
_log = structlog.get_logger(__name__)


class TriggerError(Exception):
    """An inspection was not made.

    Attributes:
        status: Number of the OPC UA status code.
    """

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class Trigger:
    """Takes pictures for clients, one at a time and station."""

    def __init__(self, client: OpcUaClient, accounts: Accounts, board: Board, deadline_s: float) -> None:
        """Takes the way to the API, who the users are, and in which time there must be a verdict."""
        self._client = client
        self._accounts = accounts
        self._board = board
        self._deadline_s = deadline_s
        self._awaited: dict[str, asyncio.Event] = {}
        board.on_result.append(self._note)

    async def add_method(self) -> None:
        """Puts the method into the address space."""
        namespace = self._board.namespace
        inputs = [_argument("stationId", "Station"), _argument("partId", "Part, may be empty")]
        outputs = [
            _argument("inspectionId", "Id of the stored inspection"),
            _argument("decision", "pass, fail or uncertain"),
            _argument("confidence", "0 to 1", ua.ObjectIds.Float),
        ]
        name = ua.QualifiedName(TRIGGER, namespace)
        await self._board.root.add_method(ua.NodeId(TRIGGER, namespace), name, self._call, inputs, outputs)

    async def inspect(self, nodes: StationNodes, part_id: str | None, user: PlatformUser) -> InspectionOut:
        """The stored verdict on the camera's next picture; the station's handshake shows how it goes.

        Raises:
            TriggerError: There is none, and why.
        """
        if not user.may_trigger:
            raise TriggerError("this needs the role operator", ua.StatusCodes.BadUserAccessDenied)
        if not nodes.is_ready:
            raise TriggerError("the station is not ready", ua.StatusCodes.BadInvalidState)
        await nodes.show_busy(is_busy=True)
        error = "the client has gone"
        try:
            result = await self._ask(nodes.line.station_id, part_id, user)
            error = ""
        except TriggerError as failed:
            error = str(failed)
            raise
        finally:
            await nodes.show_busy(is_busy=False, error=error)
        return result

    async def _ask(self, station_id: str, part_id: str | None, user: PlatformUser) -> InspectionOut:
        try:
            async with asyncio.timeout(self._deadline_s):
                token = await self._accounts.token_of(user)
                ask = partial(
                    self._client.inspect_camera,
                    station_id,
                    part_id,
                    token=token,
                    idempotency_key=f"opcua-{uuid4()}",
                    timeout_s=self._deadline_s,
                )
                result = await asyncio.to_thread(ask)
        except TimeoutError as error:
            raise TriggerError("there was no verdict in time", ua.StatusCodes.BadTimeout) from error
        except LoginError as error:
            raise TriggerError(str(error), error.status) from error
        except ClientError as error:
            status = ua.StatusCodes.BadNoCommunication if error.status is None else ua.StatusCodes.BadInternalError
            raise TriggerError(str(error), _STATUS_OF.get(error.status or 0, status)) from error
        await self._until_shown(result)
        return result

    async def _until_shown(self, result: InspectionOut) -> None:
        nodes = self._board.stations.get(result.station_id)
        if nodes is not None and nodes.line.last is not None and nodes.line.last.id == result.id:
            return
        shown = self._awaited.setdefault(result.id, asyncio.Event())
        with suppress(TimeoutError):
            await asyncio.wait_for(shown.wait(), _NODES_WITHIN_S)
        self._awaited.pop(result.id, None)

    async def _note(self, _: StationNodes, result: InspectionOut) -> None:
        if (waiting := self._awaited.get(result.id)) is not None:
            waiting.set()

    async def _call(self, _parent: ua.NodeId, *arguments: ua.Variant) -> Any:
        if len(arguments) != 2:
            missing = ua.StatusCodes.BadArgumentsMissing, ua.StatusCodes.BadTooManyArguments
            return ua.StatusCode(missing[len(arguments) > 2])
        station_id, part_id = (argument.Value for argument in arguments)
        if not isinstance(station_id, str) or not isinstance(part_id, str | None) or len(part_id or "") > _MOST_PART_ID:
            return ua.StatusCode(ua.StatusCodes.BadInvalidArgument)
        nodes = self._board.stations.get(station_id)
        if nodes is None:
            # By REST a new name makes a station; a PLC with a typing error must not.
            return ua.StatusCode(ua.StatusCodes.BadNotFound)
        user = caller.get()
        try:
            result = await self.inspect(nodes, part_id or None, user)
        except TriggerError as error:
            _log.warning("opcua_trigger_failed", station_id=station_id, user=user.name, reason=str(error))
            return ua.StatusCode(error.status)
        _log.info("opcua_trigger", station_id=station_id, user=user.name, inspection_id=result.id)
        return [
            ua.Variant(result.id, ua.VariantType.String),
            ua.Variant(result.decision, ua.VariantType.String),
            ua.Variant(result.confidence, ua.VariantType.Float),
        ]


def _argument(name: str, meaning: str, kind: int = ua.ObjectIds.String) -> ua.Argument:
    made = ua.Argument()
    made.Name, made.DataType, made.ValueRank = name, ua.NodeId(kind), -1
    made.Description = ua.LocalizedText(meaning)
    return made
