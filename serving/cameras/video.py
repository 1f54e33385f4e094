"""USB and RTSP cameras through OpenCV: a thread keeps the newest frame, because a queue of old ones is a lie."""

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol, cast

import cv2
import numpy as np
import numpy.typing as npt
import structlog

from serving.cameras.camera import CameraGarbled, CameraLate, CameraUnplugged, CapturedFrame

_JPEG_QUALITY: Final = 95
_FIRST_BACKOFF_S: Final = 0.5
_LONGEST_BACKOFF_S: Final = 10.0
_OPEN_TIMEOUT_MS: Final = 5_000
_READ_TIMEOUT_MS: Final = 2_000

_log = structlog.get_logger(__name__)


class Capture(Protocol):
    """The part of `cv2.VideoCapture` that is used."""

    def isOpened(self) -> bool: ...  # noqa: N802 - OpenCV's name

    def read(self) -> tuple[bool, npt.NDArray[np.uint8] | None]: ...

    def release(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Newest:
    pixels_bgr: npt.NDArray[np.uint8]
    taken_at: datetime
    taken_monotonic_s: float
    sequence: int


def open_usb(source: str) -> Capture:
    """The USB camera with index (or device path) `source`; it may turn out not to be opened."""
    device = int(source) if source.isdigit() else source
    return cast("Capture", cv2.VideoCapture(device, cv2.CAP_V4L2))


def open_rtsp(source: str) -> Capture:
    """The stream at URL `source`; it may turn out not to be opened."""
    timeouts = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _OPEN_TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, _READ_TIMEOUT_MS]
    return cast("Capture", cv2.VideoCapture(source, cv2.CAP_FFMPEG, timeouts))


class VideoCamera:
    """A device opened once, drained by a thread, opened again with growing pauses when it fails."""

    repeats_are_faults = True

    def __init__(self, open_capture: Callable[[], Capture]) -> None:
        self._open_capture = open_capture
        self._newest: _Newest | None = None
        self._connected = False
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._grabber = threading.Thread(target=self._grab_for_ever, name="camera-grabber", daemon=True)
        self._grabber.start()

    def capture(self, deadline_s: float) -> CapturedFrame:
        """The first frame that arrives after the call: the part is in place now, not half a second ago.

        Raises:
            CameraUnplugged: The device is not connected and did not come back within `deadline_s`.
            CameraLate: It is connected but gave no frame within `deadline_s`.
            CameraGarbled: The frame could not be encoded.
        """
        called_s = time.monotonic()
        with self._changed:
            arrived = self._changed.wait_for(
                lambda: self._newest is not None and self._newest.taken_monotonic_s > called_s, timeout=deadline_s
            )
            newest, connected = self._newest, self._connected
        if not arrived or newest is None:
            if connected:
                raise CameraLate(f"no frame within {deadline_s:g} s")
            raise CameraUnplugged("the camera is not connected")
        done, encoded = cv2.imencode(".jpg", newest.pixels_bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
        if not done:
            raise CameraGarbled("the frame could not be encoded")
        return CapturedFrame(encoded.tobytes(), "image/jpeg", newest.taken_at, newest.sequence)

    def close(self) -> None:
        """Ends the thread and lets go of the device; waits a little for a blocked driver."""
        self._stop.set()
        self._grabber.join(timeout=2 * _READ_TIMEOUT_MS / 1000)

    def _grab_for_ever(self) -> None:
        backoff_s = _FIRST_BACKOFF_S
        while not self._stop.is_set():
            try:
                frames = self._grab_until_failure()
            except cv2.error as error:
                frames = 0
                _log.warning("camera_driver_failed", error=str(error))
            with self._changed:
                self._connected = False
            backoff_s = _FIRST_BACKOFF_S if frames else min(2 * backoff_s, _LONGEST_BACKOFF_S)
            self._stop.wait(backoff_s)

    def _grab_until_failure(self) -> int:
        capture = self._open_capture()
        frames = 0
        with contextlib.ExitStack() as stack:
            stack.callback(capture.release)
            while capture.isOpened() and not self._stop.is_set():
                with self._changed:
                    self._connected = True
                took, pixels = capture.read()
                if not took or pixels is None:
                    break
                frames += 1
                self._publish(pixels)
        return frames

    def _publish(self, pixels_bgr: npt.NDArray[np.uint8]) -> None:
        with self._changed:
            sequence = self._newest.sequence + 1 if self._newest else 0
            self._newest = _Newest(pixels_bgr, datetime.now(UTC), time.monotonic(), sequence)
            self._changed.notify_all()
