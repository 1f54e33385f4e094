"""CSV after RFC 4180: CRLF, quotes where they are needed, one header line. No cell is a formula."""

import csv
import io
from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Final

from serving.export.columns import COLUMNS, Cell, Row

# What makes a spreadsheet take a text for a formula, also written full-width, and what it may strip in front of that.
# Source: OWASP, CSV Injection.
_FORMULA_STARTS: Final = frozenset("=+-@\t\r\n＝＋－＠")  # noqa: RUF001 - these are the very characters
_TEXT_MARK: Final = "'"


class CsvFile:
    """Encodes rows as CSV."""

    media_type: ClassVar[str] = "text/csv; charset=utf-8; header=present"
    ending: ClassVar[str] = "csv"

    def __init__(self, *, bom: bool) -> None:
        """Takes whether to begin with a byte order mark, without which Excel takes UTF-8 for an old code page."""
        self._bom = bom
        self._text = io.StringIO(newline="")
        self._writer = csv.writer(self._text, lineterminator="\r\n")

    def begin(self) -> bytes:
        """The header line."""
        self._writer.writerow([column.name for column in COLUMNS])
        return (b"\xef\xbb\xbf" if self._bom else b"") + self._take()

    def add(self, rows: Sequence[Row]) -> bytes:
        """Some lines."""
        self._writer.writerows([_to_text(cell) for cell in row] for row in rows)
        return self._take()

    def end(self) -> bytes:
        """Nothing: a CSV file just ends."""
        return b""

    def _take(self) -> bytes:
        text = self._text.getvalue()
        self._text.seek(0)
        self._text.truncate()
        return text.encode("utf-8", "replace")


def as_text_cell(text: str) -> str:
    """The text as no spreadsheet takes it for a formula: with an apostrophe in front where it would.

    A text that begins with an apostrophe gets another one, so that taking one off gives the text back.
    """
    is_risky = text[:1] == _TEXT_MARK or text[:1] in _FORMULA_STARTS or text.lstrip()[:1] in _FORMULA_STARTS
    return _TEXT_MARK + text if text and is_risky else text


def _to_text(cell: Cell) -> str | int | float:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return as_text_cell(cell)
    if isinstance(cell, datetime):
        if cell.tzinfo is None:
            return cell.isoformat(" ", "seconds")
        return cell.isoformat().replace("+00:00", "Z")
    return cell
