"""The live page: takt and yield of the shift, a cut connection, and a long run."""

import json
from typing import Any, Final

import httpx
from playwright.sync_api import CDPSession, Page, Request, expect

from tests.e2e.conftest import Screen
from tests.e2e.steps import inspect_square, signed_in
from tests.serving.conftest import bearer, log_in

EVENTS: Final = 10_000
WARM_UP: Final = 1_000
MOST_GROWTH_BYTES: Final = 5_000_000
MOST_GROWTH_NODES: Final = 500  # one kept for each part that goes would be ten thousand
# Notes the page's socket, which a test may then speak through as the server does.
_LISTEN: Final = """
  const Plain = window.WebSocket;
  window.sockets = [];
  window.WebSocket = class extends Plain {
    constructor(...all) { super(...all); window.sockets.push(this); }
  };
"""
# So many parts of one station as the server tells them, a frame's pause after each hundred.
_SEND: Final = """async ({ text, from, count }) => {
  const socket = window.sockets.at(-1);
  const start = Date.now();
  for (let index = from; index < from + count; index += 1) {
    const message = JSON.parse(text);
    message.seq += index + 1;
    message.data.id = `part-${index}`;
    message.data.part_id = `D-${index}`;
    message.data.decision = index % 7 ? "pass" : "fail";
    message.data.created_at = new Date(start + index).toISOString();
    socket.onmessage(new MessageEvent("message", { data: JSON.stringify(message) }));
    if (index % 100 === 0) await new Promise(requestAnimationFrame);
  }
}"""

# What the test is there to catch: somebody who keeps what is over.
_LEAK: Final = """() => {
  const socket = window.sockets.at(-1), told = socket.onmessage;
  window.kept = [];
  socket.onmessage = (event) => { window.kept.push(JSON.parse(event.data)); told(event); };
}"""


def test_takt_yield_and_verdict_are_told_without_asking_when_parts_come(screen: Screen) -> None:
    inspect_square(screen.base_url, "red", part_id="D-1")
    inspect_square(screen.base_url, None, part_id="D-2")
    with httpx.Client(base_url=screen.base_url, trust_env=False, timeout=20.0) as client:
        client.headers.update(bearer(log_in(client, "engineer")))
        # Shorter than any part takes here, so that it is above in any case.
        rules = {"takt_s": 60, "station_rules": {"line-1": {"takt_s": 0.001}}}
        client.post("/api/v1/config", json=rules).raise_for_status()
    page = signed_in(screen.open("/live"), "viewer")
    verdict, share = page.locator("ussop-station-view ussop-verdict"), page.locator("[data-yield]")
    expect(share).to_contain_text("50.0%")
    expect(share).to_contain_text("of 2 since")
    expect(page.locator("[data-cycle]")).to_contain_text("Above the takt of")
    expect(verdict).to_have_text("Pass")
    expect(page.get_by_role("status").filter(has_text="Live")).to_be_visible()
    asked: list[str] = []

    def note(request: Request) -> None:
        if "/api/v1/inspect" in request.url or "/api/v1/events" in request.url:
            asked.append(request.url)

    page.on("request", note)
    inspect_square(screen.base_url, "red", part_id="D-3")
    expect(verdict).to_have_text("Fail", timeout=15_000)
    expect(share).to_contain_text("33.3%")
    expect(share).to_contain_text("of 3 since")
    assert asked == []
    assert screen.complaints == []


def test_verdict_greys_and_misses_no_part_when_the_network_is_cut(screen: Screen) -> None:
    inspect_square(screen.base_url, None, part_id="D-1")
    page = signed_in(screen.open("/live"), "viewer")
    verdict = page.locator("ussop-station-view ussop-verdict")
    expect(verdict).to_have_text("Pass")
    screen.context.set_offline(True)
    expect(verdict).to_have_attribute("stale", "", timeout=15_000)
    expect(page.get_by_role("alert")).to_contain_text("Connection lost")
    for number in (2, 3, 4):
        inspect_square(screen.base_url, "red", part_id=f"D-{number}")
    screen.context.set_offline(False)
    expect(verdict).to_have_text("Fail", timeout=20_000)
    expect(verdict).not_to_have_attribute("stale", "")
    expect(page.locator("ussop-strip li")).to_have_count(4)


def test_heap_stays_flat_when_the_page_is_open_for_long(screen: Screen) -> None:
    inspection_id = inspect_square(screen.base_url, "red", part_id="D-1")
    with httpx.Client(base_url=screen.base_url, trust_env=False, timeout=20.0) as client:
        shown = client.get(f"/api/v1/inspect/{inspection_id}", headers=bearer(log_in(client, "viewer"))).json()
    text = json.dumps({"type": "inspection", "seq": 10**6, "data": shown})
    screen.context.add_init_script(_LISTEN)
    page = signed_in(screen.open("/live"), "viewer")
    expect(page.locator("ussop-station-view ussop-verdict")).to_have_text("Fail")
    devtools = screen.context.new_cdp_session(page)

    def grown_by(start: int, count: int) -> tuple[int, int]:
        """Bytes and nodes that the page holds on to after so many parts."""
        before = _held(page, devtools)
        page.evaluate(_SEND, {"text": text, "from": start, "count": count})
        expect(page.locator("ussop-station-view dd", has_text=f"D-{start + count - 1}")).to_be_visible()
        after = _held(page, devtools)
        return after["JSHeapUsedSize"] - before["JSHeapUsedSize"], after["Nodes"] - before["Nodes"]

    grown_by(0, WARM_UP)
    grown_bytes, grown_nodes = grown_by(WARM_UP, EVENTS)
    assert grown_bytes < MOST_GROWTH_BYTES, f"the heap grew by {grown_bytes / 1e6:.1f} MB"
    assert grown_nodes < MOST_GROWTH_NODES, f"the page grew by {grown_nodes} nodes"
    page.evaluate(_LEAK)
    leaked_bytes, _ = grown_by(WARM_UP + EVENTS, EVENTS // 2)
    assert leaked_bytes > MOST_GROWTH_BYTES, "a leak that was planted is not seen"


def _held(page: Page, devtools: CDPSession) -> dict[str, Any]:
    """What the page holds after everything was let go that can be."""
    devtools.send("Performance.enable")
    for _ in range(3):  # what a first round frees may hold other things
        devtools.send("HeapProfiler.collectGarbage")
        page.evaluate("() => new Promise(requestAnimationFrame)")
    return {one["name"]: one["value"] for one in devtools.send("Performance.getMetrics")["metrics"]}
