"""The simulated line: seeded pictures of parts, so that the platform works with no hardware at all."""

from datetime import UTC, datetime
from typing import Final

import cv2

from models.simulation import SimulatedLine
from serving.cameras.camera import CameraGarbled, CapturedFrame

# Chroma at full resolution would cost time for nothing on grey metal; 95 keeps fine scratches.
_JPEG_QUALITY: Final = 95


class SimulatedCamera:
    """Gives the parts of one simulated line, in order."""

    repeats_are_faults = True

    def __init__(self, seed: int, defect_rate: float = 0.3) -> None:
        self._line = SimulatedLine(seed, defect_rate)
        self._next = 0

    def capture(self, deadline_s: float) -> CapturedFrame:  # noqa: ARG002 - drawing takes milliseconds
        """The next part.

        Raises:
            CameraGarbled: The picture could not be encoded.
        """
        sequence = self._next
        self._next += 1
        pixels = self._line.part(sequence).pixels_rgb
        done, encoded = cv2.imencode(
            ".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
        )
        if not done:
            raise CameraGarbled("the simulated picture could not be encoded")
        return CapturedFrame(encoded.tobytes(), "image/jpeg", datetime.now(UTC), sequence)

    def close(self) -> None:
        """Nothing to let go of."""
