"""Whether what the nodes show can be trusted, and what to say where it cannot."""

from dataclasses import dataclass
from typing import Final

from asyncua import ua

from serving.opcua_status.schemas import PlatformState


@dataclass(frozen=True, slots=True)
class Condition:
    """How the platform is.

    Attributes:
        name: What `SystemStatus` says.
        text: Why, for people; empty where all is well.
        status: Quality of the nodes.
    """

    name: str
    text: str = ""
    status: int = ua.StatusCodes.Good

    @property
    def is_good(self) -> bool:
        """Whether the nodes can be trusted."""
        return self.status == ua.StatusCodes.Good


RUNNING: Final = Condition("running")
STARTING: Final = Condition(
    "starting", "the server has not read the stations yet", ua.StatusCodes.BadWaitingForInitialData
)
NO_API: Final = Condition("api_unavailable", "the API does not answer", ua.StatusCodes.BadNoCommunication)
NAMES: Final = ("starting", "running", "api_unavailable", "not_ready", "camera_fault")


def condition_of(state: PlatformState) -> Condition:
    """What the API says of itself."""
    if state.problem is not None:
        return Condition("not_ready", state.problem, ua.StatusCodes.BadOutOfService)
    if state.camera_problem is not None:
        return Condition("camera_fault", state.camera_problem, ua.StatusCodes.BadSensorFailure)
    return RUNNING
