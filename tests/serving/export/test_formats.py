"""Workbooks and Parquet, read back by other people's libraries."""

import io
import zipfile
from datetime import UTC, datetime, timedelta

import httpx
import openpyxl
import pyarrow.parquet as pq
import pytest
from openpyxl.utils.escape import unescape

from serving.export import parquet_file
from serving.export.columns import COLUMNS, Row
from serving.export.xlsx_file import XlsxFile
from tests.serving.past import Part, Past

START = datetime(2026, 3, 1, 10, 0, 7, tzinfo=UTC)
NAMES = [column.name for column in COLUMNS]


def _sheet_rows(data: bytes) -> list[dict[str, object]]:
    book = openpyxl.load_workbook(io.BytesIO(data))
    rows: list[dict[str, object]] = []
    for sheet in book.worksheets:
        header, *cells = sheet.iter_rows()
        assert [cell.value for cell in header] == NAMES
        assert all(cell.data_type != "f" for row in cells for cell in row)
        rows += [dict(zip(NAMES, (cell.value for cell in row), strict=True)) for row in cells]
    return rows


@pytest.mark.prove("paths-and-injection", "a formula and control characters in the texts of a workbook (XLSX)")
def test_workbook_holds_texts_numbers_and_dates_when_read_back(viewer: httpx.Client, past: Past) -> None:
    nasty = 'tab\x01 "<&>" _x0041_ 漢'
    past.store(
        Part(
            START, "fail", part_id="=HYPERLINK(1)", time_ms=12.5, more={"hold_reason": nasty}, defects=[("dent", 0.5)]
        ),
        *(Part(START + timedelta(seconds=n)) for n in range(1, 1200)),
    )
    answer = viewer.get("/api/v1/export/csv", params={"format": "xlsx"})
    assert answer.headers["content-type"].endswith("spreadsheetml.sheet")
    assert answer.headers["content-disposition"].endswith('.xlsx"')
    rows = _sheet_rows(answer.content)
    assert len(rows) == 1200
    first = rows[0]
    assert first["part_id"] == "=HYPERLINK(1)"
    assert unescape(str(first["hold_reason"])) == nasty  # a step that Excel takes by itself
    assert (first["total_time_ms"], first["objects_found"], first["defect_area_mm2"]) == (12.5, 1, 0.5)
    assert (first["created_at"], first["created_at_local"]) == ("2026-03-01T10:00:07Z", START.replace(tzinfo=None))
    assert rows[1]["part_id"] is None
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None


@pytest.mark.parametrize(("rows", "sheets"), [(0, 1), (1, 1), (3, 1), (4, 2), (6, 2), (7, 3)])
def test_another_sheet_begins_when_one_is_full(rows: int, sheets: int) -> None:
    file = XlsxFile(rows_per_sheet=3)
    row: Row = [str(number) for number in range(len(COLUMNS))]
    data = file.begin() + b"".join(file.add([row]) for _ in range(rows)) + file.end()
    assert len(openpyxl.load_workbook(io.BytesIO(data)).worksheets) == sheets
    assert len(_sheet_rows(data)) == rows


def test_parquet_has_typed_columns_when_read_back(
    viewer: httpx.Client, past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_file, "_GROUP", 1000)
    ids = past.store(*(Part(START + timedelta(seconds=n), part_id="=1", time_ms=2.5) for n in range(2300)))
    answer = viewer.get("/api/v1/export/csv", params={"format": "parquet"})
    file = pq.ParquetFile(io.BytesIO(answer.content))
    assert (file.metadata.num_rows, file.metadata.num_row_groups) == (2300, 3)
    table = file.read()
    assert table.column_names == NAMES
    assert set(table["id"].to_pylist()) == set(ids)
    assert str(table.schema.field("created_at").type) == "timestamp[us, tz=UTC]"
    first = table.slice(0, 1).to_pylist()[0]
    assert (first["part_id"], first["total_time_ms"], first["picture_deleted_at"]) == ("=1", 2.5, None)
    assert first["created_at"] == START


def test_empty_files_are_readable_when_there_is_nothing(viewer: httpx.Client) -> None:
    assert _sheet_rows(viewer.get("/api/v1/export/csv", params={"format": "xlsx"}).content) == []
    parquet = viewer.get("/api/v1/export/csv", params={"format": "parquet"}).content
    assert pq.ParquetFile(io.BytesIO(parquet)).metadata.num_rows == 0


def test_parquet_is_refused_when_pyarrow_is_missing(viewer: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> object:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(parquet_file, "import_module", missing)
    answer = viewer.get("/api/v1/export/csv", params={"format": "parquet"})
    assert (answer.status_code, answer.json()["code"]) == (503, "not_installed")
    assert "pyarrow" in answer.json()["detail"]
    assert viewer.get("/api/v1/export/csv").status_code == 200
