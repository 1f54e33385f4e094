"""What people do in the dashboard, as tests do it."""

import httpx
from playwright.sync_api import Page, expect

from tests.pictures import Colour, png_bytes, square_picture
from tests.serving.conftest import PASSWORD, bearer, log_in


def sign_in(page: Page, username: str, password: str = PASSWORD) -> None:
    """Type name and password."""
    page.locator("wa-input[name=username] input").fill(username)
    page.locator("wa-input[name=password] input").fill(password)
    page.keyboard.press("Enter")


def signed_in(page: Page, username: str) -> Page:
    """The page, with somebody signed in."""
    sign_in(page, username)
    expect(page.get_by_role("link", name="Live", exact=True)).to_be_visible()
    return page


def inspect_square(
    base_url: str,
    colour: Colour | None,
    station_id: str = "line-1",
    part_id: str = "",
    at_xy: tuple[int, int] = (16, 24),
) -> str:
    """The id of an inspection that the line made."""
    with httpx.Client(base_url=base_url, trust_env=False, timeout=20.0) as client:
        response = client.post(
            "/api/v1/inspect",
            headers=bearer(log_in(client, "operator")),
            files={"file": ("part.png", png_bytes(square_picture(colour, at_xy=at_xy)), "image/png")},
            data={"station_id": station_id, **({"part_id": part_id} if part_id else {})},
        )
    assert response.status_code == 200, response.text
    return str(response.json()["id"])


def go_to(page: Page, path: str) -> None:
    """Another page of the dashboard, as a link of its own goes there: without a reload."""
    page.evaluate("path => { history.pushState(null, '', path); dispatchEvent(new PopStateEvent('popstate')); }", path)


def grave_violations(page: Page, axe: str) -> list[str]:
    """What axe-core finds serious or critical on the page as it stands.

    Args:
        page: The page.
        axe: The source of axe-core.
    """
    page.evaluate(axe)
    report = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    grave = [one for one in report["violations"] if one["impact"] in {"serious", "critical"}]
    return [f"{one['id']}: {[node['target'] for node in one['nodes']]}" for one in grave]


def is_wider_than_screen(page: Page) -> bool:
    """Whether the page must be scrolled sideways."""
    overflow = """() => {
      const main = document.querySelector('ussop-app').shadowRoot.querySelector('main');
      return Math.max(main.scrollWidth - main.clientWidth, document.documentElement.scrollWidth - innerWidth) > 0;
    }"""
    return bool(page.evaluate(overflow))
