"""The main job of each page beside the line: history, quality, stations, users, batch, system, questions."""

import re
from collections.abc import Callable
from pathlib import Path

import httpx
from playwright.sync_api import expect

from serving.app import create_app
from serving.settings import Settings
from tests.e2e.conftest import Screen
from tests.e2e.steps import go_to, inspect_square, signed_in
from tests.models.test_checkerboard import board
from tests.pictures import png_bytes
from tests.serving.conftest import bearer, log_in
from tests.serving.server import serve


def test_verdict_is_overruled_when_an_operator_gives_a_reason(screen: Screen, tmp_path: Path) -> None:
    inspect_square(screen.base_url, "red", part_id="D-1")
    inspect_square(screen.base_url, "blue", part_id="E-2")
    page = signed_in(screen.open("/history"), "operator")
    page.get_by_role("button", name="More filters").click()
    page.get_by_label("Part begins with").fill("D-")
    page.get_by_label("Part begins with").press("Enter")
    expect(page.get_by_role("row").filter(has_text="E-2")).to_have_count(0)
    with page.expect_download() as saved:
        page.get_by_role("button", name="CSV").click()
    saved.value.save_as(tmp_path / "list.csv")
    assert "D-1" in (tmp_path / "list.csv").read_text(encoding="utf-8")
    page.get_by_role("row").filter(has_text="D-1").click()
    page.get_by_role("button", name="Overrule").click()
    expect(page.get_by_role("button", name="It is good")).to_be_disabled()
    page.get_by_label("Reason").fill("a reflection")
    page.get_by_role("button", name="It is good").click()
    overruled = page.locator("[data-overruled]")
    expect(overruled).to_contain_text("a reflection")
    expect(overruled.locator("ussop-verdict")).to_have_text("Pass")
    assert screen.complaints == []


def test_list_and_file_follow_the_verdict_that_holds(screen: Screen, tmp_path: Path) -> None:
    overruled = inspect_square(screen.base_url, "red", part_id="D-1")
    inspect_square(screen.base_url, "blue", part_id="E-2")
    inspect_square(screen.base_url, None, part_id="F-3")
    with httpx.Client(base_url=screen.base_url, trust_env=False, timeout=20.0) as client:
        body = {"decision": "pass", "reason": "a reflection"}
        headers = bearer(log_in(client, "operator"))
        client.post(f"/api/v1/inspect/{overruled}/overrule", json=body, headers=headers).raise_for_status()
    page = signed_in(screen.open("/history"), "viewer")
    rows = page.locator("a.row-line")

    def listed_and_saved() -> tuple[set[str], set[str]]:
        with page.expect_download() as saved:
            page.get_by_role("button", name="CSV").click()
        saved.value.save_as(tmp_path / "list.csv")
        text = (tmp_path / "list.csv").read_text(encoding="utf-8-sig")
        parts = ("D-1", "E-2", "F-3")
        return {one for one in parts if rows.filter(has_text=one).count()}, {one for one in parts if one in text}

    page.get_by_role("button", name="Pass", exact=True).click()
    expect(rows).to_have_count(2)
    assert listed_and_saved() == ({"D-1", "F-3"}, {"D-1", "F-3"})
    page.get_by_role("button", name="More filters").click()
    page.get_by_role("combobox", name="The model's verdict").press("ArrowDown")
    page.get_by_role("option", name="Fail").click()
    expect(rows).to_have_count(1)
    assert listed_and_saved() == ({"D-1"}, {"D-1"})
    assert page.url.endswith("/history?verdict=pass&decision=fail")
    assert screen.complaints == []


def test_station_measures_when_its_camera_has_seen_a_checkerboard(screen: Screen) -> None:
    with httpx.Client(base_url=screen.base_url, trust_env=False, timeout=20.0) as client:
        files = {"file": ("board.png", png_bytes(board(7, 5, 40.0)), "image/png")}
        headers = bearer(log_in(client, "operator"))
        client.post("/api/v1/inspect", headers=headers, files=files, data={"station_id": "line-1"}).raise_for_status()
    page = signed_in(screen.open("/stations"), "engineer")
    page.get_by_role("button", name="By a checkerboard").click()
    for name, value in (("columns", "7"), ("rows", "5"), ("squareMm", "10")):
        page.locator(f"wa-input[name={name}] input").fill(value)
    page.get_by_role("button", name="Find the board").click()
    page.get_by_role("button", name=re.compile("Take over")).click()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved. It holds from the next part on.")).to_be_visible()
    with httpx.Client(base_url=screen.base_url, trust_env=False, timeout=20.0) as client:
        stations = client.get("/api/v1/stations", headers=bearer(log_in(client, "viewer"))).json()["stations"]
    assert abs(stations[0]["mm_per_px"] - 0.25) < 0.005
    assert screen.complaints == []


def test_quality_shows_what_went_wrong_when_parts_failed(screen: Screen) -> None:
    page = signed_in(screen.open("/quality"), "viewer")
    expect(page.get_by_text("Nothing was inspected in this period.").first).to_be_visible()
    inspect_square(screen.base_url, "red")
    inspect_square(screen.base_url, None)
    page.get_by_role("button", name="8 h", exact=True).click()
    expect(page.locator("dl.figures")).to_contain_text("50.0%")
    expect(page.locator("ussop-chart canvas")).to_have_count(3)
    expect(page.locator("ussop-heat-map rect").first).to_be_visible()
    page.get_by_role("button", name="Area in mm²").click()  # the station is not calibrated
    expect(page.locator("ussop-chart")).to_have_count(2)
    assert screen.complaints == []


def test_station_measures_when_a_known_length_is_drawn(screen: Screen) -> None:
    inspect_square(screen.base_url, None)
    page = signed_in(screen.open("/stations"), "engineer")
    drawing = page.locator("ussop-drawing svg")
    expect(drawing).to_be_visible()
    box = drawing.bounding_box()
    assert box is not None
    side = min(box["width"], box["height"])  # the picture is a square in the middle
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    for x in (-0.25, 0.25):
        page.mouse.click(middle[0] + x * side, middle[1])
    page.get_by_label("Known length in mm").fill("16")
    page.get_by_role("button", name=re.compile("Take over")).click()
    page.get_by_label("scratch: From px").fill("12,5")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved. It holds from the next part on.")).to_be_visible()
    with httpx.Client(base_url=screen.base_url, trust_env=False, timeout=20.0) as client:
        headers = bearer(log_in(client, "viewer"))
        stations = client.get("/api/v1/stations", headers=headers).json()["stations"]
    assert abs(stations[0]["mm_per_px"] - 0.5) < 0.05  # 16 mm over half of 64 pixels
    assert stations[0]["min_area_px"] == {"scratch": 12.5}
    assert screen.complaints == []


def test_people_and_keys_come_and_go_when_the_administrator_wants(screen: Screen) -> None:
    page = signed_in(screen.open("/users"), "admin")
    people = page.locator("form[data-user]")
    people.locator("wa-input[name=username] input").fill("newcomer")
    people.locator("wa-input[name=password] input").fill("a first passphrase")
    people.get_by_role("button", name="Create").click()
    row = page.get_by_role("row").filter(has_text="newcomer")
    expect(row).to_be_visible()
    row.get_by_role("button", name="Delete").click()
    page.locator("wa-button[data-confirm]").click()
    expect(row).to_have_count(0)
    expect(page.locator("wa-dialog dialog")).to_be_hidden()  # as long as it fades out, typing goes nowhere
    keys = page.locator("form[data-key]")
    keys.locator("wa-input[name=name] input").fill("line 3 PLC")
    keys.get_by_role("button", name="Create").click()
    secret = page.locator("[data-secret]")
    expect(secret).to_be_visible()
    headers = bearer(secret.inner_text())
    assert httpx.get(f"{screen.base_url}/api/v1/stations", headers=headers, trust_env=False).status_code == 200
    assert screen.complaints == []


def test_jobs_system_and_questions_are_there_when_asked_for(
    new_screen: Callable[..., Screen], settings: Settings
) -> None:
    folder = settings.data_dir / "inbox" / "shift"
    folder.mkdir(parents=True)
    with serve(create_app(settings)) as base_url:
        page = signed_in(new_screen(base_url).open("/batch"), "admin")
        page.get_by_label("Name", exact=True).fill("Shift A")
        page.get_by_label("Folder on the platform's machine").fill("shift")
        page.get_by_role("button", name="Create").click()
        expect(page.locator("article").filter(has_text="Shift A")).to_contain_text("Waiting")
        go_to(page, "/system")
        expect(page.get_by_text("A picture sent now gets a verdict that is kept.")).to_be_visible()
        page.get_by_role("button", name="Verify the chain").click()
        expect(page.get_by_role("status").filter(has_text="entries hold")).to_be_visible()
        expect(page.get_by_role("row").filter(has_text="batch")).not_to_have_count(0)
        go_to(page, "/ask")
        page.get_by_label("Your question").fill("How many scratches?")
        page.get_by_role("button", name="Ask").click()
        expect(page.get_by_text("Questions are switched off here")).to_be_visible()
