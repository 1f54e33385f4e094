"""A running platform tells of alerts, says how that went, and inspects whatever the targets do."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from serving.alerts.service import raise_alert
from serving.app import create_app
from serving.errors import ConfigurationError
from serving.settings import Settings
from tests.pictures import png_bytes, square_picture
from tests.ports import free_port
from tests.serving.conftest import bearer, log_in
from tests.serving.delivery.receivers import black_hole, mail_server, receiving
from tests.serving.server import serve
from tests.waiting import wait_until

_TEST = "/api/v1/alerts/test-delivery"
_LIST = "/api/v1/alerts/deliveries"


def with_targets(settings: Settings, *targets: str, smtp_port: int | None = None) -> Settings:
    """Settings with these targets on this machine."""
    mail = {"smtp_host": "127.0.0.1", "smtp_from": "u@plant.example", "smtp_to": ("s@plant.example",)}
    changes: dict[str, Any] = {"smtp_starttls": False, "smtp_port": smtp_port, **mail} if smtp_port else {}
    hooks = {"webhook_targets": targets, "webhook_secret": SecretStr("k" * 32), "webhook_allowed": ("127.0.0.1",)}
    return settings.model_copy(update={**changes, **hooks})


@contextmanager
def platform(settings: Settings) -> Iterator[tuple[FastAPI, httpx.Client]]:
    """A running platform, and its administrator."""
    app = create_app(settings)
    with serve(app) as base_url, httpx.Client(base_url=base_url, timeout=60, trust_env=False) as client:
        client.headers.update(bearer(log_in(client, "admin")))
        yield app, client


def alarm(app: FastAPI, severity: Any, key: str) -> None:
    """Raise an alert beside the API, as the rules do."""
    write = app.state.platform.database.write
    write(lambda session: raise_alert(session, severity, f"T {key}", "m", key)).result(timeout=20)


def test_alerts_reach_mail_and_webhook_by_severity_when_the_platform_runs(settings: Settings) -> None:
    with receiving() as hooks, mail_server() as box:
        chosen = with_targets(settings, f"http://127.0.0.1:{hooks.port}/ critical", smtp_port=box.port)
        with platform(chosen) as (app, admin):
            alarm(app, "info", "a")
            alarm(app, "warning", "b")
            alarm(app, "critical", "c")
            wait_until(lambda: len(box.mails) == 2 and len(hooks.received) == 1, "the deliveries")
            assert hooks.received[0].content["alert"]["title"] == "T c"
            answer = admin.post("/api/v1/config", json={"smtp_least_severity": "error"})
            assert answer.status_code == 200
            alarm(app, "warning", "d")
            alarm(app, "error", "e")
            wait_until(lambda: len(box.mails) == 3, "the next mail")
            assert box.mails[2][1]["Subject"] == "[Ussop] error: T e"
            # A delivery is noted after its target has taken it.
            wait_until(lambda: admin.get(_LIST, params={"state": "sent"}).json()["total"] == 4, "the notes")
            listed = admin.get(_LIST, params={"state": "sent"}).json()
            assert {row["alert"]["title"] for row in listed["deliveries"]} == {"T b", "T c", "T e"}
            mail, hook = listed["targets"]
            assert (mail["name"], mail["accepts"], mail["pending"]) == ("mail", ["error", "critical"], 0)
            assert hook["accepts"] == ["critical"]
            assert 'ussop_alert_deliveries_total{outcome="sent",target="mail"} 3.0' in admin.get("/metrics").text


def test_every_target_is_tried_and_told_apart_when_tested(settings: Settings) -> None:
    with receiving() as hooks, mail_server() as box:
        urls = (f"http://127.0.0.1:{hooks.port}/", f"http://127.0.0.1:{free_port()}/", "http://127.0.0.2/")
        with platform(with_targets(settings, *urls, smtp_port=box.port)) as (_, admin):
            results = admin.post(_TEST, json={"severity": "error"}).json()["results"]
            assert [result["delivered"] for result in results] == [True, True, False, False]
            assert "no connection" in results[2]["error"]
            assert results[3]["error"].startswith("refused: 127.0.0.2 is 127.0.0.2, a loopback")
            assert box.mails[0][1]["Subject"] == "[Ussop] Test: error: Delivery test"
            assert hooks.events == ["alert.test"]
            only = admin.post(_TEST, json={"target": "mail"}).json()["results"]
            assert [result["target"] for result in only] == ["mail"]
            assert admin.post(_TEST, json={"target": "nobody"}).status_code == 404
            assert admin.post(_TEST, json={"url": "http://127.0.0.1/"}).status_code == 422
            assert admin.get("/api/v1/alerts").json()["total"] == 0
            (entry, *_) = admin.get("/api/v1/audit", params={"action": "alert."}).json()["entries"]
            assert (entry["action"], entry["actor"]["name"]) == ("alert.delivery_tested", "admin")
            for role, seen in (("engineer", 200), ("operator", 403)):
                header = bearer(log_in(admin, role))
                assert admin.post(_TEST, headers=header).status_code == 403
                assert admin.get(_LIST, headers=header).status_code == seen


def test_inspecting_goes_on_when_a_target_is_a_black_hole(settings: Settings) -> None:
    picture = png_bytes(square_picture("red"))
    with black_hole() as hole, black_hole() as smtp:
        chosen = with_targets(settings, f"http://127.0.0.1:{hole}/", smtp_port=smtp)
        with platform(chosen) as (app, admin):
            alarm(app, "critical", "a")

            def tried() -> list[dict[str, Any]]:
                rows: list[dict[str, Any]] = admin.get(_LIST).json()["deliveries"]
                return [row for row in rows if row["attempts"] == 1]

            wait_until(lambda: len(tried()) == 2, "both tries are under way")
            for _ in range(20):
                answer = admin.post("/api/v1/inspect", files={"file": ("x.png", picture)})
                assert (answer.status_code, answer.json()["decision"]) == (200, "fail")
            assert app.state.platform.database.writes_waiting == 0
            assert [row["state"] for row in tried()] == ["pending", "pending"]


def test_test_is_refused_when_there_is_no_target(client: httpx.Client, admin_token: str) -> None:
    answer = client.post(_TEST, headers=bearer(admin_token))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"webhook_targets": ("http://a.example/",)}, "WEBHOOK_SECRET"),
        ({"webhook_targets": ("http://a.example/",), "webhook_secret": SecretStr("short")}, "WEBHOOK_SECRET"),
        ({"webhook_targets": ("nonsense",), "webhook_secret": SecretStr("k" * 32)}, "WEBHOOK_TARGETS"),
        ({"webhook_targets": ("http://a/", "http://a/ info"), "webhook_secret": SecretStr("k" * 32)}, "each URL once"),
        ({"webhook_allowed": ("10.0.0.0/99",)}, "WEBHOOK_ALLOWED"),
        ({"smtp_host": "mail"}, "SMTP_FROM"),
    ],
)
def test_platform_does_not_start_when_the_targets_cannot_be(
    settings: Settings, changes: dict[str, object], named: str
) -> None:
    with pytest.raises(ConfigurationError, match=named):
        create_app(settings.model_copy(update=changes))
