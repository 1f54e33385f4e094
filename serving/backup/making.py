"""Makes a backup while the platform runs.

The order is what makes it consistent. Pictures and other files come first, and take the time. Then, within moments:
the audit log's anchor and the pointers to bundles (which may be older than the database, never newer), the databases,
and whatever came into being meanwhile. A row needs its picture: one that was deleted before it could be copied has been
marked as deleted first, so another copy of the database knows that.
"""

import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from serving.audit.actor import command_line
from serving.audit.record import record
from serving.backup.archive import Advance, ArchiveWriter
from serving.backup.contents import DATA, DATABASE, SETTINGS, is_sqlite, kept_files, settings_text
from serving.backup.databases import (
    DatabaseCopy,
    copy_database,
    copy_sqlite,
    kind_of,
    require_postgres_program,
    sqlite_file,
)
from serving.clock import utc_now
from serving.database import open_database
from serving.errors import ConfigurationError, InvalidRequest, StorageUnavailable
from serving.settings import Settings
from serving.version import VERSION

_MARGIN_BYTES: Final = 64 * 1024**2
_MEDIA: Final = f"{DATA}/media/"


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was made.

    Attributes:
        path: The archive.
        files: Number of files in it.
        size_bytes: Bytes of them.
        seal: SHA-256 of its manifest.
        missing_pictures: Pictures that the database needs and the platform had lost before.
    """

    path: Path
    files: int
    size_bytes: int
    seal: str
    missing_pictures: tuple[str, ...]


def make_backup(settings: Settings, path: Path, progress: Callable[[int], Advance] | None = None) -> Backup:
    """The backup, complete and on disk.

    Args:
        settings: Of the platform; it may be running.
        path: The archive to write, outside `DATA_DIR`.
        progress: Told how many bytes there are to copy; what it gives is told of each of them.

    Raises:
        ConfigurationError: There is no platform in `DATA_DIR`.
        InvalidRequest: The archive exists, or would lie in `DATA_DIR`.
        StorageUnavailable: Something cannot be read, or there is no room.
        NotInstalled: PostgreSQL's `pg_dump` is not here.
    """
    root = settings.data_dir.resolve()
    path = path.absolute()
    if not path.parent.is_dir():
        raise InvalidRequest(f"there is no folder {path.parent}")
    if path.parent.resolve().is_relative_to(root):
        raise InvalidRequest("a backup must lie outside DATA_DIR, best on another machine's disk")
    _require_platform(settings)
    expected_bytes = _require_room(settings, root, path.parent)
    advance = progress(expected_bytes) if progress is not None else lambda _count: None
    _record(settings, path)  # before it is made, so that the copy tells of it too
    with ArchiveWriter(path, advance) as archive, _scratch(path) as folder:
        return _Making(settings, root, archive, Path(folder)).run(path)


class _Making:
    """One backup."""

    def __init__(self, settings: Settings, root: Path, archive: ArchiveWriter, folder: Path) -> None:
        self._settings, self._root = settings, root
        self._archive = archive
        self._folder = folder
        self._anchor = root / settings.audit_anchor_file.name
        self._databases: list[tuple[str, Path]] = []
        self._own = sqlite_file(settings.database_url).resolve() if _has_sqlite(settings) else None

    def run(self, path: Path) -> Backup:
        self._add_files()
        self._add_late()
        copy, missing = self._add_database()
        self._add_files(but_media=True)
        stored = {_MEDIA + picture for picture in copy.pictures}
        pictures = {name for name in self._archive.files if name.startswith(_MEDIA) and not _is_marker(name)}
        self._archive.leave_out(pictures - stored)
        self._archive.add_bytes(SETTINGS, settings_text(self._settings).encode())
        size_bytes = sum(member.size_bytes for member in self._archive.files.values())
        files = len(self._archive.files)
        seal = self._archive.finish(
            made_at=utc_now().isoformat(),
            version=VERSION,
            database=kind_of(self._settings.database_url),
            revision=copy.revision,
            missing_pictures=missing,
        )
        return Backup(path, files, size_bytes, seal, tuple(missing))

    def _add_files(self, *, but_media: bool = False) -> None:
        """Add every file that is not in the archive yet; note the databases, whose turn is later."""
        but = {self._root / "media"} if but_media else set()
        for name, path in kept_files(self._root, but=but):
            if name in self._archive.files or path == self._own or self._is_late(path):
                continue
            if is_sqlite(path):
                self._databases.append((name, path))
            else:
                self._archive.add(name, path)

    def _is_late(self, path: Path) -> bool:
        is_pointer = path.parent == self._root / "bundles" and path.suffix == ".json"
        return is_pointer or path == self._anchor

    def _add_late(self) -> None:
        for path in (self._anchor, *sorted((self._root / "bundles").glob("*.json"))):
            self._archive.add(f"{DATA}/{path.relative_to(self._root).as_posix()}", path)
        for number, (name, path) in enumerate(self._databases):
            copy = self._folder / f"{number}.db"
            copy_sqlite(path, copy)
            self._archive.add(name, copy)
            copy.unlink()

    def _add_database(self) -> tuple[DatabaseCopy, list[str]]:
        """The copy of the platform's database, and the pictures that its rows need and nobody has."""
        gone: set[str] = set()
        while True:
            file = self._folder / "platform"
            file.unlink(missing_ok=True)
            copy = copy_database(self._settings.database_url, file)
            before, gone = gone, set()
            for picture in sorted(copy.pictures):
                name = _MEDIA + picture
                if name not in self._archive.files and not self._archive.add(name, self._root / "media" / picture):
                    gone.add(picture)
            # What is gone was deleted just now, and then the next copy knows it; or it is lost, and stays so.
            if gone <= before:
                self._archive.add(DATABASE, file)
                return copy, sorted(gone)


def _require_platform(settings: Settings) -> None:
    if _has_sqlite(settings):
        file = sqlite_file(settings.database_url)
        if not file.is_file():
            raise ConfigurationError(f"there is no platform here: {file} is missing")
    else:
        require_postgres_program("pg_dump")
    if not settings.data_dir.is_dir():
        raise ConfigurationError(f"there is no platform here: {settings.data_dir} is missing")


def _require_room(settings: Settings, root: Path, target: Path) -> int:
    """Bytes to copy."""
    needed, largest = 0, 0
    paths = [path for _, path in kept_files(root)]
    for path in [*paths, *([sqlite_file(settings.database_url)] if _has_sqlite(settings) else [])]:
        with suppress(OSError):  # gone by now
            size = path.lstat().st_size
            needed += size
            largest = max(largest, size)
    free = shutil.disk_usage(target).free
    # A database lies beside the archive for a while before it is part of it.
    if free < needed + largest + _MARGIN_BYTES:
        mib = 1024**2
        raise StorageUnavailable(
            f"{target} has {free // mib} MiB free, the backup needs up to {(needed + largest + _MARGIN_BYTES) // mib}"
        )
    return needed


def _record(settings: Settings, path: Path) -> None:
    database = open_database(settings, queue_size=1)
    try:
        told = {"file": path.name}
        database.write(lambda session: record(session, command_line(), "backup.made", "platform", after=told)).result()
    finally:
        database.close()


def _scratch(path: Path) -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-")


def _has_sqlite(settings: Settings) -> bool:
    return kind_of(settings.database_url) == "sqlite"


def _is_marker(name: str) -> bool:
    """Whether a file in the media folder is none of the pictures."""
    return name.removeprefix(_MEDIA).startswith(".")
