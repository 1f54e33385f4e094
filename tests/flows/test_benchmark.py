"""The benchmark flow, run by the host on a real Prefect server, of a version in a real MLflow server."""

import httpx
import pytest
from mlflow import MlflowClient

from models.bundle import Bundle
from registry.publish import publish_bundle
from registry.rest import MlflowRest
from registry.version import DEPLOYED, MODEL_NAME
from tests.prefect_platform import PrefectPlatform

pytestmark = [pytest.mark.slow, pytest.mark.training]


@pytest.fixture
def deployed_version(platform: PrefectPlatform, tiny_bundle: Bundle) -> str:
    """A version that `deployed` points at."""
    client = MlflowClient(platform.mlflow_url, platform.mlflow_url)
    run_id = client.create_run("0").info.run_id
    version = publish_bundle(client, tiny_bundle, run_id=run_id, tags={}).version
    with MlflowRest(platform.mlflow_url) as rest:
        rest.set_alias(MODEL_NAME, DEPLOYED, version)
    return version


def test_table_and_tags_hold_the_timings_when_done(platform: PrefectPlatform, deployed_version: str) -> None:
    run_id = platform.run("benchmark", iterations=20)
    assert platform.wait_for(run_id, "COMPLETED", "FAILED", "CRASHED")[0] == "COMPLETED"
    wanted = {"artifacts": {"flow_run_id": {"any_": [run_id]}}}
    artifacts = httpx.post(f"{platform.api}/artifacts/filter", json=wanted, trust_env=False).json()
    assert {a["type"] for a in artifacts} == {"progress", "table"}
    assert next(a["data"] for a in artifacts if a["type"] == "progress") == 100.0
    with MlflowRest(platform.mlflow_url) as rest:
        tags = rest.version(MODEL_NAME, deployed_version).tags
    assert float(tags["ussop.latency_ms.onnxruntime.f32"]) > 0
    assert float(tags["ussop.latency_ms.openvino.f32"]) > 0


def test_run_fails_with_the_reason_when_the_version_is_unknown(platform: PrefectPlatform) -> None:
    run_id = platform.run("benchmark", version="999")
    kind, message = platform.wait_for(run_id, "COMPLETED", "FAILED", "CRASHED")
    assert kind == "FAILED"
    assert "UnknownVersionError" in message
