"""The guard: whatever is wrong with the camera, there is an error and never a frame."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from serving.cameras.camera import (
    CameraBlack,
    CameraFrozen,
    CameraGarbled,
    CameraLate,
    CameraUnplugged,
    CapturedFrame,
    FrameFault,
)
from serving.cameras.guard import GuardedCamera
from serving.errors import Overloaded
from tests.pictures import jpeg_bytes, png_bytes, square_picture
from tests.serving.conftest import bearer, log_in
from tests.serving.server import serve

GOOD = png_bytes(square_picture(None))
DARK = np.random.default_rng(1).integers(0, 6, (64, 64, 3)).astype(np.uint8)


class ScriptedCamera:
    """Gives what it is told to: bytes, or an error to raise."""

    def __init__(self, frames: Iterator[bytes | Exception], *, repeats_are_faults: bool = True) -> None:
        self.repeats_are_faults = repeats_are_faults
        self.captures = 0
        self._frames = frames

    def capture(self, deadline_s: float) -> CapturedFrame:  # noqa: ARG002 - the protocol's name
        self.captures += 1
        frame = next(self._frames)
        if isinstance(frame, Exception):
            raise frame
        return CapturedFrame(frame, "image/png", datetime.now(UTC), self.captures)

    def close(self) -> None:
        pass


class HangingCamera(ScriptedCamera):
    """Hangs in its driver, whatever the deadline, until let go."""

    def __init__(self) -> None:
        super().__init__(iter([]))
        self.let_go = threading.Event()

    def capture(self, deadline_s: float) -> CapturedFrame:  # noqa: ARG002 - the protocol's name
        self.let_go.wait(timeout=30)
        raise CameraUnplugged("gone")


class Listener:
    """Writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def camera_failed(self, fault: FrameFault) -> None:
        self.heard.append(fault.kind)

    def camera_recovered(self) -> None:
        self.heard.append("good")


def captures(camera: ScriptedCamera, times: int, *, timeout_s: float = 2.0) -> tuple[list[object], list[str]]:
    """What each capture gave (a frame's size, or the class of the error), and what the listener heard."""

    async def scenario() -> list[object]:
        guard = GuardedCamera(camera, listener, timeout_s=timeout_s, frozen_frames=3)
        outcomes: list[object] = []
        for _ in range(times):
            try:
                outcomes.append((await guard.capture()).picture.shape_hw)
            except FrameFault as fault:
                outcomes.append(type(fault))
        guard.close()
        return outcomes

    listener = Listener()
    return asyncio.run(scenario()), listener.heard


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (CameraUnplugged("no device"), CameraUnplugged),
        (CameraLate("no frame"), CameraLate),
        (b"no picture", CameraGarbled),
        (GOOD[:-20], CameraGarbled),
        (png_bytes(np.zeros((64, 64, 3), np.uint8)), CameraBlack),
        (jpeg_bytes(DARK), CameraBlack),
    ],
    ids=["unplugged", "late", "no_picture", "half_frame", "black", "covered_lens"],
)
def test_fault_is_told_and_its_end_too_when_a_bad_frame_comes(bad: bytes | Exception, kind: type[FrameFault]) -> None:
    outcomes, heard = captures(ScriptedCamera(iter([bad, GOOD])), 2)
    assert outcomes == [kind, (64, 64)]
    assert heard == [kind.kind, "good"]


def test_camera_is_frozen_when_one_frame_repeats() -> None:
    other = png_bytes(square_picture("red"))
    outcomes, _ = captures(ScriptedCamera(iter([GOOD, GOOD, other, GOOD, GOOD, GOOD, GOOD, other])), 8)
    size = (64, 64)
    assert outcomes == [size, size, size, size, size, CameraFrozen, CameraFrozen, size]


def test_repeats_are_fine_when_pictures_are_replayed() -> None:
    outcomes, _ = captures(ScriptedCamera(iter([GOOD] * 6), repeats_are_faults=False), 6)
    assert outcomes == [(64, 64)] * 6


def test_dark_part_passes_when_something_is_lit() -> None:
    pixels = DARK.copy()
    pixels[20:40, 20:40] = 90
    outcomes, _ = captures(ScriptedCamera(iter([png_bytes(pixels)])), 1)
    assert outcomes == [(64, 64)]


def test_answer_comes_in_time_when_the_driver_hangs() -> None:
    camera = HangingCamera()
    try:
        outcomes, heard = captures(camera, 2, timeout_s=0.05)
    finally:
        camera.let_go.set()
    assert outcomes == [CameraLate, CameraLate]
    assert heard == ["late", "late"]


def test_requests_are_sent_away_when_too_many_wait() -> None:
    camera = HangingCamera()

    async def scenario() -> list[BaseException | object]:
        guard = GuardedCamera(camera, Listener(), timeout_s=20, frozen_frames=3)
        waiting = [asyncio.create_task(guard.capture()) for _ in range(16)]
        await asyncio.sleep(0)  # one turn of the loop: all of them wait
        with pytest.raises(Overloaded):
            await guard.capture()
        camera.let_go.set()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        guard.close()
        return list(results)

    assert {type(result) for result in asyncio.run(scenario())} == {CameraUnplugged}


@pytest.fixture
def camera_of(app: FastAPI) -> Callable[[ScriptedCamera], None]:
    def put(camera: ScriptedCamera) -> None:
        app.state.platform.live.camera._camera = camera

    return put


def test_alert_opens_and_ends_with_the_fault_when_inspecting(
    app: FastAPI, camera_of: Callable[[ScriptedCamera], None]
) -> None:
    with serve(app) as base_url, httpx.Client(base_url=base_url, timeout=20, trust_env=False) as client:
        client.headers.update(bearer(log_in(client, "operator")))
        camera_of(ScriptedCamera(iter([CameraUnplugged("no device"), CameraUnplugged("no device"), GOOD])))
        for _ in range(2):
            response = client.post("/api/v1/inspect/camera")
            assert (response.status_code, response.json()["code"]) == (503, "camera_fault")
        assert client.get("/api/v1/inspections").json()["total"] == 0
        (alert,) = wait_for_alert(client, lambda alert: alert["occurrences"] == 2)
        assert (alert["severity"], alert["title"], alert["message"]) == ("error", "Camera unplugged", "no device")
        assert client.post("/api/v1/inspect/camera").json()["decision"] == "pass"
        wait_for_alert(client, lambda alert: alert["resolved_at"] is not None)


def wait_for_alert(client: httpx.Client, holds: Callable[[dict[str, object]], bool]) -> list[dict[str, object]]:
    alerts: list[dict[str, object]] = []
    for _ in range(200):  # written beside the request; each round trip is a wait of its own
        alerts = client.get("/api/v1/alerts").json()["alerts"]
        if any(holds(alert) for alert in alerts):
            return alerts
    pytest.fail(f"no such alert: {alerts}")
