"""What every camera does, and the faults it may have."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Protocol

from serving.errors import CameraFault


@dataclass(frozen=True, slots=True)
class CapturedFrame:
    """One frame as the camera gave it.

    Attributes:
        data: The encoded picture.
        media_type: What the camera says it is; the intake decides by content.
        captured_at: When it was taken, UTC.
        sequence: Counts the frames of this camera from 0.
    """

    data: bytes
    media_type: str
    captured_at: datetime
    sequence: int


class FrameFault(CameraFault):
    """No trustworthy frame: the part was not looked at, so there is no verdict. `kind` says why."""

    kind: ClassVar[str] = "fault"


class CameraUnplugged(FrameFault):
    """The camera does not answer or cannot be opened."""

    kind = "unplugged"


class CameraLate(FrameFault):
    """No new frame within the deadline."""

    kind = "late"


class CameraFrozen(FrameFault):
    """The camera repeats one frame, bit for bit."""

    kind = "frozen"


class CameraBlack(FrameFault):
    """The frame is dark and even: the lens is covered or the light is off."""

    kind = "black"


class CameraGarbled(FrameFault):
    """The frame does not decode."""

    kind = "garbled"


class Camera(Protocol):
    """A source of frames. `capture` and `close` block and are called from worker threads, one at a time."""

    @property
    def repeats_are_faults(self) -> bool:
        """Whether two equal frames mean a frozen sensor. Not so where files are replayed on purpose."""

    def capture(self, deadline_s: float) -> CapturedFrame:
        """A frame taken after the call began, or the newest one.

        Raises:
            CameraUnplugged: It cannot be reached.
            CameraLate: No frame within `deadline_s`.
        """

    def close(self) -> None:
        """Lets go of the device. Calling it twice is fine."""
