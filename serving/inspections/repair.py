"""Brings pictures and rows back in step after a crash, in the background, while inspections go on already.

A crash leaves at most: half-written files (removed before the first inspection, see `MediaStore.prepare`), pictures
whose row was never committed, and pictures whose row was deleted but whose file was not yet. All of them date from
shortly before the crash, so only the days since the last finished repair are looked at: millions of older pictures
cost nothing. What retention was about to remove is listed in the database, and may be of any age.
"""

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Final

import structlog

from serving.alerts.schemas import Said
from serving.alerts.service import raise_alert
from serving.database import Database
from serving.errors import ServingError
from serving.inspections import repository
from serving.media.store import MediaStore, inspection_id_of
from serving.review import repository as review
from serving.storage.removal import finish_removals

_MARKER: Final = ".repaired"
_BATCH: Final = 500
# A day later than the first that a date can be, because a day is taken off.
_EARLIEST: Final = date(1970, 1, 2)

_log = structlog.get_logger(__name__)


class Repair:
    """One pass over what a crash may have left, in a thread of its own."""

    def __init__(self, database: Database, media: MediaStore) -> None:
        self._database = database
        self._media = media
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.finished = threading.Event()

    def start(self) -> None:
        """Begins in the background. Rows made from now on are not looked at."""
        self._thread = threading.Thread(target=self._run, name="repair", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends early, after the batch at hand."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            self.run(datetime.now(UTC))
        except (OSError, ServingError) as error:
            # The next start tries again; inspections do not depend on it.
            _log.exception("repair_failed", error=str(error))

    def run(self, started_at: datetime) -> None:
        """Repairs what happened before `started_at` (UTC) and remembers that it did.

        Raises:
            OSError: The pictures' folder cannot be read or changed.
            ServingError: The database cannot be read.
        """
        # An inspection near midnight lies in the folder of the day before.
        since = self._last_repair() - timedelta(days=1)
        removed = self._remove_deleted(since)
        removed += finish_removals(self._database, self._media, keep_on=lambda: not self._stopping.is_set())
        orphans = self._set_orphans_aside(since)
        missing = self._find_missing(since, started_at)
        if self._stopping.is_set():
            return
        (self._media.root / _MARKER).write_text(f"{started_at:%Y-%m-%d}\n", encoding="utf-8")
        self.finished.set()
        _log.info("repair_finished", since=str(since), orphans=orphans, removed=removed, missing=len(missing))
        if missing:
            self._report(missing)

    def _last_repair(self) -> date:
        try:
            return max(date.fromisoformat((self._media.root / _MARKER).read_text(encoding="utf-8").strip()), _EARLIEST)
        except (OSError, ValueError):
            return _EARLIEST

    def _remove_deleted(self, since: date) -> int:
        with self._database.read() as session:
            paths = repository.paths_deleted_since(session, _midnight(since))
        leftovers = [path for path in paths if self._media.find(path) is not None]
        for path in leftovers:
            self._media.discard(path)
        return len(leftovers)

    def _set_orphans_aside(self, since: date) -> int:
        count = 0
        for batch in _batches(self._media.pictures_since(since)):
            if self._stopping.is_set():
                break
            # In this order: a picture that is no longer pending has its row by now, so the query after it finds it.
            settled = [path for path in batch if not self._media.is_pending(path)]
            with self._database.read() as session:
                ids = [inspection_id_of(path) or "" for path in settled]
                inspected, imported = repository.image_paths_of(session, ids), review.image_paths_of(session, ids)
            for path in set(settled) - set(inspected.values()) - set(imported.values()):
                self._media.set_aside(path)
                _log.warning("orphan_picture_set_aside", path=path)
                count += 1
        return count

    def _find_missing(self, since: date, started_at: datetime) -> list[str]:
        missing: list[str] = []
        after = (_midnight(since), "")
        while not self._stopping.is_set():
            with self._database.read() as session:
                rows = repository.image_paths_between(session, after, started_at, _BATCH)
            if not rows:
                break
            after = rows[-1][0], rows[-1][1]
            gone = [inspection_id for _, inspection_id, path in rows if self._media.find(path) is None]
            if gone:
                with self._database.read() as session:  # deleted in between, by a person or retention, is not missing
                    missing += repository.image_paths_of(session, gone, only_kept=True)
        return missing

    def _report(self, missing: list[str]) -> None:
        _log.error("pictures_missing", count=len(missing), first=missing[:10])
        message = f"{len(missing)} inspections have lost their picture, among them {', '.join(missing[:3])}"
        said = Said("pictures_missing", {"count": len(missing), "examples": ", ".join(missing[:3])})
        self._database.write(
            lambda session: raise_alert(session, "critical", "Pictures missing", message, "storage:missing", said=said)
        ).result()


def _batches(paths: Iterator[str]) -> Iterator[list[str]]:
    while batch := list(islice(paths, _BATCH)):
        yield batch


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
