"""OPC UA events: a part failed, an alert was raised or ended."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from asyncua import Node, Server, ua
from asyncua.server.event_generator import EventGenerator

from opcua.board import Board
from opcua.station import StationNodes
from serving.events.schemas import EventOut
from serving.inspections.schemas import InspectionOut

_T = ua.VariantType
FAILED: Final = "InspectionFailedEventType"
ALERT: Final = "AlertEventType"
FAILED_FIELDS: Final = (
    *(("InspectionId", _T.String), ("StationId", _T.String), ("PartId", _T.String), ("Confidence", _T.Float)),
    *(("ModelVersion", _T.String), ("DefectClasses", _T.String)),
)
ALERT_FIELDS: Final = (
    *(("AlertId", _T.String), ("StationId", _T.String), ("Title", _T.String)),
    *(("IsResolved", _T.Boolean), ("IsAcknowledged", _T.Boolean)),
)
_FAIL_SEVERITY: Final = 500
SEVERITIES: Final[Mapping[str, int]] = {"info": 100, "warning": 400, "error": 700, "critical": 900}


class Notifications:
    """Tells of failed parts at the station and at the server, and of alerts at the server."""

    def __init__(self, server: Server, board: Board) -> None:
        """Takes where to tell it; `prepare` makes the types of events."""
        self._server = server
        self._board = board
        self._failed_type: Node | None = None
        self._at_server: dict[str, EventGenerator] = {}
        self._at_station: dict[str, EventGenerator] = {}

    async def prepare(self) -> None:
        """Makes the types of events."""
        namespace = self._board.namespace
        for name, fields in ((FAILED, FAILED_FIELDS), (ALERT, ALERT_FIELDS)):
            type_id = ua.NodeId(name, namespace)
            base = self._server.get_node(ua.ObjectIds.BaseEventType)
            made = await base.add_object_type(type_id, ua.QualifiedName(name, namespace))
            for field, kind in fields:
                field_id = ua.NodeId(f"{name}/{field}", namespace)
                empty = ua.get_default_value(kind)
                await made.add_property(field_id, ua.QualifiedName(field, namespace), empty, varianttype=kind)
            self._at_server[name] = await self._server.get_event_generator(made)
            if name == FAILED:
                self._failed_type = made
        self._board.on_station.append(self._add_station)
        self._board.on_result.append(self._tell_result)

    async def tell_alert(self, event: EventOut) -> None:
        """Tells of an alert that was raised, seen or ended."""
        told = event.data
        values = {
            "AlertId": str(told.get("id")),
            "StationId": str(told.get("station_id") or ""),
            "Title": str(told.get("title")),
            "IsResolved": told.get("resolved_at") is not None,
            "IsAcknowledged": bool(told.get("acknowledged")),
            "Severity": SEVERITIES.get(str(told.get("severity")), _FAIL_SEVERITY),
        }
        await _trigger(self._at_server[ALERT], values, event.at, f"{told.get('title')}: {told.get('message')}")

    async def _add_station(self, nodes: StationNodes) -> None:
        assert self._failed_type is not None  # noqa: S101 - `prepare` comes first
        made = await self._server.get_event_generator(self._failed_type, nodes.node.nodeid)
        self._at_station[nodes.line.station_id] = made

    async def _tell_result(self, nodes: StationNodes, result: InspectionOut) -> None:
        if result.decision != "fail":
            return
        classes = sorted({found.class_name for found in result.detections})
        values = {
            "InspectionId": result.id,
            "StationId": result.station_id,
            "PartId": result.part_id or "",
            "Confidence": result.confidence,
            "ModelVersion": result.model_version,
            "DefectClasses": ", ".join(classes),
            "Severity": _FAIL_SEVERITY,
            "SourceNode": nodes.node.nodeid,
            "SourceName": result.station_id,
        }
        text = f"part {result.part_id or 'without id'} failed: {', '.join(classes) or 'no region'}"
        for generator in (self._at_station[result.station_id], self._at_server[FAILED]):
            await _trigger(generator, values, result.created_at, text)


async def _trigger(generator: EventGenerator, values: Mapping[str, Any], at: datetime, text: str) -> None:
    for name, value in values.items():
        setattr(generator.event, name, value)
    await generator.trigger(time_attr=at, message=text[:1000])
