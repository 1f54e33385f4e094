"""The dashboard as people feel it: `python -m tests.bench.dashboard`.

From a verdict to the screen, from a lost connection to grey, from *save* to the next picture: the platform as a user
starts it, simulated parts, Debian's Chromium. Frames at 20 inspections/s: results are stored past the camera (as
tests/bench/opcua.py does), and from the commit on everything is real.
"""

import gzip
import os
import shutil
import signal
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
import numpy as np
import psutil
import typer
from playwright.sync_api import Browser, Page, Response, ViewportSize, sync_playwright

from tests.bench.inspect_latency import simulated_pictures
from tests.bench.line_of_events import line_of_events
from tests.bench.platform import ADMIN_PASSWORD, running_platform
from tests.bench.report import circumstances, replace_block, table, write_json

_SIZE: ViewportSize = {"width": 1440, "height": 900}
_REVIEWED = 30
_FRAME_MS = 1000 / 60
_CHARTS = "echarts"
_DEADLINE_S = 120.0
# Walks into every shadow root; watches from frame to frame, as the eye does.
_SCRIPT = """() => {
  const deep = (root, name) => {
    for (const one of root.querySelectorAll('*')) {
      if (one.localName === name) return one;
      const found = one.shadowRoot && deep(one.shadowRoot, name);
      if (found) return found;
    }
    return null;
  };
  const watch = { parts: {}, pictures: {}, stale: [], frames: [], keys: [], items: [], isCounting: false };
  const now = () => performance.timeOrigin + performance.now();
  let [part, picture, stale, item, last] = ['', '', null, '', 0];
  const look = () => {
    const view = deep(document, 'ussop-station-view')?.shadowRoot;
    const told = view?.querySelectorAll('dd.plain')[0]?.textContent?.trim().split(/\\s/)[0];
    if (view && told !== part) { part = told; watch.parts[part] = now(); }
    const image = view && deep(view, 'img');
    if (image && image.complete && image.naturalWidth > 0 && image.currentSrc !== picture) {
      picture = image.currentSrc;
      watch.pictures[part] = now();
    }
    const verdict = view?.querySelector('ussop-verdict');
    const isStale = verdict ? verdict.hasAttribute('stale') : null;
    if (verdict && isStale !== stale) { stale = isStale; watch.stale.push([isStale, now()]); }
    const review = deep(document, 'ussop-review-page');
    const current = review?.queue.current;
    if (current && current.id !== item && review.opened === current.id) {
      const here = review.queue.picture(current);
      if (here.complete && here.naturalWidth > 0) { item = current.id; watch.items.push(now()); }
    }
  };
  const tick = (at) => {
    if (watch.isCounting) { if (last) watch.frames.push(at - last); } else look();
    last = watch.isCounting ? at : 0;
    requestAnimationFrame(tick);
  };
  addEventListener('keydown', (event) => event.key === 'Enter' && watch.keys.push(now()), true);
  window.ussopWatch = watch;
  requestAnimationFrame(tick);
}"""


def main(
    rounds: Annotated[int, typer.Option(help="Verdicts to follow to the screen")] = 60,
    seconds: Annotated[int, typer.Option(help="How long frames are counted, each time")] = 20,
    write: Annotated[bool, typer.Option(help="Write the results into docs/")] = True,
) -> None:
    """Measures what people wait for, and what the page does at 20 inspections/s."""
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory() as folder, _chromium() as browser:
        with running_platform(Path(folder) / "var", JOBS_ENABLED="false") as (client, _):
            rows += _told(_first_load(browser, client))
            page = _signed_in(browser, client)
            rows += _told(_verdict_to_screen(page, client, rounds))
            rows += _told(_lost(page, client))
            page.context.close()
            rows += _told(_reviewing(browser, client))
        rows += _told(_frames(browser, Path(folder) / "events", seconds))
    facts = circumstances("python -m tests.bench.dashboard")
    heading = (
        f"{facts['date']} · {facts['cpu']} · load {facts['load_1min']} · `{facts['command']}` · Chromium without a GPU."
    )
    text = f"{heading}\n\n{table(['what', 'wanted', 'measured'], rows)}"
    typer.echo(text)
    if write:
        write_json(
            "dashboard",
            {**facts, "results": [dict(zip(("what", "wanted", "measured"), row, strict=True)) for row in rows]},
        )
        replace_block("dashboard", text)


def _told(rows: list[list[str]]) -> list[list[str]]:
    for what, _, measured in rows:
        typer.echo(f"{what}: {measured}")
    return rows


@contextmanager
def _chromium() -> Iterator[Browser]:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        raise RuntimeError("there is no Chromium on this machine (Debian: apt-get install chromium)")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()


def _signed_in(browser: Browser, client: httpx.Client, path: str = "/live", password: str = ADMIN_PASSWORD) -> Page:
    page = browser.new_context(viewport=_SIZE, locale="en").new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{client.base_url}".rstrip("/") + path)
    page.locator("wa-input[name=username] input").fill("admin")
    page.locator("wa-input[name=password] input").fill(password)
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Live", exact=True).wait_for()
    return page


def _first_load(browser: Browser, client: httpx.Client) -> list[list[str]]:
    """What a browser without a cache fetches for sign-in and live page, as gzip would send it."""
    sizes: dict[str, int] = {}
    page = browser.new_context(viewport=_SIZE, locale="en").new_page()

    def note(response: Response) -> None:
        if response.url.startswith(str(client.base_url)) and "/api/" not in response.url and response.ok:
            sizes[response.url] = len(gzip.compress(response.body(), 9))

    page.on("response", note)
    page.goto(f"{client.base_url}")
    page.get_by_label("User name").wait_for()
    page.context.close()
    live = _assets_of(browser, client)
    kib = sum({**sizes, **live}.values()) / 1000
    return [
        [
            "first load, sign-in and live page, gzipped",
            "≤ 300 kB without charts",
            f"{kib:.0f} kB in {len({**sizes, **live})} files",
        ]
    ]


def _assets_of(browser: Browser, client: httpx.Client) -> dict[str, int]:
    page = _signed_in(browser, client)
    page.wait_for_load_state("networkidle")
    names = page.evaluate("performance.getEntriesByType('resource').map((one) => one.name)")
    page.context.close()
    assets = {name for name in names if "/assets/" in name and _CHARTS not in name}
    return {name: len(gzip.compress(httpx.get(name, trust_env=False).content, 9)) for name in assets}


def _watch(page: Page) -> Callable[[str], Any]:
    page.evaluate(_SCRIPT)
    return lambda name: page.evaluate("name => window.ussopWatch[name]", name)


def _until(page: Page, condition: str, value: Any = None) -> None:
    """Waits until the page says so. (Playwright's own way to wait needs `eval`, which the page's policy forbids.)"""
    deadline_s = time.monotonic() + _DEADLINE_S
    while not page.evaluate(condition, value):
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"not within {_DEADLINE_S:.0f} s: {condition}")
        page.wait_for_timeout(20)


def _inspect(client: httpx.Client, picture: bytes, part: str) -> dict[str, Any]:
    files = {"file": ("part.jpg", picture, "image/jpeg")}
    answer = client.post("/api/v1/inspect", files=files, data={"station_id": "line-1", "part_id": part})
    return dict(answer.raise_for_status().json())


def _verdict_to_screen(page: Page, client: httpx.Client, rounds: int) -> list[list[str]]:
    """From the moment at which the sender has the verdict to the frame in which the page shows it."""
    pictures = simulated_pictures(10)
    _inspect(client, pictures[0], "first")
    page.locator("ussop-station-view").wait_for()
    watched = _watch(page)
    answered_ms: dict[str, float] = {}
    for number in range(rounds):
        part = f"P-{number}"
        _inspect(client, pictures[number % len(pictures)], part)
        answered_ms[part] = time.time() * 1000
        _until(page, "part => part in window.ussopWatch.pictures", part)
    rows = []
    for name, what in (("parts", "verdict to screen"), ("pictures", "verdict to its picture on screen")):
        seen = watched(name)
        late = [max(0.0, seen[part] - at) for part, at in answered_ms.items()]
        rows.append([f"{what}, p50 / p99 / longest of {rounds}", "≤ 250 ms" if name == "parts" else "", _spread(late)])
    return rows


def _lost(page: Page, client: httpx.Client) -> list[list[str]]:
    """From the moment at which the API answers no more (stopped: its connections stay open; or killed) to grey."""
    rows = []
    watched = _watch(page)
    for what, how in (("hangs", signal.SIGSTOP), ("is killed", signal.SIGKILL)):
        _until(page, "() => window.ussopWatch.stale.at(-1)?.[0] === false")
        servers = _listening(client)
        at_ms = time.time() * 1000
        for process in servers:
            process.send_signal(how)
        try:
            _until(page, "() => window.ussopWatch.stale.at(-1)?.[0] === true")
        finally:
            if how is signal.SIGSTOP:
                for process in servers:
                    process.send_signal(signal.SIGCONT)
        grey_ms = watched("stale")[-1][1] - at_ms
        rows.append([f"API {what}: verdict grey after", "≤ 3 s", f"{grey_ms / 1000:.2f} s"])
    _until(page, "() => window.ussopWatch.stale.at(-1)?.[0] === false")
    back_s = (watched("stale")[-1][1] - at_ms) / 1000
    rows.append(["killed, started anew by its supervisor: verdict trusted again after", "", f"{back_s:.1f} s"])
    return rows


def _listening(client: httpx.Client) -> list[psutil.Process]:
    """The processes of the bench's own platform that listen on its port."""
    port = client.base_url.port
    own = psutil.Process(os.getpid()).children(recursive=True)
    return [one for one in own if any(c.status == "LISTEN" and c.laddr.port == port for c in one.net_connections())]


def _reviewing(browser: Browser, client: httpx.Client) -> list[list[str]]:
    """From the key that saves to the frame in which the next picture can be worked on."""
    pictures = simulated_pictures(_REVIEWED + 1)
    reason = [{"strategy": "uncertainty", "score": 0.5}]
    ids = [_inspect(client, picture, f"R-{number}")["id"] for number, picture in enumerate(pictures)]
    items = {"items": [{"inspection_id": one, "reasons": reason} for one in ids]}
    client.post("/api/v1/active-learning/items", json=items).raise_for_status()
    page = _signed_in(browser, client, "/review")
    page.locator("canvas").wait_for()
    watched = _watch(page)
    for number in range(_REVIEWED):
        _until(page, "number => window.ussopWatch.items.length > number", number)
        page.keyboard.press("Enter")
    _until(page, "number => window.ussopWatch.items.length > number", _REVIEWED)
    keys, items_ms = watched("keys"), watched("items")
    page.context.close()
    waits = [shown - pressed for pressed, shown in zip(keys, items_ms[1:], strict=True)]
    return [[f"save and next, p50 / p99 / longest of {_REVIEWED}", "≤ 150 ms", _spread(waits)]]


def _frames(browser: Browser, folder: Path, seconds: int) -> list[list[str]]:
    """Frames that came late, without events and at 20 of them per second, at one station and at eight."""
    rows = []
    with line_of_events(folder, stations=8) as line:
        page = _signed_in(browser, line.client, "/live/line-0", line.password)
        page.locator("ussop-station-view").wait_for()
        _watch(page)
        for what, path, stations, rate in (
            ("no inspections, one station", "/live/line-0", 0, 0),
            ("20 inspections/s at one station", "/live/line-0", 1, 20),
            ("20 inspections/s over eight stations, the wall", "/live", 8, 20),
        ):
            page.evaluate(
                "path => { history.pushState(null, '', path); dispatchEvent(new PopStateEvent('popstate')); }", path
            )
            page.wait_for_timeout(500)
            page.evaluate("Object.assign(window.ussopWatch, { frames: [], isCounting: true })")
            stored = line.store_for(seconds, stations, rate)
            frames = page.evaluate("(window.ussopWatch.isCounting = false, window.ussopWatch.frames)")
            rows.append([f"frames, {what}", "none visibly dropped" if rate else "", _of_frames(frames, stored)])
        page.context.close()
    return rows


def _of_frames(frames_ms: list[float], stored: int) -> str:
    dropped = sum(max(0, round(ms / _FRAME_MS) - 1) for ms in frames_ms)
    share = dropped / (dropped + len(frames_ms))
    per_s, longest_ms = 1000 * len(frames_ms) / sum(frames_ms), max(frames_ms)
    told = f"{per_s:.1f} per second, {dropped} dropped ({share:.1%}), longest gap {longest_ms:.0f} ms"
    return f"{told}; {stored} inspections" if stored else told


def _spread(values_ms: list[float]) -> str:
    p99_ms = float(np.percentile(values_ms, 99))
    return f"{statistics.median(values_ms):.0f} / {p99_ms:.0f} / {max(values_ms):.0f} ms"


if __name__ == "__main__":
    typer.run(main)
