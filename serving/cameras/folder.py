"""A folder as a camera: replays its pictures in name order, and takes new ones as they arrive."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from serving.cameras.camera import CameraGarbled, CameraLate, CameraUnplugged, CapturedFrame

_SUFFIXES: Final = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"}
_LOOK_EVERY_S: Final = 0.05
# A writer that is not done yet still moves the size or the time stamp within this span.
_SETTLED_S: Final = 0.2
WATCH_PREFIX: Final = "watch:"


class FolderCamera:
    """Gives the pictures of a folder.

    With a plain path it replays: name order, from the start again at the end. With `watch:` in front it gives each
    file once, those that arrive after the start, and is late when none does.
    """

    # A replay repeats by the user's own choice; a watched folder never gives a file twice.
    repeats_are_faults = False

    def __init__(self, source: str, max_bytes: int) -> None:
        self._watches = source.startswith(WATCH_PREFIX)
        self._folder = Path(source.removeprefix(WATCH_PREFIX)).expanduser()
        self._max_bytes = max_bytes
        self._sequence = 0
        self._last_name = ""
        self._seen: set[str] = set()
        if self._watches and self._folder.is_dir():
            self._seen = {file.name for file in self._list()}

    def capture(self, deadline_s: float) -> CapturedFrame:
        """The next picture of the folder.

        Raises:
            CameraUnplugged: The folder is missing, unreadable, or has no picture to replay.
            CameraGarbled: The file is larger than any picture we take.
            CameraLate: No new picture arrived within `deadline_s`.
        """
        file = self._wait_for_new(deadline_s) if self._watches else self._next_in_order()
        try:
            if file.stat().st_size > self._max_bytes:
                raise CameraGarbled(f"{file.name} is larger than {self._max_bytes} bytes")
            data = file.read_bytes()
        except OSError as error:
            raise CameraUnplugged(f"{file.name} cannot be read: {error.strerror}") from error
        frame = CapturedFrame(data, "application/octet-stream", datetime.now(UTC), self._sequence)
        self._sequence += 1
        return frame

    def close(self) -> None:
        """Nothing to let go of."""

    def _next_in_order(self) -> Path:
        files = self._list()
        if not files:
            raise CameraUnplugged("the camera folder holds no picture")
        file = next((file for file in files if file.name > self._last_name), files[0])
        self._last_name = file.name
        return file

    def _wait_for_new(self, deadline_s: float) -> Path:
        give_up_at = time.monotonic() + deadline_s
        while True:
            for file in self._list():
                if file.name not in self._seen and _is_settled(file):
                    self._seen.add(file.name)
                    return file
            if time.monotonic() >= give_up_at:
                raise CameraLate(f"no new picture within {deadline_s:g} s")
            time.sleep(_LOOK_EVERY_S)

    def _list(self) -> list[Path]:
        try:
            names = [file for file in self._folder.iterdir() if file.suffix.lower() in _SUFFIXES and file.is_file()]
        except OSError as error:
            raise CameraUnplugged(f"the camera folder cannot be read: {error.strerror}") from error
        self._seen &= {file.name for file in names}  # a name that was removed may be used again; and no growth
        return sorted(names)


def _is_settled(file: Path) -> bool:
    try:
        written_at = file.stat().st_mtime
    except OSError:
        return False
    return abs(time.time() - written_at) >= _SETTLED_S
