"""The dashboard's way from sign-in to history, in a real browser, without a complaint of it."""

from collections.abc import Callable
from functools import partial

import pytest
from playwright.sync_api import FilePayload, expect

from serving.app import create_app
from serving.audit.chain import AuditChain
from serving.database import Database, create_engine
from serving.settings import Settings
from serving.users import repository
from serving.users import service as users
from tests.e2e.conftest import PHONE, WIDE, Screen
from tests.e2e.steps import go_to, grave_violations, inspect_square, is_wider_than_screen, sign_in, signed_in
from tests.pictures import Colour, png_bytes, square_picture
from tests.serving.conftest import PASSWORD
from tests.serving.server import serve


def test_verdict_is_seen_live_and_in_history_when_a_picture_is_inspected(screen: Screen) -> None:
    page = signed_in(screen.open("/live"), "operator")
    expect(page.get_by_text("No part has been inspected yet.")).to_be_visible()

    page.get_by_role("link", name="Inspect", exact=True).click()
    part: FilePayload = {"name": "part.png", "mimeType": "image/png", "buffer": png_bytes(square_picture("red"))}
    note: FilePayload = {"name": "note.txt", "mimeType": "text/plain", "buffer": b"no picture"}
    page.get_by_label("Part number").fill("D-1")
    page.locator("input[type=file]").set_input_files([part, note])
    expect(page.locator("ussop-result ussop-verdict")).to_have_text("Fail")
    expect(page.locator("ussop-result pre")).to_contain_text("-F 'part_id=D-1'")
    expect(page.locator("ol li")).to_have_count(1)
    page.locator("wa-switch", has_text="Masks").click()
    expect(page.locator("ussop-result .mask")).to_have_count(0)

    page.get_by_role("link", name="Live", exact=True).click()
    view = page.locator("ussop-station-view")
    expect(view.locator("ussop-verdict")).to_have_text("Fail")
    expect(view.locator(".mask")).not_to_have_count(0)
    expect(view.locator("ussop-defects td").first).to_have_text("scratch")
    natural_px = view.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)")
    assert natural_px == 64

    page.get_by_role("link", name="History", exact=True).click()
    page.get_by_role("row").filter(has_text="D-1").click()
    expect(page.get_by_role("heading", name="D-1")).to_be_visible()
    page.reload()
    expect(page.locator("ussop-result ussop-verdict")).to_have_text("Fail")
    assert screen.complaints == []


def test_verdict_appears_by_itself_when_the_line_inspects(screen: Screen) -> None:
    inspect_square(screen.base_url, None, part_id="D-1")
    page = signed_in(screen.open("/live"), "viewer")
    verdict = page.locator("ussop-station-view ussop-verdict")
    expect(verdict).to_have_text("Pass")
    expect(page.get_by_role("status").filter(has_text="Live")).to_be_visible()
    inspect_square(screen.base_url, "red", part_id="D-2")
    expect(verdict).to_have_text("Fail", timeout=2_000)
    expect(page.locator("ussop-strip li")).to_have_count(2)
    inspect_square(screen.base_url, "blue", station_id="line-2")
    page.get_by_role("link", name="All stations").click()
    expect(page.locator("ussop-station-card")).to_have_count(2)
    assert screen.complaints == []


def test_verdict_greys_when_the_platform_stops(new_screen: Callable[..., Screen], settings: Settings) -> None:
    with serve(create_app(settings)) as base_url:
        inspect_square(base_url, None)
        page = signed_in(new_screen(base_url).open("/live"), "viewer")
        verdict = page.locator("ussop-station-view ussop-verdict")
        expect(verdict).to_have_text("Pass")
        assert verdict.get_attribute("stale") is None
    # How soon (3 s) is a matter of the unit tests of connection-data.ts; here the machine may be busy.
    expect(verdict).to_have_attribute("stale", "", timeout=15_000)
    expect(page.get_by_role("alert")).to_contain_text("Connection lost")


def test_keys_step_through_the_parts_when_one_is_open(screen: Screen) -> None:
    colours: tuple[Colour | None, ...] = (None, "red", "blue")
    for number, colour in enumerate(colours):
        inspect_square(screen.base_url, colour, part_id=f"D-{number}")
    page = signed_in(screen.open("/history"), "viewer")
    page.get_by_role("row").filter(has_text="D-2").click()
    for key, part in (("ArrowRight", "D-1"), ("ArrowRight", "D-0"), ("ArrowRight", "D-0"), ("ArrowLeft", "D-1")):
        page.keyboard.press(key)
        expect(page.get_by_role("heading", name=part)).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Fail", exact=True).click()
    expect(page.get_by_role("row").filter(has_text="D-")).to_have_count(2)
    assert page.url.endswith("/history?verdict=fail")
    assert screen.complaints == []


def test_new_password_is_asked_for_when_the_old_one_was_given(
    new_screen: Callable[..., Screen], settings: Settings
) -> None:
    database = Database(create_engine(settings.database_url), queue_size=8, audit=AuditChain.open(settings))
    user = users.new_user("newcomer", PASSWORD, ["viewer"], must_change_password=True)
    database.write(partial(repository.add, user=user)).result(timeout=30)
    database.close()
    with serve(create_app(settings)) as base_url:
        screen = new_screen(base_url)
        page = screen.open("/history")
        sign_in(page, "newcomer")
        expect(page.get_by_role("heading", name="Choose your own password")).to_be_visible()
        for name, value in (
            ("old", PASSWORD),
            ("new", "another good passphrase"),
            ("repeat", "another good passphrase"),
        ):
            page.locator(f"wa-input[name={name}] input").fill(value)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="History")).to_be_visible()
        assert screen.complaints == []


def test_session_survives_when_two_tabs_renew_it_at_once(screen: Screen) -> None:
    first = signed_in(screen.open("/live"), "viewer")
    second = screen.open("/history")  # signed in by the other tab
    expect(second.get_by_role("heading", name="History")).to_be_visible()
    age = (
        "key => sessionStorage.setItem(key, "
        """sessionStorage.getItem(key).replace(/"expiresAtMs":\\d+/, '"expiresAtMs":1'))"""
    )
    for _ in range(2):
        for page in (first, second):
            page.evaluate(age, "ussop.session")
        for page in (first, second):
            page.evaluate("setTimeout(() => location.reload(), 0)")
        for page, title in ((first, "Live"), (second, "History")):
            page.wait_for_load_state()
            expect(page.get_by_role("heading", name=title)).to_be_visible()
    assert screen.complaints == []  # later a call on its way when the session ends may be refused
    second.get_by_role("button", name="viewer", exact=False).click()
    second.get_by_role("menuitem", name="Sign out").click()
    for page in (first, second):
        expect(page.get_by_label("User name")).to_be_visible()


def test_pages_beyond_the_role_stay_shut_when_opened(screen: Screen) -> None:
    page = signed_in(screen.open("/inspect"), "viewer")
    expect(page.get_by_text("Your role may not open this page.")).to_be_visible()
    expect(page.get_by_role("link", name="Inspect", exact=True)).to_have_count(0)


@pytest.mark.parametrize(("language", "word"), [("de", "Verlauf"), ("zh", "历史")])
def test_texts_are_in_the_language_of_the_browser(
    new_screen: Callable[..., Screen], base_url: str, language: str, word: str
) -> None:
    page = new_screen(base_url, language=language).open("/history")
    sign_in(page, "viewer")
    expect(page.get_by_role("heading", name=word)).to_be_visible()


@pytest.mark.parametrize(("size", "dark"), [(WIDE, False), (PHONE, True)])
def test_nobody_is_shut_out_when_pages_are_examined(
    new_screen: Callable[..., Screen], base_url: str, axe: str, size: tuple[int, int], dark: bool
) -> None:
    shown = inspect_square(base_url, "red", part_id="D-1")
    inspect_square(base_url, "pale_red", part_id="D-2")  # waits for review
    page = new_screen(base_url, size, dark=dark).open("/live")
    expect(page.get_by_label("User name")).to_be_visible()
    found: dict[str, list[str]] = {}

    def examine(name: str) -> None:
        if grave := grave_violations(page, axe):
            found[name] = grave

    examine("sign-in")
    sign_in(page, "admin")
    expect(page.locator("ussop-station-view")).to_be_visible()
    examine("live")
    for path, ready in (
        ("/inspect", "ussop-inspect-page"),
        ("/history", "ussop-history-page a.row-line"),
        (f"/history/{shown}", "ussop-result"),
        ("/alerts", "ussop-alerts-page .card"),
        ("/models", "ussop-training-panel wa-button"),
        ("/review", "ussop-review-page canvas"),
        ("/quality", "ussop-quality-page .charts"),
        ("/batch", "ussop-batch-page form"),
        ("/ask", "ussop-ask-page form"),
        ("/stations", "ussop-drawing svg"),
        ("/users", "ussop-users-page tbody tr"),
        ("/system", "ussop-system-page .facts"),
    ):
        go_to(page, path)
        page.locator(ready).first.wait_for()
        examine(path)
        assert not is_wider_than_screen(page), path
    assert found == {}
