"""Where the original pictures lie, and how one gets there so that a crash at any moment leaves all of it or nothing."""

import contextlib
import hashlib
import os
import re
import stat
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import structlog

from serving.errors import StorageUnavailable

_log = structlog.get_logger(__name__)

# Media type by content (never by what the client claims) and the ending that stands for it.
EXTENSIONS: Final = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/bmp": "bmp",
    "image/tiff": "tiff",
    "image/webp": "webp",
}
INCOMING: Final = ".incoming"
ORPHANS: Final = ".orphans"
_UUID: Final = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_PATH: Final = re.compile(rf"[0-9]{{4}}/[0-9]{{2}}/[0-9]{{2}}/({_UUID})\.({'|'.join(EXTENSIONS.values())})")


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """One picture on disk.

    Attributes:
        path: Below the media folder, `YYYY/MM/DD/<inspection id>.<ending>`.
        sha256: Of the bytes, 64 hex digits.
        size_bytes: Number of bytes.
    """

    path: str
    sha256: str
    size_bytes: int


def inspection_id_of(path: str) -> str | None:
    """The inspection whose picture `path` names, None if no picture of ours can have that name."""
    match = _PATH.fullmatch(path)
    return match[1] if match else None


class MediaStore:
    """The folder of the original pictures. Every method blocks; safe to call from several threads."""

    def __init__(self, root: Path, *, reserve_bytes: int = 0) -> None:
        """Takes the folder, and how much of its disk no picture may take."""
        self.root = root
        self._reserve_bytes = reserve_bytes
        self._known_folders: set[Path] = set()
        # Saved by this process, row not committed yet: the repair must not take them for orphans.
        self._pending: set[str] = set()
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """Makes the folders and removes what an earlier process left half written.

        Raises:
            StorageUnavailable: The folder cannot be written.
        """
        try:
            for folder in (self.root, self.root / INCOMING):
                folder.mkdir(mode=0o750, parents=True, exist_ok=True)
            for leftover in (self.root / INCOMING).iterdir():
                leftover.unlink()
        except OSError as error:
            raise StorageUnavailable(f"the picture folder cannot be used: {error.strerror}") from error

    def require_usable(self) -> None:
        """Returns if the folder is the one that was prepared, and may be written.

        A folder that lost what `prepare` made in it is none of ours: perhaps the disk is no longer mounted there, and
        what would be kept in it would be gone when the disk is back.

        Raises:
            StorageUnavailable: It is not.
        """
        incoming = self.root / INCOMING
        if not incoming.is_dir() or not os.access(incoming, os.W_OK):
            raise StorageUnavailable(f"the picture folder {self.root} is not there, or may not be written")

    def save(self, data: bytes, media_type: str, inspection_id: str, day: date) -> StoredPicture:
        """The picture, on disk for good when this returns.

        The name appears only when the content is complete: write to a temporary file, fsync, rename, fsync the folder
        (Source: man 2 fsync, "Calling fsync() does not necessarily ensure that the entry in the directory has reached
        disk"). The caller must call `settle` or `discard` afterwards.

        Raises:
            StorageUnavailable: Disk full, read-only or failing; nothing is left behind.
        """
        self._require_room(len(data))
        path = f"{day:%Y/%m/%d}/{inspection_id}.{EXTENSIONS[media_type]}"
        temporary = self.root / INCOMING / inspection_id
        target = self.root / path
        with self._lock:
            self._pending.add(path)
        try:
            self._make_folder(target.parent)
            _write_durably(temporary, data)
            temporary.rename(target)
            _sync_folder(target.parent)
        except OSError as error:
            for leftover in (temporary, target):
                with contextlib.suppress(OSError):
                    leftover.unlink()
            self._known_folders.discard(target.parent)
            self.settle(path)
            raise StorageUnavailable(f"the picture cannot be stored: {error.strerror or error}") from error
        return StoredPicture(path, hashlib.sha256(data).hexdigest(), len(data))

    def settle(self, path: str) -> None:
        """Says that the fate of a saved picture is decided: its row is committed, or it is left to the repair."""
        with self._lock:
            self._pending.discard(path)

    def is_pending(self, path: str) -> bool:
        """Whether a request of this process still works on that picture."""
        with self._lock:
            return path in self._pending

    def discard(self, path: str) -> None:
        """Removes a picture; one that is already gone is fine.

        Raises:
            OSError: It cannot be removed.
        """
        try:
            (self.root / path).unlink(missing_ok=True)
        finally:
            self.settle(path)

    def remove_all(self, paths: Iterable[str]) -> frozenset[str]:
        """Those of the pictures that are gone for good when this returns; what was gone before is among them."""
        gone: dict[Path, set[str]] = {}
        for path in paths:
            if inspection_id_of(path) is None:
                continue  # whatever the database says, nothing else is ever removed
            file = self.root / path
            try:
                file.unlink(missing_ok=True)
            except OSError as error:
                _log.error("picture_not_removed", path=path, error=str(error))
            else:
                gone.setdefault(file.parent, set()).add(path)
        return frozenset().union(*(paths for folder, paths in gone.items() if _is_synced(folder)))

    def set_aside(self, path: str) -> None:
        """Moves an orphan out of the way, to be looked at or removed by a person.

        Raises:
            OSError: It cannot be moved.
        """
        target = self.root / ORPHANS / path
        target.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        (self.root / path).rename(target)

    def find(self, path: str) -> Path | None:
        """The picture's file if it is one of ours: a regular file with a name of ours, inside the folder, no link."""
        if inspection_id_of(path) is None:
            return None
        file = self.root / path
        try:
            if not stat.S_ISREG(file.lstat().st_mode) or file.resolve() != self.root.resolve() / path:
                return None
        except OSError:
            return None
        return file

    def pictures_since(self, first_day: date) -> Iterator[str]:
        """The paths of the pictures in the folders of `first_day` and later, oldest folder first."""
        for folder in sorted(self.root.glob("[0-9][0-9][0-9][0-9]/[0-9][0-9]/[0-9][0-9]")):
            day = folder.relative_to(self.root).as_posix()
            if day >= f"{first_day:%Y/%m/%d}":
                with os.scandir(folder) as entries:
                    yield from (f"{day}/{entry.name}" for entry in entries if inspection_id_of(f"{day}/{entry.name}"))

    def _require_room(self, size_bytes: int) -> None:
        """Refuses what would eat into the reserve.

        On a disk that is full to the last byte the database cannot be written either, and then nothing could be
        deleted any more: the mark that a picture is deleted needs a place.
        """
        try:
            disk = os.statvfs(self.root)
        except OSError as error:
            raise StorageUnavailable(f"the picture cannot be stored: {error.strerror or error}") from error
        if disk.f_bavail * disk.f_frsize < self._reserve_bytes + size_bytes:
            raise StorageUnavailable("the disk is full: what is left is kept for the database")

    def _make_folder(self, folder: Path) -> None:
        if folder in self._known_folders:
            return
        missing = [folder, *folder.parents][: len(folder.relative_to(self.root).parts)]
        for step in reversed(missing):
            step.mkdir(mode=0o750, exist_ok=True)
            _sync_folder(step.parent)
        self._known_folders.add(folder)


def _write_durably(file: Path, data: bytes) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o640)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_synced(folder: Path) -> bool:
    try:
        _sync_folder(folder)
    except FileNotFoundError:
        return True
    except OSError as error:
        _log.error("folder_not_synced", folder=str(folder), error=str(error))
        return False
    return True


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
