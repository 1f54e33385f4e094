"""The gate flow on real servers: who passes takes the place of the deployed version, who does not leaves it alone."""

import json
import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest
from mlflow import MlflowClient

from flows.tasks.coco import write_annotations
from models.bundle import Bundle, seal_bundle, sha256_of
from models.intake import read_image
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


@pytest.fixture(autouse=True)
def _without_data_sets(platform: PrefectPlatform) -> None:
    """No frozen data set of an earlier test."""
    shutil.rmtree(platform.folder / "training" / "datasets", ignore_errors=True)


def _publish(platform: PrefectPlatform, bundle: Bundle, alias: str, tags: dict[str, str] | None = None) -> str:
    client = MlflowClient(platform.mlflow_url, platform.mlflow_url)
    run_id = client.create_run("0").info.run_id
    version = publish_bundle(client, bundle, run_id=run_id, tags=tags or {}).version
    with MlflowRest(platform.mlflow_url) as rest:
        rest.set_alias(MODEL_NAME, alias, version)
    return version


def _aliases(platform: PrefectPlatform) -> dict[str, str]:
    with MlflowRest(platform.mlflow_url) as rest:
        return {alias: v.version for v in rest.versions(MODEL_NAME) for alias in v.aliases}


def _tags(platform: PrefectPlatform, version: str) -> dict[str, str]:
    with MlflowRest(platform.mlflow_url) as rest:
        return dict(rest.version(MODEL_NAME, version).tags)


def _artifacts(platform: PrefectPlatform, run_id: str, kind: str) -> list[dict[str, Any]]:
    wanted = {"artifacts": {"flow_run_id": {"any_": [run_id]}, "type": {"any_": [kind]}}}
    found: list[dict[str, Any]] = httpx.post(f"{platform.api}/artifacts/filter", json=wanted, trust_env=False).json()
    return found


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
    assert tags["ussop.deployed_at"]
    # No picture with two decisions, and no wrong verdict of which there would be a sheet.
    assert {artifact["key"] for artifact in _artifacts(platform, run_id, "image")} == {"errors-charts"}
    (report,) = _artifacts(platform, run_id, "markdown")
    assert "to prove 2.0%" in report["data"]
    assert "AUROC 1.0000" in report["data"]


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
    assert {"more_escapes", "parity", "too_slow"} <= set(tags["ussop.gate.reason_codes"].split())
    (artifact,) = _artifacts(platform, run_id, "markdown")
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


def _freeze(platform: PrefectPlatform, test_set: Path, *, trained_on: str = "") -> str:
    """The test set as the test parts of a frozen data set; the picture of that name served a training."""
    digest, root = "f" * 64, platform.folder / "training" / "datasets"
    shutil.copytree(test_set, root / digest / "test")
    parts = {sha256_of(p): "train" if p.name == trained_on else "test" for p in (test_set / "images").iterdir()}
    (root / "parts.json").write_text(json.dumps(parts))
    return digest


def test_frozen_test_parts_are_found_by_lineage_and_figures_are_kept_when_nothing_is_named(
    platform: PrefectPlatform, test_set: Path, tmp_path: Path
) -> None:
    digest = _freeze(platform, test_set)
    before = _publish(platform, build_tiny_bundle(tmp_path / "1", version="1"), DEPLOYED)
    blind = build_tiny_bundle(tmp_path / "2", version="2", score_shift=BLIND)
    version = _publish(platform, blind, CANDIDATE, {"ussop.dataset_digest": digest})
    run_id = platform.run("promote", version=version)
    kind, message = platform.wait_for(run_id, *ENDED)
    assert kind == "COMPLETED"
    for reason in ("more escapes: 20 of 20", "golden picture golden/scratch.png: pass, deployed fail"):
        assert reason in message
    tags = _tags(platform, version)
    with MlflowRest(platform.mlflow_url) as rest:
        kept = json.loads(rest.read_run_file(tags["ussop.gate.run_id"], "gate.json"))
        assert kept["candidate"]["escape"]["count"] == 20
        assert (kept["version"], kept["compared_with"], kept["outcome"]) == (version, before, "blocked")
        assert kept["test_set"]["pictures"] == 30
        assert {d["truth"] for d in kept["differing"]} == {"defective", "golden"}
        drawn = [d["shown_in"] for d in kept["differing"]]
        assert len(drawn) == 22
        for name in (*drawn, "differing.jpg"):
            picture = read_image(rest.read_run_file(tags["ussop.gate.run_id"], name))
            assert picture.shape_hw[1] == 960
    (image,) = [a for a in _artifacts(platform, run_id, "image") if a["key"] == "gate-differing"]
    # As a browser asks for a picture that a page of Prefect's UI shows.
    browser = {"Referer": "http://localhost:4200/", "Sec-Fetch-Site": "same-site", "Sec-Fetch-Dest": "image"}
    shown = httpx.get(image["data"].replace("localhost", "127.0.0.1"), headers=browser, trust_env=False)
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
    run = MlflowClient(platform.mlflow_url, platform.mlflow_url).get_run(tags["ussop.gate.run_id"])
    assert (run.data.metrics["candidate.escape_rate"], run.data.metrics["deployed.escape_rate"]) == (1.0, 0.0)


def test_run_fails_when_a_picture_of_the_test_set_was_trained_on(
    platform: PrefectPlatform, test_set: Path, tmp_path: Path
) -> None:
    digest = _freeze(platform, test_set, trained_on="part_001.png")
    _publish(platform, build_tiny_bundle(tmp_path / "1", version="1"), DEPLOYED)
    version = _publish(platform, build_tiny_bundle(tmp_path / "2", version="2", score_shift=0.01), CANDIDATE)
    for named in ({"dataset": digest}, {"test_set": str(test_set)}):
        kind, message = platform.wait_for(platform.run("promote", version=version, **named), *ENDED)
        assert kind == "FAILED"
        assert "1 pictures of the test set were trained on, part_001.png" in message
    assert "ussop.gate" not in _tags(platform, version)


def test_run_fails_when_the_version_has_no_test_set_here(platform: PrefectPlatform, tmp_path: Path) -> None:
    _publish(platform, build_tiny_bundle(tmp_path / "1", version="1"), DEPLOYED)
    version = _publish(platform, build_tiny_bundle(tmp_path / "2", version="2", score_shift=0.01), CANDIDATE)
    for named, reason in (({}, "no frozen test set on this machine"), ({"dataset": "../../x"}, "is not on this")):
        kind, message = platform.wait_for(platform.run("promote", version=version, **named), *ENDED)
        assert kind == "FAILED"
        assert reason in message


def test_no_override_deploys_a_bundle_without_golden_pictures(
    platform: PrefectPlatform, test_set: Path, tmp_path: Path
) -> None:
    before = _publish(platform, build_tiny_bundle(tmp_path / "1", version="1"), DEPLOYED)
    bare = build_tiny_bundle(tmp_path / "2", version="2", with_golden=False)
    version = _publish(platform, bare, CANDIDATE)
    run_id = platform.run("promote", test_set=str(test_set), override_reason="a trial", approved_by="ada")
    kind, message = platform.wait_for(run_id, *ENDED)
    assert kind == "COMPLETED"
    assert "no golden pictures" in message
    assert (_aliases(platform)[DEPLOYED], _tags(platform, version)["ussop.gate"]) == (before, "blocked")
