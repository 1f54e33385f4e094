"""The whole way in one sitting: pictures are corrected, a model learns from them, is judged, deployed and inspects."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

pytest.importorskip("torch", reason="needs the train extra")

from models.bundle import Bundle
from registry.rest import MlflowRest
from registry.version import DEPLOYED, MODEL_NAME
from serving.app import create_app
from serving.command.service_account import ensure_service_account
from serving.settings import Settings
from tests.e2e.conftest import Screen
from tests.e2e.steps import go_to, inspect_square, signed_in
from tests.prefect_platform import prefect_platform
from tests.serving.conftest import bearer, log_in
from tests.serving.model_versions.conftest import port_of, publisher
from tests.serving.server import serve

pytestmark = [pytest.mark.slow, pytest.mark.training]
PARTS_OF_A_KIND = 10  # the API starts no training on less than 20 pictures
JOB_MS = 900_000.0  # for machines that are busy with other things; it takes seconds where nothing else runs


@pytest.fixture(autouse=True)
def _patience() -> Iterator[None]:
    """Beside a training on a busy machine a page takes longer than the five seconds of elsewhere."""
    expect.set_options(timeout=60_000)
    yield
    expect.set_options(timeout=5_000)


@pytest.fixture
def base_url(
    browser: Browser, settings: Settings, tiny_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The platform with its jobs; version 1 is deployed, and no version is fast enough for the gate."""
    ensure_service_account(settings)
    with prefect_platform(settings.data_dir) as jobs, MlflowRest(jobs.mlflow_url) as rest:
        assert publisher(jobs.mlflow_url, monkeypatch)(tiny_bundle) == "1"
        rest.set_alias(MODEL_NAME, DEPLOYED, "1")
        ports = {"mlflow_port": port_of(jobs.mlflow_url), "prefect_port": jobs.prefect_port, "api_port": jobs.api_port}
        rules = {"model_poll_s": 0.1, "gate_latency_budget_ms": 0.001}
        jobs.deployment_id("promote")
        jobs.deployment_id("fine-tune")
        with serve(create_app(settings.model_copy(update=ports | rules)), jobs.api_port) as url:
            yield url


def _review(page: Page, scratched: set[str], total: int) -> None:
    """Confirms the scratches that are some and calls the reflections good, with one key for each part."""
    for left in range(total, 0, -1):
        expect(page.get_by_role("status").filter(has_text=f"{left} waiting")).to_be_visible()
        expect(page.locator("canvas")).not_to_have_attribute("aria-label", "Picture with 0 marked regions")
        shown = str(page.get_by_role("link", name="Open in history").get_attribute("href")).rpartition("/")[2]
        page.keyboard.press("Enter" if shown in scratched else "g")
    expect(page.get_by_text("Nothing to review.")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="being saved")).to_have_count(0)


def _choose(page: Page, choice: str, option: str) -> None:
    page.get_by_role("combobox", name=choice).click()
    page.get_by_role("option", name=option).click()


def _trained(base_url: str) -> int:
    """Number of pictures that count as trained."""
    with httpx.Client(base_url=base_url, trust_env=False, timeout=20.0) as client:
        answer = client.get("/api/v1/active-learning/stats", headers=bearer(log_in(client, "viewer")))
    return int(answer.raise_for_status().json()["trained"])


def test_new_version_inspects_when_it_was_trained_on_corrections_and_deployed(screen: Screen) -> None:
    url = screen.base_url
    places = [(4 * index, 8 * (index % 2)) for index in range(PARTS_OF_A_KIND)]
    scratched = {inspect_square(url, "pale_red", at_xy=(x, y)) for x, y in places}
    for x, y in places:
        inspect_square(url, "pale_blue", at_xy=(x, y))  # a reflection of the sky
    screen.context.set_default_timeout(60_000)
    page = signed_in(screen.open("/review"), "admin")
    _review(page, scratched, 2 * PARTS_OF_A_KIND)

    go_to(page, "/models")
    _choose(page, "Network", "Surface: needs few pictures")
    _choose(page, "Thoroughness", "Quick look (5 rounds)")
    _choose(page, "Changes to what it knows", "Bold: for very different parts")
    _choose(page, "Memory", "Large machine (16 at once)")
    page.get_by_label("Name (optional)").fill("v2-monday")
    page.get_by_role("button", name="Start training").click()
    panel = page.locator("ussop-training-panel")
    expect(panel.get_by_role("progressbar")).to_be_visible()
    expect(panel.get_by_text("Round 5 of 5")).to_be_visible(timeout=JOB_MS)
    expect(panel.get_by_text("Done v2-monday")).to_be_visible(timeout=JOB_MS)
    assert _trained(url) == 2 * PARTS_OF_A_KIND

    candidate = page.locator("ussop-version-card").filter(has_text="Version 2")
    expect(candidate.get_by_text("Candidate")).to_be_visible()
    candidate.get_by_role("button", name="Judge and deploy").click()
    page.locator("wa-button[data-confirm]").click()
    expect(candidate.get_by_text("Gate: Blocked")).to_be_visible(timeout=JOB_MS)
    candidate.get_by_role("link", name="Compare", exact=True).click()
    expect(page.get_by_role("heading", name="The gate blocked it")).to_be_visible()
    times = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="Latency"))
    expect(times.get_by_role("cell").first).to_contain_text("ms")

    page.get_by_role("button", name="Deploy", exact=True).click()
    page.get_by_label("Reason for deploying against the gate").fill("this line is slow")
    page.locator("wa-button[data-confirm]").click()
    expect(page.get_by_text("Version 2 is in use.")).to_be_visible(timeout=JOB_MS)
    inspect_square(url, None)
    go_to(page, "/live")
    expect(page.locator("ussop-station-view dd", has_text="inspector 2")).to_be_visible()
    assert screen.complaints == []
