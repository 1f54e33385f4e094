"""Texts of strangers on every page that shows them: nothing of them runs, and nothing is fetched for them."""

from collections.abc import Callable
from functools import partial

import httpx
import pytest
from playwright.sync_api import Dialog, Page, Request, expect

from serving.alerts.service import raise_alert
from serving.app import create_app
from serving.database import open_database
from serving.settings import Settings
from tests.e2e.conftest import Screen
from tests.e2e.steps import go_to, signed_in
from tests.pictures import png_bytes, square_picture
from tests.prove.plugin import Proof
from tests.serving.conftest import bearer, log_in
from tests.serving.datasets.archives import import_zip, zip_of
from tests.serving.server import serve

_V1 = "/api/v1"
_PAYLOADS = (
    "<script>window.hit=1</script>",
    '"><img src=x onerror=window.hit=1>',
    "<svg onload=window.hit=1>",
    "javascript:window.hit=1",
    "${window.hit=1}",
    "'-(window.hit=1)-'",
    "<iframe srcdoc='<script>parent.hit=1</script>'>",
    "<a href=javascript:window.hit=1>x</a>",
    "{{constructor.constructor('window.hit=1')()}}",
    "<style>@import 'http://127.0.0.1:9/evil.css'</style>",
    "</title><script>window.hit=1</script>",
    "<!--><img src=http://127.0.0.1:9/x.png>",
    "<b>turned</b>",
    "<math><mtext></p><img src=x onerror=window.hit=1>",
    "<details open ontoggle=window.hit=1>",
)


def _plant(client: httpx.Client, settings: Settings) -> None:
    """Puts every payload wherever a person or a machine may write a text."""
    for number, text in enumerate(_PAYLOADS):
        picture = png_bytes(square_picture("pale_red", at_xy=(2 * number, 24)))
        made = client.post(
            f"{_V1}/inspect",
            files={"file": (text, picture, "image/png")},
            data={"station_id": f"line-{number % 3}", "part_id": text},
        )
        assert made.status_code == 200, made.text
        inspection_id = made.json()["id"]
        client.put(f"{_V1}/inspect/{inspection_id}/hold", json={"reason": text})
        client.post(f"{_V1}/inspect/{inspection_id}/overrule", json={"decision": "fail", "reason": text})
        client.put(f"{_V1}/stations/line-{number % 3}", json={"display_name": text})
        client.post(f"{_V1}/users", json={"username": text[:32], "password": "a long enough password", "email": text})
        client.post(f"{_V1}/api-keys", json={"name": text[:60], "role": "viewer"})
        client.post(f"{_V1}/batch/jobs", json={"name": text, "input_dir": "shift", "file_pattern": "*.png"})
    files = {f"{number}-{text.replace('/', '')}.png": png_bytes(square_picture("red", at_xy=(number, 3)))
             for number, text in enumerate(_PAYLOADS[:3])}  # fmt: skip
    import_zip(client, zip_of({**files, "classes.txt": "scratch\n<img src=x onerror=window.hit=1>"}))
    database = open_database(settings)
    for text in _PAYLOADS:
        raised = partial(raise_alert, severity="error", title=text, message=text, dedupe_key=text)
        database.write(raised).result(timeout=30)
    database.close()


@pytest.mark.prove(
    "paths-and-injection", "texts that are scripts, wherever texts are kept, on every page of the dashboard"
)
def test_nothing_runs_when_texts_of_strangers_are_shown(
    new_screen: Callable[..., Screen], settings: Settings, proof: Proof
) -> None:
    (settings.data_dir / "inbox" / "shift").mkdir(parents=True)
    with serve(create_app(settings)) as url:
        with httpx.Client(base_url=url, trust_env=False, timeout=30.0) as client:
            client.headers.update(bearer(log_in(client, "admin")))
            _plant(client, settings)
        screen = new_screen(url)
        foreign: list[str] = []
        dialogs: list[str] = []

        def note_request(request: Request) -> None:
            if not _is_ours(request.url, url):
                foreign.append(request.url)

        def note_dialog(dialog: Dialog) -> None:
            dialogs.append(dialog.message)
            dialog.dismiss()

        screen.context.on("request", note_request)
        page = screen.open("/history")
        page.on("dialog", note_dialog)
        signed_in(page, "admin")
        expect(page.get_by_role("row").filter(has_text="window.hit").first).to_be_visible()
        pages = (
            "/history",
            "/",
            "/alerts",
            "/review",
            "/quality",
            "/stations",
            "/users",
            "/batch",
            "/system",
            "/models",
        )
        for path in pages:
            go_to(page, path)
            page.wait_for_load_state("networkidle")
            _require_nothing_ran(page)
        go_to(page, "/history")
        page.get_by_role("row").filter(has_text="window.hit").first.click()
        page.wait_for_load_state("networkidle")
        _require_nothing_ran(page)
        proof.note(
            texts=len(_PAYLOADS), pages=len(pages) + 1, ran=0, foreign_requests=len(foreign), dialogs=len(dialogs)
        )
        assert (foreign, dialogs) == ([], [])
        # Scripts are stopped by the policy, loudly; and there is no Prefect here for the page of trainings.
        expected = ("Content Security Policy", "503")
        assert [one for one in screen.complaints if not any(word in one for word in expected)] == []


def _is_ours(requested: str, url: str) -> bool:
    return requested.startswith((url, url.replace("http", "ws", 1), "data:", "blob:"))


def _require_nothing_ran(page: Page) -> None:
    assert page.evaluate("window.hit === undefined"), page.url
    injected = """() => {
      const inside = e => e.shadowRoot ? walk(e.shadowRoot) : [];
      const walk = root => [...root.querySelectorAll('*')].flatMap(e => [e, ...inside(e)]);
      const acts = a => /^on/i.test(a.name) || (/^(href|src)$/i.test(a.name) && /^javascript:/i.test(a.value));
      return walk(document).filter(e => [...e.attributes].some(acts)).map(e => e.outerHTML.slice(0, 100));
    }"""
    assert page.evaluate(injected) == []
