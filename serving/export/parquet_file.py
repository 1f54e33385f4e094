"""Parquet, for whoever computes with it: typed columns, compressed, in groups of rows. Needs pyarrow."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any, ClassVar, Final

from serving.errors import NotInstalled
from serving.export.columns import COLUMNS, Row
from serving.export.sink import Sink

_GROUP: Final = 20_000


class ParquetFile:
    """Encodes rows as Parquet."""

    media_type: ClassVar[str] = "application/vnd.apache.parquet"
    ending: ClassVar[str] = "parquet"

    def __init__(self) -> None:
        """Loads pyarrow.

        Raises:
            NotInstalled: It is not there.
        """
        try:
            self._arrow: Any = import_module("pyarrow")
            parquet: Any = import_module("pyarrow.parquet")
        except ModuleNotFoundError as error:
            raise NotInstalled("Parquet needs pyarrow, which is not installed here (extra `parquet`)") from error
        arrow = self._arrow
        types = {
            "text": arrow.string(),
            "integer": arrow.int64(),
            "number": arrow.float64(),
            "time": arrow.timestamp("us", tz="UTC"),
            "local time": arrow.timestamp("us"),
        }
        self._schema = arrow.schema([(column.name, types[column.kind]) for column in COLUMNS])
        self._sink = Sink()
        file = arrow.PythonFile(self._sink, mode="w")
        self._writer = parquet.ParquetWriter(file, self._schema, compression="zstd")
        self._rows: list[Row] = []

    def begin(self) -> bytes:
        """The magic bytes."""
        return self._sink.take()

    def add(self, rows: Sequence[Row]) -> bytes:
        """Nothing, or a group of rows once there are enough of them."""
        self._rows.extend(rows)
        if len(self._rows) >= _GROUP:
            self._write_group()
        return self._sink.take()

    def end(self) -> bytes:
        """The last group, and what tells where all of them are."""
        if self._rows:
            self._write_group()
        self._writer.close()
        return self._sink.take()

    def _write_group(self) -> None:
        columns = [
            self._arrow.array([row[number] for row in self._rows], field.type)
            for number, field in enumerate(self._schema)
        ]
        self._writer.write_table(self._arrow.Table.from_arrays(columns, schema=self._schema))
        self._rows.clear()
