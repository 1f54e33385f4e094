"""Status, loading and timing, with real networks on both runtimes."""

import shutil
from pathlib import Path

import httpx
import onnx
import openvino as ov
import pytest
from fastapi import FastAPI
from onnx import TensorProto, helper

from serving.app import create_app
from serving.platform import Platform
from serving.settings import Settings
from tests.serving.conftest import bearer, log_in
from tests.serving.server import serve


def two_input_network() -> onnx.ModelProto:
    """Open batch, a float and an integer input, as the decoder of a promptable segmenter has them."""
    nodes = [helper.make_node("Cast", ["labels"], ["weights"], to=TensorProto.FLOAT)]
    nodes.append(helper.make_node("Mul", ["points", "weights"], ["masks"]))
    inputs = [
        helper.make_tensor_value_info("points", TensorProto.FLOAT, ["batch", 5]),
        helper.make_tensor_value_info("labels", TensorProto.INT64, ["batch", 5]),
    ]
    outputs = [helper.make_tensor_value_info("masks", TensorProto.FLOAT, ["batch", 5])]
    graph = helper.make_graph(nodes, "decoder", inputs, outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


@pytest.fixture
def models_dir(settings: Settings) -> Path:
    """The folder that networks may come from, with one."""
    settings.models_dir.mkdir()
    onnx.save(two_input_network(), settings.models_dir / "decoder.onnx")
    return settings.models_dir


@pytest.fixture
def engineer(client: httpx.Client, engineer_token: str) -> httpx.Client:
    """An engineer's client."""
    client.headers.update(bearer(engineer_token))
    return client


def load(client: httpx.Client, path: object, key: str = "decoder", **more: str) -> httpx.Response:
    return client.post("/api/v1/openvino/load", json={"model_key": key, "model_path": str(path), **more})


def test_network_is_listed_and_timed_when_it_was_loaded(engineer: httpx.Client, models_dir: Path) -> None:
    answer = load(engineer, models_dir / "decoder.onnx", device="CPU")
    assert (answer.status_code, answer.json()) == (
        200,
        {"status": "loaded", "model_key": "decoder", "device": "CPU"},
    ), answer.text
    status = engineer.get("/api/v1/openvino/status").json()
    assert status["loaded_models"] == ["detector", "decoder"]
    answer = engineer.post("/api/v1/openvino/benchmark", json={"model_key": "decoder", "iterations": 5})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["model_key"], answer.json()["iterations"]) == ("decoder", 5)


def test_deployed_model_is_timed_on_both_runtimes(engineer: httpx.Client) -> None:
    answer = engineer.post("/api/v1/openvino/benchmark", json={"model_key": "detector", "iterations": 20})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["ort_mean_ms"] > 0
    assert found["speedup"] == pytest.approx(found["ort_mean_ms"] / found["ov_mean_ms"], rel=0.1)
    assert found["ov_p50_ms"] <= found["ov_p95_ms"]
    assert (found["ov_device"], found["ov_precision"]) == ("CPU", "f32")


def test_status_says_what_runs_when_asked(engineer: httpx.Client) -> None:
    assert engineer.get("/api/v1/openvino/status").json() | {"devices": ["CPU"]} == {
        "available": True,
        "enabled": True,
        "device": "AUTO",
        "loaded_models": ["detector"],
        "ort_fallback": False,
        "fallback_reason": None,
        "devices": ["CPU"],
    }


def test_relative_path_begins_at_the_models_folder_when_loaded(engineer: httpx.Client, models_dir: Path) -> None:
    assert load(engineer, "decoder.onnx").status_code == 200
    assert load(engineer, "missing.onnx").status_code == 404


def test_ir_is_loaded_but_not_compared_when_there_is_no_onnx_file(engineer: httpx.Client, models_dir: Path) -> None:
    ov.save_model(ov.convert_model(str(models_dir / "decoder.onnx")), models_dir / "ir.xml")
    assert load(engineer, "ir.xml").status_code == 200
    answer = engineer.post("/api/v1/openvino/benchmark", json={"model_key": "decoder", "iterations": 1})
    assert answer.status_code == 422
    (models_dir / "ir.bin").unlink()
    assert load(engineer, "ir.xml").status_code == 404


@pytest.fixture
def outside(tmp_path: Path, models_dir: Path) -> dict[str, str]:
    """Paths that lead out of the folder, and what is wrong with some others."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copyfile(models_dir / "decoder.onnx", elsewhere / "decoder.onnx")
    (models_dir / "link.onnx").symlink_to(elsewhere / "decoder.onnx")
    (models_dir / "folder").symlink_to(elsewhere)
    (models_dir / "loop.onnx").symlink_to(models_dir / "loop.onnx")
    (models_dir / "junk.onnx").write_bytes(b"junk")
    (models_dir / "a-folder.onnx").mkdir()
    (models_dir / "notes.txt").write_text("no network")
    with (models_dir / "huge.onnx").open("wb") as file:
        file.truncate(513 * 1024 * 1024)
    return {
        "absolute": str(elsewhere / "decoder.onnx"),
        "absent": str(elsewhere / "absent.onnx"),
        "dots": "../../elsewhere/decoder.onnx",
        "link": "link.onnx",
        "linked folder": "folder/decoder.onnx",
        "loop": "loop.onnx",
        "null": "a\0.onnx",
        "long": "x" * 1000 + ".onnx",
        "junk": "junk.onnx",
        "folder": "a-folder.onnx",
        "text": "notes.txt",
        "huge": "huge.onnx",
    }


def test_path_is_refused_when_it_leads_out_or_is_no_network(engineer: httpx.Client, outside: dict[str, str]) -> None:
    for name, path in outside.items():
        answer = load(engineer, path)
        assert answer.status_code == 422, f"{name}: {answer.text}"
    assert engineer.get("/api/v1/openvino/status").json()["loaded_models"] == ["detector"]


@pytest.mark.parametrize(
    "body",
    [
        {"model_key": "Decoder!", "model_path": "decoder.onnx"},
        {"model_key": "detector", "model_path": "decoder.onnx"},
        {"model_key": "decoder", "model_path": ""},
        {"model_key": "decoder", "model_path": "decoder.onnx", "device": "NPU.7"},
        {"model_key": "decoder", "model_path": "decoder.onnx", "device": "cpu; rm"},
        {"model_key": "decoder", "model_path": "decoder.onnx", "other": 1},
    ],
)
@pytest.mark.usefixtures("models_dir")
def test_request_is_refused_when_it_asks_for_the_impossible(engineer: httpx.Client, body: dict[str, object]) -> None:
    assert engineer.post("/api/v1/openvino/load", json=body).status_code == 422


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"model_key": "encoder", "iterations": 5}, 404),
        ({"model_key": "detector", "iterations": 0}, 422),
        ({"model_key": "detector", "iterations": 1001}, 422),
    ],
)
def test_benchmark_is_refused_when_it_cannot_be(engineer: httpx.Client, body: dict[str, object], status: int) -> None:
    assert engineer.post("/api/v1/openvino/benchmark", json=body).status_code == status


def test_second_benchmark_is_refused_when_one_is_under_way(app: FastAPI, engineer: httpx.Client) -> None:
    platform = app.state.platform
    assert isinstance(platform, Platform)
    with platform.networks._timing:
        answer = engineer.post("/api/v1/openvino/benchmark", json={"iterations": 1})
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert engineer.post("/api/v1/openvino/benchmark", json={"iterations": 1}).status_code == 200


def test_operator_may_look_but_not_load_or_time(client: httpx.Client, operator_token: str) -> None:
    client.headers.update(bearer(operator_token))
    assert client.get("/api/v1/openvino/status").status_code == 200
    assert load(client, "decoder.onnx").status_code == 403
    assert client.post("/api/v1/openvino/benchmark", json={}).status_code == 403
    assert client.get("/api/v1/openvino/status", headers={"Authorization": ""}).status_code == 401


def test_loading_is_unavailable_when_openvino_is_switched_off(settings: Settings, models_dir: Path) -> None:
    app = create_app(settings.model_copy(update={"openvino_enabled": False}))
    with serve(app) as url, httpx.Client(base_url=url, timeout=20, trust_env=False) as client:
        client.headers.update(bearer(log_in(client, "engineer")))
        assert load(client, models_dir / "decoder.onnx").status_code == 503
        status = client.get("/api/v1/openvino/status").json()
    assert (status["enabled"], status["loaded_models"], status["ort_fallback"]) == (False, [], False)


def test_fallback_is_told_when_the_device_is_not_there(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"openvino_device": "NPU.7"}))
    with serve(app) as url, httpx.Client(base_url=url, timeout=20, trust_env=False) as client:
        client.headers.update(bearer(log_in(client, "engineer")))
        status = client.get("/api/v1/openvino/status").json()
    assert status["ort_fallback"]
    assert "NPU.7" in status["fallback_reason"]
