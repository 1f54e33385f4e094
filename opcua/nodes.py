"""What every station shows: names, types and meaning. The address space and its documentation are made from it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from asyncua import ua

from opcua.line import Line
from serving.inspections.schemas import InspectionOut

NAMESPACE: Final = "urn:ussop:inspection"
ROOT: Final = "Ussop"
STATIONS: Final = "Stations"
SYSTEM_STATUS: Final = "SystemStatus"
TRIGGER: Final = "TriggerInspection"
MOST_COUNT: Final = 2**31 - 1
_T = ua.VariantType


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """One variable of a station.

    Attributes:
        name: Browse name; the node id is `station/<id>/<name>`.
        type: Data type.
        meaning: What it says.
        value: The value for a result; None for what is set otherwise.
        is_array: Whether it is a list.
        has_history: Whether its past can be read.
    """

    name: str
    type: ua.VariantType
    meaning: str
    value: Callable[[Line, InspectionOut], Any] | None = None
    is_array: bool = False
    has_history: bool = False


def inference_ms(result: InspectionOut) -> float:
    """Time that the network took; the whole time where it is not told."""
    return result.timings_ms.get("inference", result.total_time_ms)


RESULT_NODES: Final = (
    NodeSpec("LastDecision", _T.String, "`pass`, `fail` or `uncertain`", lambda _, r: r.decision, has_history=True),
    NodeSpec("LastConfidence", _T.Float, "Confidence, 0 to 1", lambda _, r: r.confidence, has_history=True),
    NodeSpec(
        "ObjectsFound", _T.Int32, "Detections in the last inspection", lambda _, r: r.objects_found, has_history=True
    ),
    NodeSpec("CycleTimeMs", _T.Float, "Inference time in ms", lambda _, r: inference_ms(r), has_history=True),
    NodeSpec("PassCount", _T.Int32, "Passed parts of all time", lambda line, _: min(line.passed, MOST_COUNT)),
    NodeSpec("FailCount", _T.Int32, "Failed parts of all time", lambda line, _: min(line.failed, MOST_COUNT)),
    NodeSpec(
        "UncertainCount", _T.Int32, "Uncertain parts of all time", lambda line, _: min(line.uncertain, MOST_COUNT)
    ),
    NodeSpec("LastInspectionTime", _T.DateTime, "When the last inspection was made, UTC", lambda _, r: r.created_at),
    NodeSpec(
        "LastInspectionId",
        _T.String,
        "Id of the last inspection, as the API has it",
        lambda _, r: r.id,
        has_history=True,
    ),
    NodeSpec(
        "LastPartId",
        _T.String,
        "Part of the last inspection, empty without one",
        lambda _, r: r.part_id or "",
        has_history=True,
    ),
    NodeSpec("ModelVersion", _T.String, "Model version that decided", lambda _, r: r.model_version, has_history=True),
    NodeSpec(
        "Recipe", _T.String, "Recipe that held, `<station>@<revision>`", lambda _, r: str(r.recipe.get("name", ""))
    ),
    NodeSpec("RecipeDigest", _T.String, "Hash of that recipe", lambda _, r: r.recipe_digest),
    NodeSpec("TotalTimeMs", _T.Float, "Time from picture to stored verdict in ms", lambda _, r: r.total_time_ms),
    NodeSpec(
        "DefectClasses",
        _T.String,
        "Class of each detection of the last inspection",
        lambda _, r: [found.class_name for found in r.detections],
        is_array=True,
    ),
    NodeSpec(
        "DefectAreasMm2",
        _T.Float,
        "Area of each of them in mm², NaN without calibration",
        lambda _, r: [float("nan") if f.area_mm2 is None else f.area_mm2 for f in r.detections],
        is_array=True,
    ),
)
PASS_RATE: Final = NodeSpec("PassRate1h", _T.Float, "Share of passed parts in the last hour, 0 to 100")
HANDSHAKE_NODES: Final = (
    NodeSpec("ResultCounter", _T.UInt32, "Raised by exactly one with each result, after all other nodes of the result"),
    NodeSpec("Ready", _T.Boolean, "The station takes a trigger now"),
    NodeSpec("Busy", _T.Boolean, "A triggered inspection is under way"),
    NodeSpec("Error", _T.Boolean, "The last trigger failed, or nothing can be inspected now"),
    NodeSpec("ErrorText", _T.String, "Why"),
)
ALL_NODES: Final = (*RESULT_NODES, PASS_RATE, *HANDSHAKE_NODES)
# In the order of the API reference, so that people find them where they expect them.
REFERENCE_NODES: Final = (
    *("LastDecision", "LastConfidence", "ObjectsFound", "CycleTimeMs", "PassCount", "FailCount", "UncertainCount"),
    *("PassRate1h", "LastInspectionTime"),
)
_BY_NAME: Final[Mapping[str, NodeSpec]] = {spec.name: spec for spec in ALL_NODES}


def ordered_nodes() -> tuple[NodeSpec, ...]:
    """Every variable of a station, those of the API reference first."""
    first = tuple(_BY_NAME[name] for name in REFERENCE_NODES)
    return (*first, *(spec for spec in ALL_NODES if spec.name not in REFERENCE_NODES))


def station_node(station_id: str) -> str:
    """Node id of a station, without the namespace."""
    return f"station/{station_id}"


class _Written(ua.DataValue):
    """A value that is written once and never changed.

    Asyncua copies each value deeply for each subscription, so that nobody changes it; that took as long as all the rest
    of a notification (measured).
    """

    __slots__ = ()

    def __deepcopy__(self, memo: dict[int, Any]) -> "_Written":
        return self


def data_value(value: Any, spec: NodeSpec, at: datetime, status: int = ua.StatusCodes.Good) -> ua.DataValue:
    """A value of a node with its quality and the time of what it tells of."""
    return _Written(
        ua.Variant(value, spec.type, is_array=spec.is_array),
        StatusCode=ua.StatusCode(status),
        SourceTimestamp=at,
        ServerTimestamp=datetime.now(at.tzinfo),
    )
