"""The cameras themselves: simulated, folder, and the video grabber on a scripted device."""

import os
import queue
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from models.intake import read_image
from serving.cameras.camera import CameraGarbled, CameraLate, CameraUnplugged
from serving.cameras.factory import open_camera
from serving.cameras.folder import FolderCamera
from serving.cameras.simulated import SimulatedCamera
from serving.cameras.video import VideoCamera, open_rtsp
from serving.errors import ConfigurationError
from serving.settings import Settings

MIB = 1024 * 1024


def test_parts_differ_and_repeat_with_the_seed_when_simulated() -> None:
    first, again = SimulatedCamera(7), SimulatedCamera(7)
    frames = [first.capture(1.0) for _ in range(3)]
    assert len({frame.data for frame in frames}) == 3
    assert [again.capture(1.0).data for _ in range(3)] == [frame.data for frame in frames]
    assert [frame.sequence for frame in frames] == [0, 1, 2]
    assert read_image(frames[0].data).media_type == "image/jpeg"
    assert frames[0].captured_at.tzinfo is not None


def test_pictures_come_in_name_order_and_again_when_a_folder_is_replayed(tmp_path: Path) -> None:
    for name in ("b.png", "a.JPG", "notes.txt", "c.tiff"):
        (tmp_path / name).write_bytes(name.encode())
    camera = FolderCamera(str(tmp_path), MIB)
    assert [camera.capture(0.1).data for _ in range(4)] == [b"a.JPG", b"b.png", b"c.tiff", b"a.JPG"]
    (tmp_path / "b.png").unlink()
    (tmp_path / "bb.png").write_bytes(b"new")
    assert camera.capture(0.1).data == b"new"


def test_camera_is_unplugged_when_the_folder_is_missing_or_empty(tmp_path: Path) -> None:
    for source in (tmp_path, tmp_path / "missing"):
        with pytest.raises(CameraUnplugged):
            FolderCamera(str(source), MIB).capture(0.1)


def test_frame_is_refused_when_the_file_is_too_large(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"12345")
    with pytest.raises(CameraGarbled):
        FolderCamera(str(tmp_path), 4).capture(0.1)


def test_each_new_file_comes_once_when_a_folder_is_watched(tmp_path: Path) -> None:
    (tmp_path / "old.png").write_bytes(b"old")
    camera = FolderCamera(f"watch:{tmp_path}", MIB)
    with pytest.raises(CameraLate):
        camera.capture(0.01)
    new = tmp_path / "new.png"
    new.write_bytes(b"new")
    os.utime(new, (time.time() - 10, time.time() - 10))  # the writer is done since long
    assert camera.capture(5.0).data == b"new"
    with pytest.raises(CameraLate):
        camera.capture(0.01)


def test_file_is_left_alone_when_its_writer_may_not_be_done(tmp_path: Path) -> None:
    camera = FolderCamera(f"watch:{tmp_path}", MIB)
    new = tmp_path / "new.png"
    new.write_bytes(b"half")
    os.utime(new, (time.time() + 0.15, time.time() + 0.15))
    with pytest.raises(CameraLate):
        camera.capture(0.01)


Step = npt.NDArray[np.uint8] | Literal["fail", "closed"]


class ScriptedDevice:
    """A device that gives frames as the test feeds them, each opening of it a new `cv2.VideoCapture`."""

    def __init__(self) -> None:
        self.steps: queue.Queue[Step] = queue.Queue()
        self.opened = 0
        self.released = threading.Semaphore(0)
        self.reading = threading.Semaphore(0)
        self._open = True

    def open(self) -> "ScriptedDevice":
        self.opened += 1
        return self

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return self._open

    def read(self) -> tuple[bool, npt.NDArray[np.uint8] | None]:
        self.reading.release()
        step = self.steps.get(timeout=20)
        return (False, None) if isinstance(step, str) else (True, step)

    def release(self) -> None:
        self.released.release()


@contextmanager
def feeding(device: ScriptedDevice, pixels: npt.NDArray[np.uint8]) -> Iterator[None]:
    """Gives a frame, and another one for each that is read, until the end of the block."""
    ending = threading.Event()

    def feed() -> None:
        while not ending.is_set():
            device.steps.put(pixels)
            device.reading.acquire(timeout=10)

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        yield
    finally:
        ending.set()
        device.reading.release()
        feeder.join()


def grey(level: int) -> npt.NDArray[np.uint8]:
    return np.full((48, 64, 3), level, np.uint8)


@pytest.fixture
def device() -> ScriptedDevice:
    return ScriptedDevice()


@pytest.fixture
def camera(device: ScriptedDevice) -> Iterator[VideoCamera]:
    camera = VideoCamera(device.open)
    with closing(camera):
        yield camera
        camera._stop.set()
        device.steps.put("fail")


def level_of(data: bytes) -> int:
    return round(float(read_image(data).pixels_rgb.mean()))


def test_frame_is_one_taken_after_the_call_when_older_ones_lie_around(
    device: ScriptedDevice, camera: VideoCamera
) -> None:
    device.steps.put(grey(50))
    for _ in range(2):  # the first frame is read and the device waits for the next one
        assert device.reading.acquire(timeout=10)
    with feeding(device, grey(150)):
        frame = camera.capture(10.0)
    assert level_of(frame.data) == 150
    assert frame.sequence >= 1


def test_camera_is_late_when_it_is_connected_and_gives_nothing(device: ScriptedDevice, camera: VideoCamera) -> None:
    assert device.reading.acquire(timeout=10)
    with pytest.raises(CameraLate):
        camera.capture(0.01)


def test_camera_is_opened_again_when_it_was_unplugged(device: ScriptedDevice, camera: VideoCamera) -> None:
    assert device.reading.acquire(timeout=10)
    device.steps.put("fail")
    assert device.released.acquire(timeout=10)
    assert device.reading.acquire(timeout=10)  # opened for the second time, after a pause
    with feeding(device, grey(90)):
        assert level_of(camera.capture(10.0).data) == 90
    assert device.opened == 2


def test_camera_is_unplugged_when_the_device_does_not_open() -> None:
    device = ScriptedDevice()
    device._open = False
    with closing(VideoCamera(device.open)) as camera, pytest.raises(CameraUnplugged):
        camera.capture(0.05)


def test_frames_come_from_a_real_stream_when_opencv_reads_a_file(tmp_path: Path) -> None:
    path = tmp_path / "line.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 48))
    for _ in range(5):
        writer.write(grey(120))
    writer.release()
    with closing(VideoCamera(lambda: open_rtsp(str(path)))) as camera:  # begins anew at the end of the file
        assert level_of(camera.capture(20.0).data) == pytest.approx(120, abs=3)


@pytest.mark.parametrize("kind", ["folder", "rtsp"])
def test_start_is_refused_when_the_camera_has_no_source(settings: Settings, kind: str) -> None:
    with pytest.raises(ConfigurationError, match="CAMERA_SOURCE"):
        open_camera(settings.model_copy(update={"camera_type": kind}))


def test_camera_is_the_one_asked_for_when_opened(settings: Settings, tmp_path: Path) -> None:
    assert isinstance(open_camera(settings), SimulatedCamera)
    folder = settings.model_copy(update={"camera_type": "folder", "camera_source": str(tmp_path)})
    assert isinstance(open_camera(folder), FolderCamera)
