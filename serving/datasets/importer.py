"""The importer: one import at a time, in a thread of its own, so that the line keeps its takt."""

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final
from uuid import uuid4

import structlog
from sqlmodel import Session

from serving.audit.actor import Actor
from serving.audit.record import record
from serving.clock import Clock, utc_now
from serving.database import Database
from serving.datasets import repository, service
from serving.datasets.importing import Importing, ImportOrder, Stopped
from serving.datasets.schemas import ImportCounts, ImportOptions
from serving.datasets.sources import FolderSource, Source, open_folder, open_zip
from serving.errors import Conflict, ServingError, StorageUnavailable
from serving.media.store import MediaStore
from serving.settings import Settings
from serving.tables import DatasetImport

_UNPACKED_TIMES: Final = 4
_INTERRUPTED: Final = "the API was stopped meanwhile; import it again, nothing comes in twice"
_log = structlog.get_logger(__name__)


class ImportRunner:
    """Accepts imports and works them off."""

    def __init__(self, settings: Settings, database: Database, media: MediaStore, clock: Clock = utc_now) -> None:
        self._settings = settings
        self._database = database
        self._media = media
        self._clock = clock
        self._stopping = threading.Event()
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="import")

    def recover(self) -> None:
        """Says of imports that a crash cut off that they failed, and removes what they left.

        Inspections must start without this: a fault is logged, and the next start tries again.
        """

        def work(session: Session) -> None:
            repository.fail_running(session, _INTERRUPTED)
            repository.remove_unfinished(session)

        try:
            self._database.write(work).result()
            with suppress(FileNotFoundError):
                for leftover in self._settings.imports_dir.iterdir():
                    leftover.unlink()
        except (ServingError, OSError) as error:
            _log.error("imports_not_recovered", error=str(error))

    def close(self) -> None:
        """Ends after the picture at hand."""
        self._stopping.set()
        self._threads.shutdown()

    def start_zip(self, file: BinaryIO, options: ImportOptions, by: Actor) -> DatasetImport:
        """The import of an uploaded archive, begun. Blocks while the archive is copied.

        Raises:
            Conflict: Another import is running.
            StorageUnavailable: The disk is full.
        """
        row, order = self._admit(options, options.name or "import", by)
        path = self._settings.imports_dir / f"{row.id}.zip"
        try:
            path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            with path.open("xb") as copy:
                shutil.copyfileobj(file, copy, 1024 * 1024)
        except OSError as error:
            path.unlink(missing_ok=True)
            self._fail(order, "the archive could not be stored")
            raise StorageUnavailable(f"the archive cannot be stored: {error.strerror}") from error
        most_bytes = self._settings.max_import_mb * 1024 * 1024 * _UNPACKED_TIMES
        self._threads.submit(self._run, order, open_zip(path, most_bytes=most_bytes), path)
        return row

    def start_folder(self, folder: str, options: ImportOptions, by: Actor) -> DatasetImport:
        """The import of a folder, begun.

        Raises:
            InvalidRequest: The folder is not under the allowed ones.
            Conflict: Another import is running.
        """
        path = open_folder(folder, self._settings.dataset_roots)
        row, order = self._admit(options, options.name or path.name, by)
        self._threads.submit(self._run, order, path, None)
        return row

    def _admit(self, options: ImportOptions, name: str, by: Actor) -> tuple[DatasetImport, ImportOrder]:
        now, import_id = self._clock(), str(uuid4())

        def work(session: Session) -> tuple[DatasetImport, str]:
            if repository.count_running(session):
                raise Conflict("another import is running; try again when it is finished")
            row = _new_row(import_id, name[:120], by.name, now)
            repository.add(session, row)
            told = {"name": name, "format": options.format, "unlabelled": options.unlabelled}
            record(session, by, "dataset.import_started", f"dataset-import/{import_id}", after=told, now=now)
            return row, service.begin(session, name[:120], created_by=by.name, now=now)

        row, dataset_id = self._database.write(work).result()
        return row, ImportOrder(import_id, dataset_id, options.format, options.unlabelled, by.name)

    def _run(self, order: ImportOrder, place: AbstractContextManager[Source] | Path, leftover: Path | None) -> None:
        detail = "something unexpected happened; the log of the API says what"
        finished = False
        try:
            limit = self._settings.max_upload_bytes
            importing = Importing(self._database, self._media, self._clock, limit, order)
            with _folder(place) if isinstance(place, Path) else place as source:
                importing.run(source, self._stopping.is_set)
            finished = True
        except Stopped:
            detail = _INTERRUPTED
        except (ServingError, OSError) as error:
            detail = str(error)
        except Exception:  # noqa: BLE001 - the loop's supervisor: an import must never stay "running"
            _log.exception("import_failed", import_id=order.import_id)
        finally:
            try:
                if leftover is not None:
                    leftover.unlink(missing_ok=True)
            finally:  # told last: whoever reads "failed" finds nothing left
                if not finished:
                    self._fail(order, detail)

    def _fail(self, order: ImportOrder, detail: str) -> None:
        now = self._clock()

        def work(session: Session) -> None:
            values = {"state": "failed", "detail": detail[:500], "finished_at": now}
            repository.update_import(session, order.import_id, **values)
            repository.remove(session, order.dataset_id)

        try:
            self._database.write(work).result()
        except ServingError as error:
            _log.error("import_state_not_stored", import_id=order.import_id, error=str(error))


def _folder(path: Path) -> AbstractContextManager[Source]:
    return nullcontext(FolderSource(path))


def _new_row(import_id: str, name: str, username: str, now: datetime) -> DatasetImport:
    return DatasetImport.model_validate(
        {
            "id": import_id,
            "name": name,
            "state": "running",
            "counts": ImportCounts().model_dump(),
            "errors": [],
            "created_at": now,
            "created_by": username,
        }
    )
