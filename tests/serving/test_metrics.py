"""What Prometheus may see, and that strangers cannot make it grow."""

import re
from uuid import uuid4

import httpx

from serving.alerts.gauge import OpenAlerts
from serving.alerts.service import raise_alert, resolve_alert
from serving.app import create_app
from serving.database import Database, create_engine
from serving.metrics.registry import MOST_CLASSES, MOST_STATIONS, Metrics
from serving.settings import Settings
from tests.serving.conftest import bearer, log_in
from tests.serving.server import serve
from tests.waiting import wait_until


def _series(text: str, prefix: str = "ussop_") -> set[str]:
    return {line.rsplit(" ", 1)[0] for line in text.splitlines() if line.startswith(prefix)}


def _ask_as_a_stranger(client: httpx.Client, number: int) -> None:
    """One request of somebody who makes everything up: path, method, identity."""
    made_up = uuid4().hex
    match number % 6:
        case 0:
            client.get(f"/{made_up}/{number}?q={made_up}", headers={"User-Agent": made_up})
        case 1:
            client.request(f"VERB{number}", f"/{made_up}")
        case 2:
            client.get(f"/static-docs/{made_up}.js")
        case 3:
            client.get(f"/api/v1/inspect/{made_up}", headers=bearer(made_up))
        case 4:
            client.get(f"/api/v1/{made_up}", headers={"X-API-Key": f"ussop_{made_up}"})
        case _:
            client.get(f"/static/images/{made_up}.png?exp=1&sig={made_up}", headers={"X-Forwarded-For": "192.0.2.1"})


def test_series_stay_the_same_when_strangers_ask_for_anything(client: httpx.Client) -> None:
    for number in range(6):
        _ask_as_a_stranger(client, number)
    for name in ("nobody", "somebody"):
        client.post("/api/v1/auth/login", json={"username": name, "password": "x" * 12})
        client.get("/metrics")
        before = _series(client.get("/metrics").text)
    for number in range(1000):
        _ask_as_a_stranger(client, number)
    client.post("/api/v1/auth/login", json={"username": uuid4().hex, "password": "x" * 12})
    assert _series(client.get("/metrics").text) == before
    assert any('route="unmatched"' in series for series in before)


def test_labels_are_bounded_when_there_are_many_stations_and_classes() -> None:
    metrics = Metrics()
    for number in range(1000):
        metrics.observe_inspection(f"s-{number}", "pass", {}, total_ms=1.0, class_names=[f"c-{number}"])
    for _ in range(2):
        metrics.observe_inspection("s-0", "pass", {}, total_ms=1.0)
    text = metrics.expose().decode()
    assert len(_series(text, "ussop_inspections_total{")) == MOST_STATIONS + 1
    assert len(_series(text, "ussop_defects_total{")) == MOST_CLASSES + 1
    assert 'ussop_inspections_total{decision="pass",station="s-0"} 3.0' in text
    assert f'ussop_inspections_total{{decision="pass",station="other"}} {1000.0 - MOST_STATIONS}' in text


def test_open_alerts_are_counted_when_scraped(client: httpx.Client, database: Database) -> None:
    database.write(lambda session: raise_alert(session, "error", "Camera", "is gone", "camera")).result(20)
    assert 'ussop_alerts_open{severity="error"} 1.0' in client.get("/metrics").text
    database.write(lambda session: resolve_alert(session, "camera")).result(20)
    assert 'ussop_alerts_open{severity="error"} 0.0' in client.get("/metrics").text


def test_page_is_whole_but_for_the_alerts_when_the_database_does_not_answer() -> None:
    metrics, database = Metrics(), Database(create_engine("sqlite:////nowhere/at/all.db"), queue_size=1)
    OpenAlerts(database, metrics.registry)
    text = metrics.expose().decode()
    assert "ussop_model_swaps_total" in text
    assert "ussop_alerts_open{" not in text
    database.close()


def test_requests_are_counted_by_template_when_answered(client: httpx.Client, viewer_token: str) -> None:
    client.get("/api/v1/inspect/some-id", headers=bearer(viewer_token))
    text = client.get("/metrics").text
    assert re.search(
        r'ussop_http_requests_total\{method="GET",route="/api/v1/inspect/\{\w+\}",status="404"\} 1\.0', text
    )
    assert "some-id" not in text


def test_inspections_are_counted_in_seconds_when_observed() -> None:
    metrics = Metrics()
    metrics.observe_inspection("line-1", "fail", {"inference": 250.0}, total_ms=500.0, class_names=["dent", "dent"])
    metrics.observe_inspection_failure("camera_fault")
    metrics.show_model("a", "1", "openvino")
    metrics.show_model("a", "2", "openvino")
    text = metrics.expose().decode()
    assert 'ussop_inspections_total{decision="fail",station="line-1"} 1.0' in text
    assert 'ussop_inspection_stage_seconds_sum{stage="inference"} 0.25' in text
    assert "ussop_inspection_seconds_sum 0.5" in text
    assert 'ussop_defects_total{defect_class="dent"} 2.0' in text
    assert 'ussop_inspection_failures_total{code="camera_fault"} 1.0' in text
    assert [line for line in text.splitlines() if line.startswith("ussop_model_info{")] == [
        'ussop_model_info{backend="openvino",name="a",version="2"} 1.0'
    ]


def test_queue_and_model_are_shown_when_scraped(client: httpx.Client) -> None:
    # The start has things of its own to write.
    wait_until(lambda: "ussop_writes_waiting 0.0" in client.get("/metrics").text, "nothing waits to be written")
    text = client.get("/metrics").text
    assert "ussop_inferences_waiting 0.0" in text
    assert 'ussop_model_swaps_total{action="deployed"} 0.0' in text
    assert "ussop_model_info{" in text
    assert "process_resident_memory_bytes" in text


def test_token_is_needed_when_the_scraper_is_not_this_machine(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"trusted_proxies": ("127.0.0.1",)}))
    with serve(app) as url, httpx.Client(base_url=url, trust_env=False) as client:
        far = {"X-Forwarded-For": "192.0.2.7"}
        token = log_in(client, "viewer")
        assert client.get("/metrics", headers=far).status_code == 401
        assert client.get("/metrics", headers=far | bearer("made.up.token")).status_code == 401
        assert client.get("/metrics", headers=far | bearer(token)).status_code == 200
