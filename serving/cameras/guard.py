"""Stands between a camera and the verdicts: only a frame that shows the part as it is now gets through."""

import asyncio
import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from models.errors import ModelError
from models.intake import Picture, read_image
from serving.cameras.camera import (
    Camera,
    CameraBlack,
    CameraFrozen,
    CameraGarbled,
    CameraLate,
    CapturedFrame,
    FrameFault,
)
from serving.errors import Overloaded

# A covered lens gives sensor noise around 2-5 of 255 with little spread; an unlit part in a lit hall lies above both.
BLACK_MEAN: Final = 10.0
BLACK_SPREAD: Final = 6.0
_SAMPLE_EVERY_PX: Final = 8
_MOST_WAITING: Final = 16
# What encoding and decoding of a large frame may add to the camera's own deadline.
_GRACE_S: Final = 1.0


class FaultListener(Protocol):
    """Who must hear of faults, and of their end. Called from the event loop; must not block."""

    def camera_failed(self, fault: FrameFault) -> None:
        """There was no trustworthy frame."""

    def camera_recovered(self) -> None:
        """A good frame arrived (called for each one)."""


@dataclass(frozen=True, slots=True)
class GuardedFrame:
    """A frame that passed, with its decoded picture (decoded once, here, for the checks and for the network)."""

    frame: CapturedFrame
    picture: Picture
    decode_ms: float


class GuardedCamera:
    """One camera, used by one request at a time, with a deadline, checked for being frozen, black or garbled."""

    def __init__(self, camera: Camera, listener: FaultListener, *, timeout_s: float, frozen_frames: int) -> None:
        self._camera = camera
        self._listener = listener
        self._timeout_s = timeout_s
        self._frozen_frames = frozen_frames
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="camera")
        self._waiting = 0
        self._last_digest = b""
        self._repeats = 0

    async def capture(self) -> GuardedFrame:
        """The next trustworthy frame.

        Raises:
            FrameFault: Unplugged, late, frozen, black or garbled; the listener knows.
            Overloaded: Too many requests wait for the camera.
        """
        if self._waiting >= _MOST_WAITING:
            raise Overloaded("too many requests wait for the camera")
        self._waiting += 1
        try:
            frame = await self._capture_in_time()
        except FrameFault as fault:
            self._listener.camera_failed(fault)
            raise
        finally:
            self._waiting -= 1
        self._listener.camera_recovered()
        return frame

    def close(self) -> None:
        """Lets go of the camera; a driver that hangs keeps its thread, not us."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._camera.close()

    async def _capture_in_time(self) -> GuardedFrame:
        begun = self._thread.submit(self._capture_and_check)
        try:
            # Those in front each have the camera for at most their own deadline.
            async with asyncio.timeout((self._timeout_s + _GRACE_S) * self._waiting):
                return await asyncio.wrap_future(begun)
        except TimeoutError:
            raise CameraLate(f"no frame within {self._timeout_s:g} s") from None

    def _capture_and_check(self) -> GuardedFrame:
        frame = self._camera.capture(self._timeout_s)
        self._require_new(frame)
        started_s = time.perf_counter()
        try:
            picture = read_image(frame.data)
        except ModelError as error:
            raise CameraGarbled(f"the camera's frame cannot be used: {error}") from error
        decode_ms = (time.perf_counter() - started_s) * 1000
        require_light(picture.pixels_rgb)
        return GuardedFrame(frame, picture, decode_ms)

    def _require_new(self, frame: CapturedFrame) -> None:
        digest = hashlib.sha256(frame.data).digest()
        self._repeats = self._repeats + 1 if digest == self._last_digest else 1
        self._last_digest = digest
        if self._camera.repeats_are_faults and self._repeats >= self._frozen_frames:
            raise CameraFrozen(f"the camera gave the same frame {self._repeats} times: it is frozen")


def require_light(pixels_rgb: npt.NDArray[np.uint8]) -> None:
    """Refuses a picture that is dark all over.

    Args:
        pixels_rgb: uint8, (height, width, 3), RGB; every eighth pixel is looked at.

    Raises:
        CameraBlack: Dark and without contrast.
    """
    sample = pixels_rgb[::_SAMPLE_EVERY_PX, ::_SAMPLE_EVERY_PX]
    mean, spread = float(sample.mean()), float(sample.std())
    if mean < BLACK_MEAN and spread < BLACK_SPREAD:
        raise CameraBlack(f"the frame is black (mean {mean:.1f} of 255): lens covered or light off")
