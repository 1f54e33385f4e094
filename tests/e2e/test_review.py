"""People correct what the model saw: with mouse and keyboard, without waiting, and without losing anything."""

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import httpx
from playwright.sync_api import Page, Route, expect

from tests.e2e.conftest import Screen
from tests.e2e.steps import inspect_square, signed_in
from tests.serving.conftest import bearer, log_in


def _wait_until_saved(page: Page) -> None:
    """The page goes on to the next picture at once; what was decided travels behind it."""
    expect(page.get_by_role("status").filter(has_text="being saved")).to_have_count(0)


def _stats(base_url: str) -> dict[str, Any]:
    with httpx.Client(base_url=base_url, trust_env=False, timeout=20.0) as client:
        answer = client.get("/api/v1/active-learning/stats", headers=bearer(log_in(client, "viewer")))
    return dict(answer.json())


def _only_label(base_url: str, class_name: str) -> list[float]:
    """The box of the one label of a class, as training gets it."""
    with httpx.Client(base_url=base_url, trust_env=False, timeout=20.0) as client:
        client.headers.update(bearer(log_in(client, "engineer")))
        dataset = client.post("/api/v1/datasets", json={"name": "reviewed"}).raise_for_status().json()
        answer = client.get(f"/api/v1/datasets/{dataset['id']}/export?format=coco").raise_for_status()
    with zipfile.ZipFile(io.BytesIO(answer.content)) as files:
        (name,) = [name for name in files.namelist() if name.endswith(".json")]
        coco = json.loads(files.read(name))
    wanted = {one["id"] for one in coco["categories"] if one["name"] == class_name}
    (label,) = [one for one in coco["annotations"] if one["category_id"] in wanted]
    return [float(value) for value in label["bbox"]]


def _uncertain_parts(base_url: str, number: int) -> None:
    for index in range(number):  # another place for each: the same picture enters the queue once
        inspect_square(base_url, "pale_red", part_id=f"D-{index}", at_xy=(4 + 4 * index, 8))


def _drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drags on the canvas, in shares of its size."""
    box = page.locator("canvas").bounding_box()
    assert box is not None
    (x1, y1), (x2, y2) = ((box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end))
    page.mouse.move(x1, y1)
    page.mouse.down()
    page.mouse.move((x1 + x2) / 2, (y1 + y2) / 2)
    page.mouse.move(x2, y2)
    page.mouse.up()


def test_pictures_are_corrected_when_reviewed_by_mouse_and_keys(screen: Screen) -> None:
    _uncertain_parts(screen.base_url, 4)
    page = signed_in(screen.open("/review"), "operator")
    expect(page.get_by_role("status").filter(has_text="4 waiting")).to_be_visible()
    expect(page.get_by_text("Model was unsure")).to_be_visible()
    canvas = page.locator("canvas")
    expect(canvas).not_to_have_attribute("aria-label", "Picture with 0 marked regions")

    page.keyboard.press("s")  # there is no segmenter here
    expect(page.get_by_text("Outlines by click are not available here")).to_be_visible()
    page.keyboard.press("v")
    while canvas.get_attribute("aria-label") != "Picture with 0 marked regions":
        page.keyboard.press("n")
        page.keyboard.press("Delete")
    page.keyboard.press("r")
    _drag(page, (0.4, 0.4), (0.6, 0.6))
    page.keyboard.press("2")
    expect(canvas).to_have_attribute("aria-label", "Picture with 1 marked regions")
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+y")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="3 waiting")).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("k")
    expect(page.get_by_role("status").filter(has_text="1 waiting")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing to review.")).to_be_visible()
    _wait_until_saved(page)

    stats = _stats(screen.base_url)
    assert (stats["pending"], stats["labeled"], stats["skipped"], stats["good_parts"]) == (0, 3, 1, 1)
    assert stats["per_class"]["dent"] == 1  # what was drawn, in the class of key 2
    left, top, width, height = _only_label(screen.base_url, "dent")
    assert 16 < left + width / 2 < 48  # drawn in the middle of 64 pixels
    assert 16 < top + height / 2 < 48
    assert screen.complaints == []


def test_nothing_is_lost_when_the_connection_breaks_and_the_page_is_loaded_anew(
    new_screen: Callable[..., Screen], base_url: str
) -> None:
    _uncertain_parts(base_url, 2)
    page = signed_in(new_screen(base_url).open("/review"), "operator")
    canvas = page.locator("canvas")
    expect(canvas).to_be_visible()

    def refuse(route: Route) -> None:
        route.abort()

    page.route("**/annotate/**", refuse)
    page.keyboard.press("g")
    expect(page.get_by_role("status").filter(has_text="1 being saved")).to_be_visible()
    page.keyboard.press("p")
    box = canvas.bounding_box()
    assert box is not None
    for x, y in ((0.4, 0.4), (0.6, 0.4), (0.5, 0.6)):
        page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    page.keyboard.press("Enter")
    drawn = canvas.get_attribute("aria-label")
    page.reload()
    expect(canvas).to_have_attribute("aria-label", str(drawn))
    page.unroute("**/annotate/**")
    _wait_until_saved(page)
    assert _stats(base_url)["good_parts"] == 1
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing to review.")).to_be_visible()
    page.keyboard.press("l")  # nothing to do on an empty page
    page.get_by_role("button", name="Back to the last").click()
    expect(canvas).to_have_attribute("aria-label", str(drawn))
    page.keyboard.press("g")
    expect(page.get_by_text("Nothing to review.")).to_be_visible()
    _wait_until_saved(page)
    assert _stats(base_url)["good_parts"] == 2
