"""Sends inspections page by page: a page in memory, a page in the database, and neither while the client is slow."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, Protocol
from zoneinfo import ZoneInfo

from anyio import CapacityLimiter, to_thread

from serving.database import Database
from serving.export import repository
from serving.export.columns import Row, rows_of
from serving.export.csv_file import CsvFile
from serving.export.parquet_file import ParquetFile
from serving.export.repository import Place
from serving.export.xlsx_file import XlsxFile
from serving.inspections.repository import InspectionFilter

FileFormat = Literal["csv", "xlsx", "parquet"]
PAGE_SIZE: Final = 500
# All exports take turns, page by page, so that the line always has a core.
_AT_ONCE: Final = 1


class Encoder(Protocol):
    """Makes a file of rows."""

    @property
    def media_type(self) -> str:
        """Its IANA media type."""

    @property
    def ending(self) -> str:
        """The ending of its name."""

    def begin(self) -> bytes:
        """The first bytes."""

    def add(self, rows: Sequence[Row]) -> bytes:
        """The bytes for some more rows, perhaps none yet."""

    def end(self) -> bytes:
        """The last bytes."""


class Exports:
    """What exports and reports share.

    Attributes:
        threads: Where they compute.
        running: Number of exports that are being sent.
        pages: Number of pages read so far.
    """

    def __init__(self) -> None:
        self.threads = CapacityLimiter(_AT_ONCE)
        self.running = 0
        self.pages = 0


@dataclass(slots=True)
class _Cursor:
    """How far an export is."""

    upto: datetime | None
    after: Place | None = None


def encoder_of(file_format: FileFormat, *, bom: bool) -> Encoder:
    """What makes a file of that format.

    Raises:
        NotInstalled: A library for it is missing.
    """
    match file_format:
        case "csv":
            return CsvFile(bom=bom)
        case "xlsx":
            return XlsxFile()
        case "parquet":
            return ParquetFile()


class RowStream:
    """One export. It ends with what was there when it began: who exports a running line gets to an end."""

    def __init__(
        self, database: Database, exports: Exports, chosen: InspectionFilter, encoder: Encoder, zone: ZoneInfo
    ) -> None:
        """Takes what to send and how."""
        self._database = database
        self._exports = exports
        self._chosen = chosen
        self._encoder = encoder
        self._zone = zone
        self._cursor = _Cursor(None)
        self._first = b""

    @property
    def media_type(self) -> str:
        """IANA media type of the file."""
        return self._encoder.media_type

    @property
    def ending(self) -> str:
        """Ending of the file's name."""
        return self._encoder.ending

    async def open(self) -> None:
        """Reads the first page, while an error can still be told by its status.

        Raises:
            StorageUnavailable: The database does not answer.
        """
        self._first = await to_thread.run_sync(self._begin, limiter=self._exports.threads)

    async def pieces(self) -> AsyncIterator[bytes]:
        """The file, piece by piece. Whoever stops listening ends it; no query is open between two pieces.

        Raises:
            StorageUnavailable: The database does not answer. The connection breaks off then: half a file is none.
        """
        self._exports.running += 1
        try:
            yield self._first
            while self._cursor.upto is not None:
                piece = await to_thread.run_sync(self._next, limiter=self._exports.threads)
                if piece:
                    yield piece
            yield await to_thread.run_sync(self._encoder.end, limiter=self._exports.threads)
        finally:
            self._exports.running -= 1

    def _begin(self) -> bytes:
        with self._database.read() as session:
            self._cursor = _Cursor(repository.newest_of(session, self._chosen))
        return self._encoder.begin() + self._next()

    def _next(self) -> bytes:
        cursor = self._cursor
        if cursor.upto is None:
            return b""
        with self._database.read() as session:
            page = repository.page(session, self._chosen, cursor.upto, cursor.after, PAGE_SIZE)
            defects = repository.defects_of(session, [values["id"] for values in page])
        self._exports.pages += 1
        if len(page) < PAGE_SIZE:
            cursor.upto = None
        else:
            cursor.after = Place(page[-1]["created_at"], page[-1]["id"])
        return self._encoder.add(rows_of(page, defects, self._zone))
