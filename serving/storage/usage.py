"""What lies on the disk, by kind. Pictures are counted by the database, folders by walking them now and then."""

import os
import shutil
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import text

from serving.clock import utc_now
from serving.database import Database
from serving.errors import StorageUnavailable
from serving.media.store import INCOMING, ORPHANS
from serving.settings import Settings
from serving.storage import repository
from serving.storage.schemas import Breakdown, PartUsage

_GOOD_FOR_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Disk:
    """The disk that holds the pictures, at this moment."""

    total_bytes: int
    used_bytes: int
    free_bytes: int

    @property
    def free_percent(self) -> float:
        """What is free, in per cent of the whole."""
        return 100.0 * self.free_bytes / self.total_bytes if self.total_bytes else 0.0

    def is_low(self, alarm_percent: float) -> bool:
        """Whether less than that share is free."""
        return self.free_percent < alarm_percent


def read_disk(folder: Path) -> Disk:
    """The disk of a folder.

    Raises:
        StorageUnavailable: It does not answer.
    """
    try:
        found = shutil.disk_usage(folder)
    except OSError as error:
        raise StorageUnavailable(f"the disk does not answer: {error.strerror}") from error
    return Disk(found.total, found.used, found.free)


class UsageMeter:
    """Counts at most once a minute, whoever asks how often. Every method blocks."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._counting = threading.Lock()
        self._newest: tuple[Breakdown, datetime, float] | None = None

    def breakdown(self) -> tuple[Breakdown, datetime]:
        """What each kind of data takes, and when that was counted.

        Raises:
            StorageUnavailable: The database does not answer.
        """
        with self._counting:  # of several that ask, one counts
            newest = self._newest
            if newest is None or time.monotonic() - newest[2] > _GOOD_FOR_S:
                newest = self._newest = (self._count(), utc_now(), time.monotonic())
        return newest[0], newest[1]

    def _count(self) -> Breakdown:
        settings = self._settings
        with self._database.read() as session:
            pictures = repository.stored(session) + repository.imported(session)
        database, wal = self._count_database()
        logs = [*settings.data_dir.glob("*.log*"), settings.run_dir]
        return Breakdown(
            pictures=PartUsage(bytes=pictures.size_bytes, files=pictures.pictures),
            database=database,
            wal=wal,
            bundles=count_files([settings.bundles_dir]),
            models=count_files([settings.models_dir]),
            mlflow=count_files([settings.mlflow_dir]),
            prefect=count_files([settings.data_dir / "prefect"]),
            datasets=count_files([settings.data_dir / "datasets", settings.imports_dir]),
            inbox=count_files([settings.data_dir / "inbox"]),
            logs=count_files(logs),
            set_aside=count_files([settings.media_dir / INCOMING, settings.media_dir / ORPHANS]),
        )

    def _count_database(self) -> tuple[PartUsage, PartUsage]:
        engine = self._database.engine
        if engine.dialect.name == "postgresql":
            with self._database.read() as session:
                size_bytes = session.connection().execute(text("SELECT pg_database_size(current_database())")).scalar()
            return PartUsage(bytes=int(size_bytes or 0), files=0), PartUsage(bytes=0, files=0)
        file = Path(engine.url.database or "")
        return count_files([file]), count_files([file.with_name(f"{file.name}-wal")])


def count_files(places: Iterable[Path]) -> PartUsage:
    """Size and number of the files in folders and below, without following links; what vanishes meanwhile is not."""
    size_bytes = files = 0
    folders: list[Path] = []
    for place in places:
        if place.is_dir():
            folders.append(place)
        elif place.is_file():
            size_bytes, files = size_bytes + place.stat().st_size, files + 1
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(Path(entry.path))
                    elif entry.is_file(follow_symlinks=False):
                        size_bytes, files = size_bytes + entry.stat(follow_symlinks=False).st_size, files + 1
        except OSError:
            continue
    return PartUsage(bytes=size_bytes, files=files)
