"""Conversion on real servers: a new version with its lineage, in 8 bits where these cost nothing, said where not."""

from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("torch", reason="needs the train extra")

from mlflow import MlflowClient
from torch import nn

from flows.tasks.coco import Picture, write_annotations
from flows.tasks.onnx_bundle import BundleRequest, assemble_onnx_bundle
from models.bundle import Bundle
from registry.local_store import LocalStore
from registry.publish import publish_bundle
from registry.rest import MlflowRest
from registry.sync import fetch_bundle
from registry.version import MODEL_NAME, ModelVersion
from tests.flows.tasks.square_finder import CLASSES, INPUT_PX, FragileFinder, SquareFinder, square_pictures
from tests.prefect_platform import PrefectPlatform

pytestmark = [pytest.mark.slow, pytest.mark.training]
ENDED = ("COMPLETED", "FAILED", "CRASHED")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A COCO folder of good parts, red squares and blue squares."""
    folder = tmp_path_factory.mktemp("squares")
    (folder / "images").mkdir()
    write_annotations(folder, CLASSES, square_pictures(folder / "images", 30))
    return folder


def _exported(folder: Path, network: nn.Module) -> Bundle:
    (folder / "pictures").mkdir()
    pictures: tuple[Picture, ...] = square_pictures(folder / "pictures", 12)
    request = BundleRequest("squares", "7", CLASSES, (INPUT_PX, INPUT_PX), pictures, pictures, {"git_commit": "c" * 40})
    return assemble_onnx_bundle(folder / "onnx", network.eval(), request)[0]


def _publish(platform: PrefectPlatform, bundle: Bundle) -> str:
    client = MlflowClient(platform.mlflow_url, platform.mlflow_url)
    tags = {"ussop.dataset_digest": "d" * 64, "ussop.test_set": "/test-set"}
    return publish_bundle(client, bundle, run_id=client.create_run("0").info.run_id, tags=tags).version


def _newest(platform: PrefectPlatform, tmp_path: Path) -> tuple[ModelVersion, Bundle]:
    with MlflowRest(platform.mlflow_url) as rest:
        version = rest.versions(MODEL_NAME)[0]
        return version, fetch_bundle(rest, LocalStore(tmp_path / "store"), version)


def _artifacts(platform: PrefectPlatform, run_id: str) -> dict[str, Any]:
    wanted = {"artifacts": {"flow_run_id": {"any_": [run_id]}}}
    found = httpx.post(f"{platform.api}/artifacts/filter", json=wanted, trust_env=False).json()
    return {a["type"]: a for a in found}


def test_new_version_has_both_precisions_and_its_lineage_when_8_bits_cost_nothing(
    platform: PrefectPlatform, folder: Path, tmp_path: Path
) -> None:
    source = _publish(platform, _exported(tmp_path, SquareFinder()))
    run_id = platform.run("convert-openvino", source=source, dataset=str(folder))
    kind, message = platform.wait_for(run_id, *ENDED)
    assert kind == "COMPLETED", message
    version, bundle = _newest(platform, tmp_path)
    assert int(version.version) > int(source)
    assert bundle.manifest.openvino_fp16 is not None
    assert bundle.manifest.openvino_int8 is not None
    assert bundle.manifest.version.startswith("7+ov")
    tags = version.tags
    assert (tags["ussop.base_version"], tags["ussop.dataset_digest"]) == (source, "d" * 64)
    assert (tags["ussop.test_set"], tags["ussop.git_commit"]) == ("/test-set", "c" * 40)
    assert (tags["ussop.flow_run_id"], tags["ussop.int8"]) == (run_id, "shipped")
    assert len(tags["ussop.calibration_digest"]) == 64
    assert version.aliases == ()
    run = MlflowClient(platform.mlflow_url, platform.mlflow_url).get_run(str(version.run_id))
    assert run.info.status == "FINISHED"
    assert run.data.metrics["test.openvino_int8.box_ap50"] == pytest.approx(1.0)
    found = _artifacts(platform, run_id)
    assert found["progress"]["data"] == 100.0
    for word in ("ONNX, 32 bits", "OpenVINO, 16 bits", "OpenVINO, 8 bits"):
        assert word in found["table"]["data"]


def test_new_version_stays_at_16_bits_and_says_so_when_8_bits_cost_too_much(
    platform: PrefectPlatform, folder: Path, tmp_path: Path
) -> None:
    source = _publish(platform, _exported(tmp_path, FragileFinder()))
    run_id = platform.run("convert-openvino", source=source, dataset=str(folder), model_name="v8")
    assert platform.wait_for(run_id, *ENDED)[0] == "COMPLETED"
    version, bundle = _newest(platform, tmp_path)
    assert (bundle.manifest.version, bundle.manifest.openvino_int8) == ("v8", None)
    assert version.tags["ussop.int8"].startswith("stays at 16 bits: mAP50 falls from 1.000 to")
    found = _artifacts(platform, run_id)
    assert "stays at 16 bits" in found["table"]["description"]
    assert "mAP50 falls" in found["table"]["data"]


def test_run_fails_with_the_reason_when_no_pictures_are_known(platform: PrefectPlatform, tmp_path: Path) -> None:
    source = _publish(platform, _exported(tmp_path, SquareFinder()))
    before = _newest(platform, tmp_path)[0].version
    run_id = platform.run("convert-openvino", source=source)
    kind, message = platform.wait_for(run_id, *ENDED)
    assert kind == "FAILED"
    assert "name one" in message
    assert _newest(platform, tmp_path)[0].version == before


def test_run_fails_with_the_reason_when_the_run_keeps_no_onnx(platform: PrefectPlatform, folder: Path) -> None:
    client = MlflowClient(platform.mlflow_url, platform.mlflow_url)
    empty = client.create_run("0").info.run_id
    run_id = platform.run("convert-openvino", source=f"runs:/{empty}", dataset=str(folder))
    kind, message = platform.wait_for(run_id, *ENDED)
    assert kind == "FAILED"
    assert "keeps no onnx" in message
