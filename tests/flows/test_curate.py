"""Curation on real servers: inspections of a real API, a candidate in a real registry, a run by the host of flows."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from mlflow import MlflowClient

from models.bundle import Bundle
from registry.publish import publish_bundle
from registry.rest import MlflowRest
from registry.version import CANDIDATE, MODEL_NAME
from serving.client import ServiceAccount, UssopClient
from serving.curation.schemas import DrawIn
from tests.flows.api_process import Api, api_process
from tests.pictures import Colour, png_bytes, square_picture
from tests.prefect_platform import PrefectPlatform
from tests.tiny_bundle import build_tiny_bundle

pytestmark = [pytest.mark.slow, pytest.mark.training]

ENDED = ("COMPLETED", "FAILED", "CRASHED")
BLIND = -0.5  # added to each score: nothing is found any more


@pytest.fixture(scope="module")
def api(platform: PrefectPlatform, tiny_bundle: Bundle) -> Iterator[Api]:
    """An API process on the platform's data folder, with the tiny network deployed."""
    with api_process(platform, tiny_bundle) as running:
        yield running


@pytest.fixture
def service(platform: PrefectPlatform, api: Api) -> Iterator[UssopClient]:
    """The platform's own account; whatever passed before this test is drawn from already."""
    account = ServiceAccount.read(platform.folder / "service-account.json")
    with UssopClient(f"http://127.0.0.1:{platform.api_port}", account) as client:
        client.draw_audit(DrawIn(since=datetime(2020, 1, 1, tzinfo=UTC), share=1e-12))
        yield client


def _picture(colour: Colour | None, number: int) -> bytes:
    """A part, no two of them alike to the byte."""
    pixels = square_picture(colour)
    pixels[0, number % 64] += np.uint8(1 + number // 64)
    return png_bytes(pixels)


def _publish_candidate(platform: PrefectPlatform, bundle: Bundle) -> None:
    client = MlflowClient(platform.mlflow_url, platform.mlflow_url)
    run_id = client.create_run("0").info.run_id
    version = publish_bundle(client, bundle, run_id=run_id, tags={}).version
    with MlflowRest(platform.mlflow_url) as rest:
        rest.set_alias(MODEL_NAME, CANDIDATE, version)


def _artifacts(platform: PrefectPlatform, run_id: str) -> dict[str, dict[str, Any]]:
    wanted = {"artifacts": {"flow_run_id": {"any_": [run_id]}}}
    found = httpx.post(f"{platform.api}/artifacts/filter", json=wanted, trust_env=False).json()
    return {artifact["type"]: artifact for artifact in found}


def _queue(api: Api, station_id: str) -> dict[str, dict[str, Any]]:
    """What waits in the queue of a station: the reasons with their scores, by inspection."""
    items = api.call("GET", "/active-learning/queue?limit=100")["items"]
    return {
        item["inspection_id"]: {reason["strategy"]: reason["score"] for reason in item["reasons"]}
        for item in items
        if item["station_id"] == station_id
    }


def _run(platform: PrefectPlatform, **parameters: Any) -> str:
    run_id = platform.run("curate", **parameters)
    assert platform.wait_for(run_id, *ENDED)[0] == "COMPLETED", platform.state_of(run_id)
    return run_id


def test_queue_is_filled_once_by_every_strategy_when_run_twice(
    platform: PrefectPlatform, api: Api, service: UssopClient, tmp_path: Path
) -> None:
    _publish_candidate(platform, build_tiny_bundle(tmp_path / "blind", version="2", score_shift=BLIND))
    colours: list[Colour | None] = [*[None] * 6, "red", "red", "blue", "pale_red"]
    sent = {
        service.inspect(_picture(colour, number), station_id="curated").id: colour
        for number, colour in enumerate(colours)
    }
    known = {"station_id": "curated", "budget": 8, "audit_share": 1.0}
    run_id = _run(platform, **known)
    queue = _queue(api, "curated")
    passes = {one for one, colour in sent.items() if colour is None}
    assert {one for one, why in queue.items() if "random_audit" in why} == passes
    # The candidate is blind: it passes the two red parts and the blue one, which the deployed version fails.
    disputed = {one: why["disagreement"] for one, why in queue.items() if "disagreement" in why}
    assert set(disputed) <= {one for one, colour in sent.items() if colour in {"red", "blue"}}
    assert set(disputed.values()) == {1.0}
    assert len(disputed) == 2
    rare = {one for one, why in queue.items() if "class_rarity" in why}
    assert {sent[one] for one in rare} == {"red", "blue"}  # one of each class, though more are red
    found = _artifacts(platform, run_id)
    assert set(found) == {"progress", "table"}
    assert found["progress"]["data"] == 100.0
    assert "6 of 6 passes drawn by lot" in found["table"]["description"]
    assert all(one in found["table"]["data"] for one in passes | set(disputed))

    again = _artifacts(platform, _run(platform, **known))
    assert _queue(api, "curated") == queue
    assert again["table"]["description"].startswith("0 of 10 candidates")
    assert "0 of 0 passes drawn" in again["table"]["description"]


def test_pictures_that_look_alike_take_one_place_when_diversity_chooses(
    platform: PrefectPlatform, api: Api, service: UssopClient
) -> None:
    colours: tuple[Colour, ...] = ("red", "red", "red", "blue")
    sent = {service.inspect(_picture(each, 50 + at), station_id="varied").id: each for at, each in enumerate(colours)}
    _run(platform, strategies=["diversity"], station_id="varied", budget=4)
    queue = _queue(api, "varied")
    assert sorted(sent[one] for one in queue) == ["blue", "red"]
    assert all(set(why) == {"diversity"} for why in queue.values())


def test_labels_make_the_estimate_and_stay_when_curated_again(
    platform: PrefectPlatform, api: Api, service: UssopClient
) -> None:
    for number in range(3):
        service.inspect(_picture(None, 100 + number), station_id="audited")
    parameters = {"strategies": ["random_audit", "uncertainty"], "audit_share": 1.0, "station_id": "audited"}
    _run(platform, **parameters)
    items = [i for i in api.call("GET", "/active-learning/queue?limit=100")["items"] if i["station_id"] == "audited"]
    assert len(items) == 3
    box = {"class_name": "scratch", "bbox": [1, 2, 30, 40]}
    for number, item in enumerate(items):
        body = {"annotations": [box] if number == 0 else []}
        api.call("POST", f"/active-learning/annotate/{item['id']}", json=body)
    _run(platform, **parameters)
    assert _queue(api, "audited") == {}
    found = api.call("GET", "/active-learning/audit?days=1&station_id=audited")
    assert (found["sampled"], found["labelled"], found["escapes"]) == (3, 3, 1)
    # Drawn with certainty, beside the draw that made room for this test: only what both could draw is counted.
    assert found["complete_draws"] == found["draws"]


def test_strategy_is_left_out_with_its_reason_when_there_is_no_candidate(
    platform: PrefectPlatform, api: Api, service: UssopClient
) -> None:
    with MlflowRest(platform.mlflow_url) as rest:
        if any(CANDIDATE in version.aliases for version in rest.versions(MODEL_NAME)):
            rest.delete_alias(MODEL_NAME, CANDIDATE)
    one = service.inspect(_picture("red", 200), station_id="alone").id
    run_id = _run(platform, strategies=["disagreement", "class_rarity"], station_id="alone", budget=2)
    assert "disagreement left out" in _artifacts(platform, run_id)["table"]["description"]
    assert list(_queue(api, "alone")) == [one]


def test_run_fails_with_the_reason_when_the_weights_do_not_fit(platform: PrefectPlatform, api: Api) -> None:
    kind, message = platform.wait_for(platform.run("curate", strategies=["uncertainty"], weights=[1, 2]), *ENDED)
    assert kind == "FAILED"
    assert "weights needs 1 numbers" in message
