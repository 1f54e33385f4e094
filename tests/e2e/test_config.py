"""The configuration is changed by two people at once, for a station, and taken back."""

from collections.abc import Callable
from typing import Any

import httpx
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import Screen
from tests.e2e.steps import inspect_square, signed_in
from tests.serving.conftest import bearer, log_in


def _field(page: Page, name: str) -> Locator:
    return page.locator(f"[data-field={name}] wa-input input")


def _save(page: Page) -> None:
    page.locator("ussop-config-editor wa-button[data-save]").click()


def _rules(base_url: str) -> dict[str, Any]:
    with httpx.Client(base_url=base_url, trust_env=False, timeout=20.0) as client:
        return dict(client.get("/api/v1/config", headers=bearer(log_in(client, "viewer"))).json()["values"])


def _own_rules(base_url: str, station_id: str) -> dict[str, Any]:
    rules = _rules(base_url)["station_rules"].get(station_id, {})
    return {name: value for name, value in rules.items() if value is not None}


def test_second_is_told_and_loses_nothing_when_two_people_edit(
    new_screen: Callable[..., Screen], base_url: str
) -> None:
    inspect_square(base_url, None)
    first = signed_in(new_screen(base_url).open("/system"), "engineer")
    second = signed_in(new_screen(base_url).open("/system"), "admin")
    for page in (first, second):
        expect(_field(page, "takt_s")).to_have_value("0")
    _field(first, "takt_s").fill("2")
    _save(first)
    expect(first.get_by_text("Saved. It holds at once.")).to_be_visible()

    _field(second, "takt_s").fill("3")
    _field(second, "alert_least_parts").fill("20")
    _save(second)
    told = second.locator("[data-meanwhile]")
    expect(told).to_contain_text("engineer has changed Takt in seconds")
    expect(_field(second, "takt_s")).to_have_value("3")
    expect(second.locator("[data-field=takt_s]")).to_contain_text("In force by now: 2")
    assert _rules(base_url)["takt_s"] == 2
    _save(second)
    expect(told).to_have_count(0)
    expect(second.get_by_text("Saved. It holds at once.")).to_be_visible()
    assert (_rules(base_url)["takt_s"], _rules(base_url)["alert_least_parts"]) == (3, 20)

    second.get_by_text("Earlier versions (2)").click()
    second.locator("[data-revision='1'] wa-button[data-revert]").click()
    second.locator("ussop-config-editor wa-button[data-confirm]").click()
    expect(second.get_by_text("Version 1 holds again.")).to_be_visible()
    expect(_field(second, "takt_s")).to_have_value("2")
    assert (_rules(base_url)["takt_s"], _rules(base_url)["alert_least_parts"]) == (2, 50)


def test_one_station_differs_when_its_rule_is_set_and_does_not_when_it_is_emptied(screen: Screen) -> None:
    inspect_square(screen.base_url, None)
    page = signed_in(screen.open("/system"), "engineer")
    where = page.locator("ussop-config-editor .where wa-select")
    where.click()
    page.get_by_role("option", name="line-1").click()
    _field(page, "takt_s").fill("-1")
    expect(page.get_by_text("≥ 0")).to_be_visible()
    _field(page, "takt_s").fill("1,5")
    _save(page)
    expect(page.get_by_text("Saved. It holds at once.")).to_be_visible()
    assert _own_rules(screen.base_url, "line-1") == {"takt_s": 1.5}
    expect(_field(page, "takt_s")).to_have_value("1.5")
    _field(page, "takt_s").fill("")
    _save(page)
    expect(page.get_by_text("Version 2").first).to_be_visible()
    assert _own_rules(screen.base_url, "line-1") == {}
    assert screen.complaints == []
