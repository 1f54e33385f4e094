"""Versions of the model beside each other, put to use and taken back, with a real MLflow."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

pytest.importorskip("mlflow", reason="needs the train extra")

from models.bundle import Bundle
from registry.rest import MlflowRest
from registry.version import DEPLOYED, MODEL_NAME
from serving.app import create_app
from serving.settings import Settings
from tests.e2e.conftest import PHONE, Screen
from tests.e2e.steps import go_to, grave_violations, inspect_square, is_wider_than_screen, signed_in
from tests.mlflow_server import mlflow_server
from tests.serving.model_versions.conftest import port_of, publisher
from tests.serving.model_versions.judged import gate_report, keep_judgement
from tests.serving.server import serve
from tests.tiny_bundle import build_tiny_bundle


@pytest.fixture
def base_url(
    browser: Browser, settings: Settings, tiny_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """A platform with version 1 deployed, and version 2 which the gate has blocked."""
    (mlflow_dir := tmp_path / "mlflow").mkdir()
    (report_dir := tmp_path / "report").mkdir()
    second = build_tiny_bundle(tmp_path / "second", version="b", score_shift=0.1)
    with mlflow_server(mlflow_dir) as url, MlflowRest(url) as rest:
        publish = publisher(url, monkeypatch)
        assert publish(tiny_bundle) == "1"
        rest.set_alias(MODEL_NAME, DEPLOYED, "1")
        assert publish(second) == "2"
        keep_judgement(url, rest, report_dir, gate_report(["differing/00_0.jpg", None]))
        with serve(
            create_app(settings.model_copy(update={"mlflow_port": port_of(url), "model_poll_s": 0.1}))
        ) as address:
            yield address


def test_candidate_is_compared_deployed_with_a_reason_and_taken_back(
    new_screen: Callable[..., Screen], base_url: str, axe: str
) -> None:
    screen = new_screen(base_url)
    page = signed_in(screen.open("/models"), "admin")
    candidate = page.locator("ussop-version-card").filter(has_text="Version 2")
    expect(candidate.get_by_text("Gate: Blocked")).to_be_visible()
    candidate.get_by_role("link", name="Compare", exact=True).click()

    expect(page.get_by_role("heading", name="The gate blocked it")).to_be_visible()
    expect(page.get_by_text("more escapes: 1 of 20 instead of 0")).to_be_visible()
    escapes = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="Escapes"))
    expect(escapes).to_contain_text("5.0%")
    expect(escapes.locator(".better")).to_contain_text("worse")
    expect(page.locator("ussop-difference-card")).to_have_count(2)
    page.locator("ussop-difference-card").first.scroll_into_view_if_needed()  # drawings come as they are looked at
    drawing = page.locator("ussop-difference-card img")
    assert grave_violations(page, axe) == []
    small = signed_in(new_screen(base_url, PHONE, dark=True, language="en").open("/models/2"), "viewer")
    expect(small.locator("ussop-difference-card")).to_have_count(2)
    assert grave_violations(small, axe) == []
    assert not is_wider_than_screen(small)
    assert drawing.evaluate("image => image.decode().then(() => image.naturalWidth)") == 64
    expect(page.get_by_text("Would escape now").first).to_be_visible()
    page.reload()  # the comparison has an address of its own
    page.locator("ussop-difference-card").first.scroll_into_view_if_needed()
    page.get_by_role("button", name="Enlarge 0.png").click()
    expect(page.locator("wa-dialog img")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("wa-dialog img")).to_have_count(0)

    page.get_by_role("button", name="Deploy", exact=True).click()
    page.get_by_label("Reason for deploying against the gate").fill("a trial of the alarm")
    page.locator("wa-button[data-confirm]").click()
    expect(page.get_by_text("Version 2 is in use.")).to_be_visible()
    inspect_square(base_url, "red")
    go_to(page, "/live")
    expect(page.locator("ussop-station-view dd", has_text="tiny 2")).to_be_visible()

    go_to(page, "/models")
    page.locator("ussop-version-card").filter(has_text="Version 1").get_by_role(
        "button", name="Go back to this"
    ).click()
    page.locator("wa-button[data-confirm]").click()
    expect(page.get_by_text("Version 1 is in use.")).to_be_visible()
    inspect_square(base_url, "red")
    go_to(page, "/live")
    expect(page.locator("ussop-station-view dd", has_text="tiny 1")).to_be_visible()
    assert [one for one in screen.complaints if "503" not in one] == []  # nobody trains: there is no Prefect here
