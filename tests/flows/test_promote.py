"""The gate flow on real servers: who passes takes the place of the deployed version, who does not leaves it alone."""

from pathlib import Path

import httpx
import pytest
from mlflow import MlflowClient

from flows.tasks.coco import write_annotations
from models.bundle import Bundle, seal_bundle
from registry.publish import publish_bundle
from registry.rest import MlflowRest
from registry.version import CANDIDATE, DEPLOYED, MODEL_NAME, PREVIOUS
from tests.flows.tasks.square_finder import CLASSES, square_pictures
from tests.prefect_platform import PrefectPlatform
from tests.tiny_bundle import build_tiny_bundle

pytestmark = [pytest.mark.slow, pytest.mark.training]
ENDED = ("COMPLETED", "FAILED", "CRASHED")
BLIND = -0.5  # added to each score: nothing is found any more


@pytest.fixture
def test_set(tmp_path: Path) -> Path:
    """A COCO folder of good parts, red squares and blue squares."""
    (tmp_path / "test-set" / "images").mkdir(parents=True)
    pictures = square_pictures(tmp_path / "test-set" / "images", 30)
    write_annotations(tmp_path / "test-set", CLASSES, pictures)
    return tmp_path / "test-set"


def _publish(platform: PrefectPlatform, bundle: Bundle, alias: str) -> str:
    client = MlflowClient(platform.mlflow_url, platform.mlflow_url)
    run_id = client.create_run("0").info.run_id
    version = publish_bundle(client, bundle, run_id=run_id, tags={}).version
    with MlflowRest(platform.mlflow_url) as rest:
        rest.set_alias(MODEL_NAME, alias, version)
    return version


def _aliases(platform: PrefectPlatform) -> dict[str, str]:
    with MlflowRest(platform.mlflow_url) as rest:
        return {alias: v.version for v in rest.versions(MODEL_NAME) for alias in v.aliases}


def _tags(platform: PrefectPlatform, version: str) -> dict[str, str]:
    with MlflowRest(platform.mlflow_url) as rest:
        return dict(rest.version(MODEL_NAME, version).tags)


def test_candidate_is_deployed_when_it_is_no_worse(platform: PrefectPlatform, test_set: Path, tmp_path: Path) -> None:
    before = _publish(platform, build_tiny_bundle(tmp_path / "1", version="1"), DEPLOYED)
    version = _publish(platform, build_tiny_bundle(tmp_path / "2", version="2", score_shift=0.02), CANDIDATE)
    run_id = platform.run("promote", test_set=str(test_set))
    assert platform.wait_for(run_id, *ENDED) == ("COMPLETED", f"version {version} is deployed")
    aliases = _aliases(platform)
    assert (aliases[DEPLOYED], aliases[PREVIOUS]) == (version, before)
    assert CANDIDATE not in aliases
    tags = _tags(platform, version)
    assert tags["ussop.gate"] == "passed"
    assert len(tags["ussop.gate.test_digest"]) == 64


def test_candidate_is_blocked_with_reasons_and_a_person_may_override_when_it_is_worse(
    platform: PrefectPlatform, test_set: Path, tmp_path: Path
) -> None:
    before = _publish(platform, build_tiny_bundle(tmp_path / "1", version="1"), DEPLOYED)
    blind = build_tiny_bundle(tmp_path / "2", version="2", score_shift=BLIND)
    # Its golden pictures expect what no backend gives.
    expected = tuple(g.model_copy(update={"decision": "fail", "detections": ()}) for g in blind.manifest.golden)
    version = _publish(
        platform, seal_bundle(blind.root, blind.manifest.model_copy(update={"golden": expected})), CANDIDATE
    )
    run_id = platform.run("promote", test_set=str(test_set), latency_budget_ms=1e-6)
    kind, message = platform.wait_for(run_id, *ENDED)
    assert kind == "COMPLETED"
    for reason in ("more escapes: 20 of 20", "parity: onnxruntime f32", "parity: openvino f32", "too slow"):
        assert reason in message
    assert _aliases(platform)[DEPLOYED] == before
    tags = _tags(platform, version)
    assert tags["ussop.gate"] == "blocked"
    assert "more escapes" in tags["ussop.gate.reasons"]
    wanted = {"artifacts": {"flow_run_id": {"any_": [run_id]}, "type": {"any_": ["markdown"]}}}
    (artifact,) = httpx.post(f"{platform.api}/artifacts/filter", json=wanted, trust_env=False).json()
    assert "# Gate: blocked" in artifact["data"]

    run_id = platform.run("promote", test_set=str(test_set), override_reason="a trial", approved_by="ada")
    assert platform.wait_for(run_id, *ENDED)[0] == "COMPLETED"
    aliases, tags = _aliases(platform), _tags(platform, version)
    assert (aliases[DEPLOYED], aliases[PREVIOUS]) == (version, before)
    assert tags["ussop.gate"] == "overridden"
    assert (tags["ussop.gate.override_reason"], tags["ussop.gate.approved_by"]) == ("a trial", "ada")


def test_run_fails_when_an_override_has_no_name(platform: PrefectPlatform, test_set: Path) -> None:
    run_id = platform.run("promote", test_set=str(test_set), override_reason="because")
    kind, message = platform.wait_for(run_id, *ENDED)
    assert kind == "FAILED"
    assert "approved_by" in message
