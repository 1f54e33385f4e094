"""The nodes of one station."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from asyncua import Node, Server, ua

from opcua.condition import Condition
from opcua.line import Line
from opcua.nodes import (
    HANDSHAKE_NODES,
    PASS_RATE,
    RESULT_NODES,
    NodeSpec,
    data_value,
    ordered_nodes,
    station_node,
)
from serving.inspections.schemas import InspectionOut

_EMPTY: Final[Mapping[ua.VariantType, Any]] = {
    ua.VariantType.String: "",
    ua.VariantType.Float: 0.0,
    ua.VariantType.Int32: 0,
    ua.VariantType.UInt32: 0,
    ua.VariantType.Boolean: False,
    ua.VariantType.DateTime: datetime(1970, 1, 1, tzinfo=UTC),
}
_COUNTER, _READY, _BUSY, _ERROR, _ERROR_TEXT = HANDSHAKE_NODES
_HAS_PAST: Final = ua.Variant(Value=True, VariantType=ua.VariantType.Boolean)
_COUNTS: Final = frozenset({"PassCount", "FailCount", "UncertainCount"})


class StationNodes:
    """Writes what is known of a station into its nodes.

    A value is *good* while the platform can inspect; else it is *bad* and empty, and comes back as it was. So a PLC
    that ignores the quality still sees no *pass* that nobody stands for.
    """

    def __init__(self, server: Server, node: Node, line: Line, namespace: int) -> None:
        """Takes the object in the address space; `add_station` makes it."""
        self.node = node
        self.line = line
        self._space = server.iserver.aspace
        prefix = station_node(line.station_id)
        self._ids = {spec.name: ua.NodeId(f"{prefix}/{spec.name}", namespace) for spec in ordered_nodes()}
        self._condition: Condition | None = None
        self._is_overlaid = True
        self._is_busy = False
        self._trigger_error = ""
        self._rate: tuple[float | None] | None = None

    def id_of(self, name: str) -> ua.NodeId:
        """The node id of a variable."""
        return self._ids[name]

    async def show_result(self, result: InspectionOut) -> None:
        """Shows a result that the line has taken; the counter last, so that who waits for it finds the rest."""
        self._is_overlaid = False
        await self._write_result(result)
        await self.show_rate(result.created_at)
        await self._write(_COUNTER, self.line.results, result.created_at)

    async def show_condition(self, condition: Condition) -> None:
        """Shows how the platform is, where that has changed."""
        if condition == self._condition:
            return
        self._condition = condition
        now = datetime.now(UTC)
        if condition.is_good:
            if self._is_overlaid:
                await self._restore(now)
        else:
            self._is_overlaid = True
            for spec in (*RESULT_NODES, PASS_RATE):
                await self._write(spec, _empty(spec), now, condition.status)
            # The number of the last result stays true; only whether it is the newest is unknown.
            last_usable = ua.StatusCodes.UncertainLastUsableValue
            await self._write(_COUNTER, self.line.results, now, last_usable)
        await self._show_handshake(now)

    async def show_rate(self, now: datetime) -> None:
        """Shows the pass rate, where it has changed."""
        rate = self.line.hour.percent(now)
        if self._is_overlaid or (rate,) == self._rate:
            return
        self._rate = (rate,)
        # Without a part there is no rate; 0 looks no better than what is known.
        status = ua.StatusCodes.Good if rate is not None else ua.StatusCodes.UncertainSubstituteValue
        await self._write(PASS_RATE, rate or 0.0, now, status)

    async def show_busy(self, *, is_busy: bool, error: str = "") -> None:
        """Shows that a triggered inspection begins, or how it ended."""
        self._is_busy, self._trigger_error = is_busy, error
        await self._show_handshake(datetime.now(UTC))

    @property
    def is_busy(self) -> bool:
        """Whether a triggered inspection is under way."""
        return self._is_busy

    @property
    def is_ready(self) -> bool:
        """Whether a trigger would be taken."""
        condition = self._condition
        # A camera that failed gets its chance with the next trigger: nothing else tells that it is back.
        able = condition is not None and (condition.is_good or condition.name == "camera_fault")
        return able and not self._is_busy

    async def _show_handshake(self, now: datetime) -> None:
        trouble = "" if self._condition is None else self._condition.text
        text = self._trigger_error or trouble
        await self._write(_ERROR_TEXT, text, now)
        await self._write(_ERROR, bool(text), now)
        # In this order: a station is never both ready and busy.
        flags = ((_READY, self.is_ready), (_BUSY, self._is_busy))
        for spec, value in flags if self._is_busy else reversed(flags):
            await self._write(spec, value, now)

    async def _restore(self, now: datetime) -> None:
        self._is_overlaid, self._rate = False, None
        last = self.line.last
        if last is not None:
            await self._write_result(last)
        else:
            await self._show_nothing_yet(now)
        await self.show_rate(now)
        await self._write(_COUNTER, self.line.results, now if last is None else last.created_at)

    async def _show_nothing_yet(self, now: datetime) -> None:
        counts = {"PassCount": self.line.passed, "FailCount": self.line.failed, "UncertainCount": self.line.uncertain}
        for spec in RESULT_NODES:
            if spec.name in _COUNTS:
                await self._write(spec, counts[spec.name], now)
            else:
                await self._write(spec, _empty(spec), now, ua.StatusCodes.BadWaitingForInitialData)

    async def _write_result(self, result: InspectionOut) -> None:
        for spec in RESULT_NODES:
            if spec.value is not None:
                await self._write(spec, spec.value(self.line, result), result.created_at)

    async def _write(self, spec: NodeSpec, value: Any, at: datetime, status: int = ua.StatusCodes.Good) -> None:
        # Straight into the address space: a write through a session costs three times as much (measured).
        written = data_value(value, spec, at, status)
        await self._space.write_attribute_value(self._ids[spec.name], ua.AttributeIds.Value, written)


async def add_station(parent: Node, station_id: str, namespace: int) -> Node:
    """The object of a station with its nodes, new in the address space, with no value yet."""
    prefix = station_node(station_id)
    name = ua.QualifiedName(station_id, namespace)
    made: Node = await parent.add_object(ua.NodeId(prefix, namespace), name)
    for spec in ordered_nodes():
        await _add_variable(made, spec, ua.NodeId(f"{prefix}/{spec.name}", namespace), namespace)
    return made


async def _add_variable(parent: Node, spec: NodeSpec, node_id: ua.NodeId, namespace: int) -> None:
    name = ua.QualifiedName(spec.name, namespace)
    empty = [] if spec.is_array else _EMPTY[spec.type]
    node = await parent.add_variable(node_id, name, empty, varianttype=spec.type)
    await node.write_attribute(
        ua.AttributeIds.Description, ua.DataValue(ua.LocalizedText(spec.meaning.replace("`", "")))
    )
    if spec.is_array:
        await node.write_attribute(ua.AttributeIds.ValueRank, ua.DataValue(ua.Variant(1, ua.VariantType.Int32)))
    if spec.has_history:
        await node.write_attribute(ua.AttributeIds.Historizing, ua.DataValue(_HAS_PAST))
        for attribute in (ua.AttributeIds.AccessLevel, ua.AttributeIds.UserAccessLevel):
            await node.set_attr_bit(attribute, ua.AccessLevel.HistoryRead)
    waiting = data_value(empty, spec, datetime.now(UTC), ua.StatusCodes.BadWaitingForInitialData)
    await node.write_attribute(ua.AttributeIds.Value, waiting)


def _empty(spec: NodeSpec) -> Any:
    return [] if spec.is_array else _EMPTY[spec.type]
