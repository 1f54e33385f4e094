"""PDF reports, read back."""

import io
from datetime import UTC, datetime, timedelta

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from PIL import Image
from pypdf import PdfReader

from serving.export.report_text import to_markup
from serving.settings import Settings
from tests.pictures import encode, png_bytes, square_picture
from tests.serving.conftest import bearer, log_in
from tests.serving.past import Part, Past

RED = png_bytes(square_picture("red"))


def _inspect(client: httpx.Client, data: bytes, **fields: str) -> dict[str, object]:
    headers = bearer(log_in(client, "engineer"))
    answer = client.post("/api/v1/inspect", files={"file": ("x", data)}, data=fields, headers=headers)
    told: dict[str, object] = answer.raise_for_status().json()
    return told


def _read(answer: httpx.Response) -> PdfReader:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/pdf"
    return PdfReader(io.BytesIO(answer.content), strict=True)


def _text(pdf: PdfReader) -> str:
    return " ".join(" ".join(page.extract_text() for page in pdf.pages).split())


def test_report_tells_everything_when_a_part_failed(viewer: httpx.Client) -> None:
    engineer = bearer(log_in(viewer, "engineer"))
    rules = {
        "name": "Paint shop",
        "mm_per_px": 0.5,
        "thresholds": {"scratch": {"accept_below": 0.2, "reject_above": 0.4}},
    }
    viewer.put("/api/v1/stations/line-1", json=rules, headers=engineer).raise_for_status()
    told = _inspect(viewer, RED, station_id="line-1", part_id="SN 7")
    pdf = _read(viewer.get(f"/api/v1/export/report/{told['id']}"))
    text = _text(pdf)
    for word in (
        "FAIL",
        "SN 7",
        "line-1 (Paint shop)",
        str(told["id"]),
        "tiny, version 1",
        "scratch",
        "0.5 mm per pixel",
    ):
        assert word in text, (word, text)
    assert "0.2" in text
    assert str(told["recipe_digest"]) in text
    first = told["detections"][0]  # type: ignore[index]
    assert f"{first['area_mm2']:.3g}" in text
    (image,) = pdf.pages[0].images
    assert image.image is not None
    assert np.asarray(image.image.convert("RGB"))[32, 24, 0] > 200  # the red square, where it is
    drawn = pdf.pages[0].get_contents()
    assert drawn is not None
    assert drawn.get_data().count(b" re") >= len(told["detections"])  # type: ignore[arg-type]


def test_picture_stands_upright_when_it_was_taken_turned(viewer: httpx.Client) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn right to see it upright
    data = encode(square_picture("red", shape_hw=(64, 96)), "JPEG", quality=95, exif=exif)
    told = _inspect(viewer, data)
    assert (told["width_px"], told["height_px"]) == (64, 96)
    (image,) = _read(viewer.get(f"/api/v1/export/report/{told['id']}")).pages[0].images
    assert image.image is not None
    assert image.image.size == (64, 96)


def test_strangers_text_is_shown_and_not_obeyed_when_it_holds_tags(viewer: httpx.Client, past: Past) -> None:
    nasty = '<img src="/etc/passwd"/><font color="[x for x in ().__class__]">&amp;'
    (inspection_id,) = past.store(Part(datetime.now(UTC), "fail", part_id=nasty, defects=[("<b>dent", None)]))
    text = _text(_read(viewer.get(f"/api/v1/export/report/{inspection_id}"))).replace(" ", "")
    assert nasty.replace(" ", "") in text
    assert "<b>dent" in text


def test_other_scripts_are_kept_apart_when_shown() -> None:
    assert to_markup("Größe <1>") == "Größe &lt;1&gt;"
    assert to_markup("A漢字B") == 'A<font face="STSong-Light">漢字</font>B'
    assert to_markup("деталь") == '<font face="STSong-Light">деталь</font>'
    assert to_markup("ก\u202eb\U0001f600") == "\\u0E01\\u202Eb\\U0001F600"


@pytest.mark.parametrize("fate", ["deleted", "missing", "broken"])
def test_report_says_so_when_there_is_no_picture(
    viewer: httpx.Client, app: FastAPI, settings: Settings, fate: str
) -> None:
    told = _inspect(viewer, RED)
    (file,) = settings.media_dir.rglob("*.png")
    if fate == "broken":
        file.write_bytes(RED[:40])
    else:
        file.unlink()
    if fate == "deleted":
        with app.state.platform.database.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE inspections SET picture_deleted_at = '2026-03-01 00:00:00.000000'")
    pdf = _read(viewer.get(f"/api/v1/export/report/{told['id']}"))
    said = {
        "deleted": "Retention deleted the picture on 2026-03-01",
        "missing": "missing on disk",
        "broken": "cannot be read",
    }
    assert said[fate] in _text(pdf)
    assert list(pdf.pages[0].images) == []


def test_all_inspections_of_a_part_are_there_when_asked_by_part(viewer: httpx.Client, past: Past) -> None:
    now = datetime.now(UTC)
    past.store(*(Part(now - timedelta(hours=n), "pass" if n else "fail", part_id="A/1") for n in range(23)))
    past.store(Part(now, part_id="B"), Part(now, "uncertain", "line-2", part_id="A/1"))
    text = _text(_read(viewer.get("/api/v1/export/report", params={"part_id": "A/1"})))
    assert "24 inspections, of which the 20 newest follow" in text
    assert text.count("Inspection report") == 20
    one = _text(_read(viewer.get("/api/v1/export/report", params={"part_id": "A/1", "station_id": "line-2"})))
    assert "1 inspection." in one
    assert "UNCERTAIN" in one


@pytest.mark.parametrize("shape_hw", [(8, 4000), (4000, 8), (2160, 3840)])
def test_picture_fits_the_page_when_of_any_shape(viewer: httpx.Client, shape_hw: tuple[int, int]) -> None:
    told = _inspect(viewer, png_bytes(square_picture(None, shape_hw=shape_hw)))
    (image,) = _read(viewer.get(f"/api/v1/export/report/{told['id']}")).pages[0].images
    assert image.image is not None
    assert max(image.image.size) == 1600


def test_many_defects_go_on_to_more_pages_when_there_are_many(viewer: httpx.Client, past: Past) -> None:
    (inspection_id,) = past.store(Part(datetime.now(UTC), "fail", defects=[("dent", float(n)) for n in range(300)]))
    pdf = _read(viewer.get(f"/api/v1/export/report/{inspection_id}"))
    assert len(pdf.pages) > 3
    assert "299" in _text(pdf)


def test_there_is_no_report_when_there_is_no_inspection(viewer: httpx.Client) -> None:
    assert viewer.get("/api/v1/export/report/none").status_code == 404
    assert viewer.get("/api/v1/export/report", params={"part_id": "none"}).status_code == 404
    assert viewer.get("/api/v1/export/report").status_code == 422
