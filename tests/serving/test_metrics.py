"""What Prometheus may see, and that strangers cannot make it grow."""

import re

import httpx

from serving.app import create_app
from serving.metrics.registry import Metrics
from serving.settings import Settings
from tests.serving.conftest import bearer, log_in
from tests.serving.server import serve


def _series(text: str, prefix: str = "ussop_") -> set[str]:
    return {line.rsplit(" ", 1)[0] for line in text.splitlines() if line.startswith(prefix)}


def test_series_stay_the_same_when_strangers_ask_for_anything(client: httpx.Client) -> None:
    client.get("/nowhere/0")
    client.request("BREW", "/nowhere")
    client.get("/metrics")
    before = _series(client.get("/metrics").text)
    for number in range(50):
        client.get(f"/nowhere/{number}?q={number}", headers={"User-Agent": f"agent-{number}"})
        client.request(f"VERB{number}", "/nowhere")
        client.get(f"/static-docs/{number}.js")
    assert _series(client.get("/metrics").text) == before


def test_requests_are_counted_by_template_when_answered(client: httpx.Client, viewer_token: str) -> None:
    client.get("/api/v1/inspect/some-id", headers=bearer(viewer_token))
    text = client.get("/metrics").text
    assert re.search(
        r'ussop_http_requests_total\{method="GET",route="/api/v1/inspect/\{\w+\}",status="404"\} 1\.0', text
    )
    assert "some-id" not in text


def test_inspections_are_counted_in_seconds_when_observed() -> None:
    metrics = Metrics()
    metrics.observe_inspection("line-1", "fail", {"inference": 250.0})
    metrics.observe_inspection_failure("camera_fault")
    metrics.show_model("a", "1", "openvino")
    metrics.show_model("a", "2", "openvino")
    text = metrics.expose().decode()
    assert 'ussop_inspections_total{decision="fail",station="line-1"} 1.0' in text
    assert 'ussop_inspection_stage_seconds_sum{stage="inference"} 0.25' in text
    assert 'ussop_inspection_failures_total{code="camera_fault"} 1.0' in text
    assert [line for line in text.splitlines() if line.startswith("ussop_model_info{")] == [
        'ussop_model_info{backend="openvino",name="a",version="2"} 1.0'
    ]


def test_queue_and_model_are_shown_when_scraped(client: httpx.Client) -> None:
    text = client.get("/metrics").text
    assert "ussop_writes_waiting 0.0" in text
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
