"""XLSX (Office Open XML), written row by row while it is sent: the libraries for it need the whole file on disk first.

Source: ECMA-376, parts 1 and 2 (SpreadsheetML, Open Packaging Conventions).
"""

import re
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import IO, ClassVar, Final
from xml.sax.saxutils import escape

from serving.export.columns import COLUMNS, Cell, Row
from serving.export.sink import Sink

# A sheet takes 1,048,576 rows; with half of them it also stays below the 4 GiB of a plain zip entry.
ROWS_PER_SHEET: Final = 500_000
_EPOCH: Final = datetime(1899, 12, 30)  # noqa: DTZ001 - the day 0 of spreadsheets has no time zone
_LONGEST_TEXT: Final = 32_767
_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
_HEAD: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
# What XML cannot hold is written _xHHHH_, and so is what looks like that already (ECMA-376 part 1, 22.9.2.19).
_TO_ESCAPE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_STYLES: Final = (
    f'{_HEAD}<styleSheet xmlns="{_MAIN}"><numFmts count="1">'
    '<numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd hh:mm:ss"/></numFmts><fonts count="2">'
    '<font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill>'
    '</fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="3"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/>'
    '<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)
_BOLD: Final = 1
_MOMENT: Final = 2


class XlsxFile:
    """Encodes rows as a workbook: texts as texts (never formulas), numbers as numbers, local times as dates."""

    media_type: ClassVar[str] = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    ending: ClassVar[str] = "xlsx"

    def __init__(self, *, rows_per_sheet: int = ROWS_PER_SHEET) -> None:
        """Takes after how many rows another sheet begins."""
        self._rows_per_sheet = rows_per_sheet
        self._sink = Sink()
        self._archive = zipfile.ZipFile(self._sink, "w", zipfile.ZIP_DEFLATED, compresslevel=4)
        self._sheets = 0
        self._rows = 0
        self._sheet: IO[bytes] | None = None
        self._letters = [_letters(number) for number in range(len(COLUMNS))]

    def begin(self) -> bytes:
        """The beginning of the first sheet."""
        self._begin_sheet()
        return self._sink.take()

    def add(self, rows: Sequence[Row]) -> bytes:
        """Some rows."""
        for row in rows:
            if self._rows > self._rows_per_sheet:  # the header is one of them
                self._end_sheet()
                self._begin_sheet()
            self._write_row([_cell(cell) for cell in row])
        return self._sink.take()

    def end(self) -> bytes:
        """The end of the last sheet, and what names all of them."""
        self._end_sheet()
        numbers = range(1, self._sheets + 1)
        sheets = "".join(f'<sheet name="Inspections {n}" sheetId="{n}" r:id="rId{n}"/>' for n in numbers)
        related = "".join(
            f'<Relationship Id="rId{n}" Type="{_RELATIONS}/worksheet" Target="worksheets/sheet{n}.xml"/>'
            for n in numbers
        )
        styles = f'<Relationship Id="rId{self._sheets + 1}" Type="{_RELATIONS}/styles" Target="styles.xml"/>'
        kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
        parts = "".join(
            f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{kind}.worksheet+xml"/>' for n in numbers
        )
        self._write(
            "xl/workbook.xml", f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>{sheets}</sheets></workbook>'
        )
        self._write("xl/_rels/workbook.xml.rels", _relationships(related + styles))
        self._archive.writestr("xl/styles.xml", _STYLES)
        self._write(
            "_rels/.rels",
            _relationships(f'<Relationship Id="rId1" Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/>'),
        )
        self._write(
            "[Content_Types].xml",
            f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/>'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
            f'<Override PartName="/xl/styles.xml" ContentType="{kind}.styles+xml"/>{parts}</Types>',
        )
        self._archive.close()
        return self._sink.take()

    def _begin_sheet(self) -> None:
        self._sheets += 1
        self._rows = 0
        self._sheet = self._archive.open(f"xl/worksheets/sheet{self._sheets}.xml", "w")
        frozen = '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
        view = f'<sheetViews><sheetView workbookViewId="0">{frozen}</sheetView></sheetViews>'
        self._sheet.write(f'{_HEAD}<worksheet xmlns="{_MAIN}">{view}<sheetData>'.encode())
        self._write_row([(_text(column.name), f't="inlineStr" s="{_BOLD}"') for column in COLUMNS])

    def _end_sheet(self) -> None:
        if self._sheet is not None:
            self._sheet.write(b"</sheetData></worksheet>")
            self._sheet.close()
            self._sheet = None

    def _write_row(self, cells: Sequence[tuple[str, str] | None]) -> None:
        self._rows += 1
        written = "".join(
            f'<c r="{letters}{self._rows}" {cell[1]}>{cell[0]}</c>'
            for letters, cell in zip(self._letters, cells, strict=True)
            if cell is not None
        )
        if self._sheet is not None:
            self._sheet.write(f'<row r="{self._rows}">{written}</row>'.encode("utf-8", "replace"))

    def _write(self, name: str, content: str) -> None:
        self._archive.writestr(name, _HEAD + content)


def _relationships(content: str) -> str:
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{content}</Relationships>'


def _cell(cell: Cell) -> tuple[str, str] | None:
    """Content and attributes of a cell, None for an empty one."""
    if cell is None:
        return None
    if isinstance(cell, str):
        return _text(cell), 't="inlineStr"'
    if isinstance(cell, datetime):
        if cell.tzinfo is None:
            return f"<v>{(cell - _EPOCH).total_seconds() / 86400:.10f}</v>", f's="{_MOMENT}"'
        return _text(cell.astimezone(UTC).isoformat().replace("+00:00", "Z")), 't="inlineStr"'
    return f"<v>{cell}</v>", ""


def _text(text: str) -> str:
    legal = _TO_ESCAPE.sub(lambda match: f"_x{ord(match[0]):04X}_", text)[:_LONGEST_TEXT]
    return f'<is><t xml:space="preserve">{escape(legal)}</t></is>'


def _letters(number: int) -> str:
    """The name of a column, 0 for A."""
    name = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        name = chr(ord("A") + rest) + name
    return name
