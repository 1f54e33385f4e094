"""The inspection report: a PDF that says of one part what was seen, what was decided, and by which rules."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, PageBreak, SimpleDocTemplate, Spacer, Table

from serving.export.report_picture import PictureWithRegions
from serving.export.report_text import BODY, HEADING, SMALL, TITLE, load_fonts, paragraph
from serving.tables import Inspection, InspectionDetection
from serving.version import VERSION

_MARGIN: Final = 18 * mm
_LINE: Final = HexColor("#c8c8c8")
_HEAD: Final = HexColor("#eeeeee")
# Said by the word too: colour is never the only signal.
_DECISIONS: Final = {"pass": ("PASS", "#1a7f37"), "fail": ("FAIL", "#b3132b"), "uncertain": ("UNCERTAIN", "#9a6700")}
_GRID: Final = [
    ("GRID", (0, 0), (-1, -1), 0.4, _LINE),
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("TOPPADDING", (0, 0), (-1, -1), 1.5),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 1.5),
]


@dataclass(frozen=True, slots=True)
class ReportedInspection:
    """One inspection to report.

    Attributes:
        row: Its record.
        detections: What was found, in its order.
        station_name: What its station is called.
        jpeg: The picture, upright; None where there is none.
        missing: Why there is no picture.
    """

    row: Inspection
    detections: Sequence[InspectionDetection]
    station_name: str
    jpeg: bytes | None
    missing: str | None


@dataclass(frozen=True, slots=True)
class ReportOrder:
    """For whom and when.

    Attributes:
        by: Who asked for the report.
        made_at: When.
        zone: The plant's time zone.
        note: What must be said in front, if anything.
    """

    by: str
    made_at: datetime
    zone: ZoneInfo
    note: str | None = None


def make_report(inspections: Sequence[ReportedInspection], order: ReportOrder) -> bytes:
    """The PDF, one inspection after another, each from a new page on.

    Args:
        inspections: At least one.
        order: For whom and when.
    """
    load_fonts()
    story: list[Flowable] = [] if order.note is None else [paragraph(order.note), Spacer(1, 3 * mm)]
    for number, inspection in enumerate(inspections):
        if number:
            story.append(PageBreak())
        story += _pages_of(inspection, order.zone)
    file = io.BytesIO()
    document = SimpleDocTemplate(
        file,
        pagesize=A4,
        leftMargin=_MARGIN,
        rightMargin=_MARGIN,
        topMargin=15 * mm,
        bottomMargin=16 * mm,
        title="Inspection report",
        subject=", ".join(inspection.row.id for inspection in inspections),
        author=f"Ussop {VERSION}",
        lang="en",
    )

    def footer(canvas: Canvas, _document: SimpleDocTemplate) -> None:
        text = f"Ussop {VERSION} · made {_time(order.made_at, order.zone)} for {order.by}"
        line = paragraph(text, SMALL)
        line.wrap(A4[0] - 2 * _MARGIN - 20 * mm, 10 * mm)
        line.drawOn(canvas, _MARGIN, 9 * mm)
        canvas.setFont("Helvetica", 7)
        canvas.drawRightString(A4[0] - _MARGIN, 9 * mm, f"Page {canvas.getPageNumber()}")

    document.build(story, onFirstPage=footer, onLaterPages=footer)
    return file.getvalue()


def _pages_of(inspection: ReportedInspection, zone: ZoneInfo) -> list[Flowable]:
    row = inspection.row
    picture = PictureWithRegions(
        inspection.jpeg,
        (row.width_px, row.height_px),
        inspection.detections,
        row.recipe.get("region_of_interest") or [],
    )
    story: list[Flowable] = [
        paragraph("Inspection report", TITLE),
        _facts(inspection, zone),
        Spacer(1, 4 * mm),
        picture,
    ]
    if inspection.missing is not None:
        story.append(paragraph(inspection.missing, SMALL))
    story += [paragraph("Defects", HEADING), _defects(inspection.detections)]
    story += [paragraph("Thresholds that decided", HEADING), _thresholds(row.thresholds)]
    story += [paragraph("Recipe", HEADING), *_recipe(row)]
    return story


def _facts(inspection: ReportedInspection, zone: ZoneInfo) -> Table:
    row = inspection.row
    named = inspection.station_name != row.station_id
    station = f"{row.station_id} ({inspection.station_name})" if named else row.station_id
    hold = "-" if row.held_at is None else f"{row.hold_reason} ({row.held_by}, {_time(row.held_at, zone)})"
    facts = [
        ("Part", row.part_id or "-"),
        ("Station", station),
        ("Inspected", _time(row.created_at, zone)),
        ("Confidence", f"{row.confidence:.4f}"),
        ("Inspection", row.id),
        ("Model", f"{row.model_name}, version {row.model_version}, on {row.backend}"),
        ("Time", f"{row.total_time_ms:.1f} ms"),
        ("Picture", f"{row.width_px} x {row.height_px} px, {row.image_media_type}, SHA-256 {row.image_sha256}"),
        ("On hold", hold),
    ]
    word, colour = _DECISIONS.get(row.decision, (row.decision.upper(), "#000000"))
    table = [[paragraph("Decision"), paragraph(word, TITLE.clone("decision", textColor=HexColor(colour)))]]
    table += [[paragraph(name), paragraph(value)] for name, value in facts]
    style = [*_GRID, ("BACKGROUND", (0, 0), (0, -1), _HEAD)]
    return Table(table, colWidths=[26 * mm, 143 * mm], hAlign="LEFT", style=style)


def _defects(detections: Sequence[InspectionDetection]) -> Flowable:
    if not detections:
        return paragraph("None was found.")
    rows = [
        [
            str(number),
            found.class_name,
            f"{found.confidence:.3f}",
            _size(found.area_mm2),
            f"{found.area_px:.0f}",
            f"{_size(found.length_mm)} x {_size(found.width_mm)}",
            ", ".join(f"{value:.0f}" for value in (found.x_min_px, found.y_min_px, found.x_max_px, found.y_max_px)),
        ]
        for number, found in enumerate(detections, start=1)
    ]
    return _table(
        ["No.", "class", "score", "area mm²", "area px²", "length x width mm", "box px (left, top, right, bottom)"],
        rows,
        [9, 40, 15, 19, 19, 29, 38],
    )


def _thresholds(thresholds: Mapping[str, Any]) -> Flowable:
    rows = [
        [name, f"{values['accept_below']:g}", f"{values['reject_above']:g}"]
        for name, values in sorted(thresholds.items())
    ]
    return _table(["class", "ignored below", "fails from"], rows, [60, 30, 30])


def _recipe(row: Inspection) -> list[Flowable]:
    recipe = row.recipe
    scale = recipe.get("mm_per_px")
    lines = [
        f"{recipe.get('name', '-')} (digest {row.recipe_digest})",
        "not calibrated: no sizes in mm" if scale is None else f"{scale:g} mm per pixel",
    ]
    for unit, key in (("mm²", "min_area_mm2"), ("px²", "min_area_px")):
        lines += [f"{name}: ignored below {area:g} {unit}" for name, area in sorted((recipe.get(key) or {}).items())]
    if recipe.get("region_of_interest"):
        lines.append("with a region of interest (dashed)")
    return [paragraph(line) for line in lines]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], widths_mm: Sequence[float]) -> Table:
    cells = [[paragraph(cell, SMALL if index else BODY) for cell in row] for index, row in enumerate([header, *rows])]
    return Table(
        cells,
        colWidths=[width * mm for width in widths_mm],
        repeatRows=1,
        hAlign="LEFT",
        style=[*_GRID, ("BACKGROUND", (0, 0), (-1, 0), _HEAD)],
    )


def _size(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _time(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M:%S} {local.tzname()} (UTC{local:%z})"
