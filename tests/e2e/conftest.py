"""A real browser on the real API with the dashboard as it is built."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, sync_playwright

from serving.app import create_app
from serving.settings import Settings
from tests.serving.conftest import _plain_log_lines, prepared_data_dir, settings
from tests.serving.server import serve

__all__ = ["_plain_log_lines", "prepared_data_dir", "settings"]
_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
_ROOM = Path(__file__).resolve().parents[2] / "dashboards" / "operator"
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDE, PHONE = (1440, 900), (390, 844)


@dataclass
class Screen:
    """One browser profile and whatever its pages complained about."""

    context: BrowserContext
    base_url: str
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str = "/") -> Page:
        """A new tab."""
        page = self.context.new_page()
        page.goto(self.base_url + path)
        return page

    def note(self, message: ConsoleMessage) -> None:
        """Keep what a page writes as an error; violations of the Content-Security-Policy are among them."""
        if message.type == "error":
            self.complaints.append(message.text)


@pytest.fixture(scope="module")  # it keeps an event loop running, in which no other test could run its own
def playwright() -> Iterator[Playwright]:
    """Drives the browser of this machine; nothing is downloaded."""
    if _CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine (Debian: apt-get install chromium)")
    if not (_ROOM / "dist" / "index.html").is_file():
        pytest.skip("the dashboard is not built (make dashboard)")
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """One browser for all tests, each with a profile of its own."""
    browser = playwright.chromium.launch(executable_path=_CHROMIUM, headless=True, args=list(_FLAGS))
    yield browser
    browser.close()


@pytest.fixture
def base_url(browser: Browser, settings: Settings) -> Iterator[str]:
    """Where the platform answers; the browser comes first, so that without one nothing is started."""
    with serve(create_app(settings)) as url:
        yield url


@pytest.fixture
def new_screen(browser: Browser) -> Iterator[Callable[..., Screen]]:
    """Makes screens: `new_screen(url, size, dark=True)`."""
    screens: list[Screen] = []

    def make(url: str, size: tuple[int, int] = WIDE, *, dark: bool = False, language: str = "en") -> Screen:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            locale=language,
            reduced_motion="reduce",
        )
        context.set_default_timeout(15_000)
        screen = Screen(context, url)
        context.on("console", screen.note)
        context.on("weberror", lambda error: screen.complaints.append(str(error.error)))
        screens.append(screen)
        return screen

    yield make
    for screen in screens:
        screen.context.close()


@pytest.fixture
def screen(new_screen: Callable[..., Screen], base_url: str) -> Screen:
    """A wide screen in English."""
    return new_screen(base_url)


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core, which finds what people with other senses cannot use."""
    path = _ROOM / "node_modules" / "axe-core" / "axe.min.js"
    if not path.is_file():
        pytest.skip("axe-core is not installed (npm ci in dashboards/operator)")
    return path.read_text(encoding="utf-8")
