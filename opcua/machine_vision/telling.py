"""Shows a vision system's state, and tells its events at the system and at the server."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from asyncua import Node, Server, ua
from asyncua.server.event_generator import EventGenerator

from opcua.machine_vision import nodeset
from opcua.machine_vision.nodeset import Tables
from opcua.machine_vision.states import State, Transition

_T = ua.VariantType
_SEVERITY: Final = 100
_ERROR_SEVERITY: Final = 700
_KINDS: Final = (
    *(nodeset.STATE_CHANGED, nodeset.ERROR_EVENT, nodeset.ERROR_RESOLVED, nodeset.JOB_STARTED),
    *(nodeset.READY_EVENT, nodeset.RECIPE_PREPARED, nodeset.RESULT_READY),
)


class Telling:
    """The state variables and the events of one vision system."""

    def __init__(self, server: Server, tables: Tables, system: Node, machine: Node, inner: Node) -> None:
        """Takes the nodes; `prepare` reads what it needs of them."""
        self._server = server
        self._tables = tables
        self._system = system
        self._machines = {False: machine, True: inner}
        self._variables: dict[bool, tuple[ua.NodeId, ua.NodeId, ua.NodeId]] = {}
        self._generators: dict[int, Sequence[EventGenerator]] = {}

    async def prepare(self, name: str) -> None:
        """Finds the variables, makes those of the numbers, and what tells the events."""
        for is_inner, machine in self._machines.items():
            current = await machine.get_child("0:CurrentState")
            known = await current.get_child("0:Id")
            number = await current.add_property(
                ua.NodeId(f"{current.nodeid.Identifier}.Number", current.nodeid.NamespaceIndex),
                ua.QualifiedName("Number", 0),
                0,
                varianttype=_T.UInt32,
            )
            self._variables[is_inner] = (current.nodeid, known.nodeid, number.nodeid)
        for kind in _KINDS:
            made = []
            for source in (self._system.nodeid, ua.NodeId(ua.ObjectIds.Server)):
                generator = await self._server.get_event_generator(self._tables.id_of(kind), source)
                generator.event.SourceNode, generator.event.SourceName = self._system.nodeid, name
                made.append(generator)
            self._generators[kind] = made

    async def show(self, outer: State, state: State) -> None:
        """Shows the state; the inner machine has none while the outer one is not operational."""
        await self._write(is_inner=False, state=outer)
        await self._write(is_inner=True, state=state if state.is_inner else None)

    async def changed(self, transition: Transition) -> None:
        """Tells of a change of state; of errors as the standard wants."""
        told = self._change(transition)
        await self.tell(nodeset.STATE_CHANGED, told, f"{told['FromState'].Text} to {told['ToState'].Text}")
        if transition.number in {130, 430}:
            await self.tell(nodeset.ERROR_EVENT, {**told, "Severity": _ERROR_SEVERITY}, "the platform cannot inspect")
        elif transition.number == 340:
            await self.tell(nodeset.ERROR_RESOLVED, told, "the platform can inspect again")

    async def tell(self, kind: int, values: Mapping[str, Any], text: str, at: datetime | None = None) -> None:
        """Tells one event."""
        for generator in self._generators[kind]:
            event = generator.event
            event.Severity = _SEVERITY
            for name, value in values.items():
                event.add_property(name, value.Value, value.VariantType) if isinstance(
                    value, ua.Variant
                ) else event.add_property(name, value, event.data_types.get(name) or _variant_type(value))
            await generator.trigger(time_attr=at, message=text)

    def _change(self, transition: Transition) -> dict[str, Any]:
        moved = self._tables.transitions[transition.number]
        before, after = self._tables.states[transition.before], self._tables.states[transition.after]
        told: dict[str, Any] = {}
        for name, (node_id, label), number in (
            ("Transition", moved, transition.number),
            ("FromState", before, int(transition.before)),
            ("ToState", after, int(transition.after)),
        ):
            told[name] = ua.LocalizedText(label)
            told[f"{name}/Id"] = ua.Variant(node_id, _T.NodeId)
            told[f"{name}/Number"] = ua.Variant(number, _T.UInt32)
        return told

    async def _write(self, *, is_inner: bool, state: State | None) -> None:
        now = datetime.now(UTC)
        if state is None:
            values: Sequence[ua.Variant] = [ua.Variant(None, _T.Null)] * 3
            status = ua.StatusCodes.BadStateNotActive
        else:
            node_id, name = self._tables.states[state]
            values = (
                ua.Variant(ua.LocalizedText(name), _T.LocalizedText),
                ua.Variant(node_id, _T.NodeId),
                ua.Variant(int(state), _T.UInt32),
            )
            status = ua.StatusCodes.Good
        for variable, value in zip(self._variables[is_inner], values, strict=True):
            written = ua.DataValue(value, StatusCode=ua.StatusCode(status), SourceTimestamp=now, ServerTimestamp=now)
            await self._server.iserver.aspace.write_attribute_value(variable, ua.AttributeIds.Value, written)


def _variant_type(value: Any) -> ua.VariantType:
    match value:
        case bool():
            return _T.Boolean
        case int():
            return _T.Int32
        case datetime():
            return _T.DateTime
        case ua.LocalizedText():
            return _T.LocalizedText
        case str():
            return _T.String
        case _:
            return _T.ExtensionObject
