"""Where the networks come from, and what is said when there are none that can be used."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import onnx
import pytest

from serving.app import create_app
from serving.settings import Settings
from tests.serving.conftest import bearer, log_in
from tests.serving.segmenter.conftest import API, part_with_spot, queue_picture, segment, wait_until
from tests.serving.server import serve
from tests.tiny_bundle import tiny_network
from tests.tiny_segmenter import TinyDecoder, save_tiny_segmenter, tiny_decoder

BOX = [60, 30, 140, 90]
SPOT = (80, 48, 120, 72)


@contextmanager
def engineer_of(settings: Settings) -> Iterator[httpx.Client]:
    with serve(create_app(settings)) as url, httpx.Client(base_url=url, timeout=20, trust_env=False) as client:
        client.headers.update(bearer(log_in(client, "engineer")))
        yield client


def status_of(client: httpx.Client) -> dict[str, Any]:
    found = client.get(f"{API}/segment").json()
    assert isinstance(found, dict)
    return found


def loaded_models(client: httpx.Client) -> list[str]:
    found = client.get("/api/v1/openvino/status").json()["loaded_models"]
    assert isinstance(found, list)
    return found


def load(client: httpx.Client, key: str, path: str) -> httpx.Response:
    return client.post("/api/v1/openvino/load", json={"model_key": key, "model_path": path})


def assert_finds_the_spot(client: httpx.Client, item: dict[str, Any], backend: str) -> None:
    answer = segment(client, item["id"], box=BOX)
    assert answer.status_code == 200, answer.text
    assert answer.json()["regions"][0]["box"] == pytest.approx(SPOT, abs=5)
    assert answer.json()["backend"] == f"{backend}, {backend}"


def test_feature_says_so_and_all_else_works_when_there_are_no_files(settings: Settings) -> None:
    with engineer_of(settings) as client:
        item = queue_picture(client, part_with_spot())
        for item_id in (item["id"], "unknown"):
            answer = segment(client, item_id, box=BOX)
            assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
            assert "set SEGMENTER_ENCODER and SEGMENTER_DECODER" in answer.json()["detail"]
        status = status_of(client)
        assert (status["available"], status["reason"]) == (False, answer.json()["detail"])
        assert loaded_models(client) == ["detector"]
        assert client.post(f"{API}/annotate/{item['id']}", json={"annotations": []}).status_code == 200


def test_other_setting_is_asked_for_when_one_is_set(set_up: Settings) -> None:
    with engineer_of(set_up.model_copy(update={"segmenter_decoder": ""})) as client:
        item = queue_picture(client, part_with_spot())
        answer = segment(client, item["id"], box=BOX)
    assert (answer.status_code, "set SEGMENTER_DECODER" in answer.json()["detail"]) == (503, True)


def test_files_are_loaded_and_listed_when_they_are_set(set_up: Settings) -> None:
    with engineer_of(set_up) as client:
        assert_finds_the_spot(client, queue_picture(client, part_with_spot()), "openvino:CPU")
        assert loaded_models(client) == ["detector", "decoder", "encoder"]
        timed = client.post("/api/v1/openvino/benchmark", json={"model_key": "encoder", "iterations": 3})
        assert timed.status_code == 200, timed.text
        assert status_of(client) == {"available": True, "reason": None, "backend": "openvino:CPU, openvino:CPU"}


def test_onnx_runtime_does_it_when_openvino_is_switched_off(set_up: Settings) -> None:
    with engineer_of(set_up.model_copy(update={"openvino_enabled": False})) as client:
        assert_finds_the_spot(client, queue_picture(client, part_with_spot()), "onnxruntime:CPU")
        assert loaded_models(client) == []


def test_onnx_runtime_does_it_when_openvino_has_no_such_device(set_up: Settings) -> None:
    with engineer_of(set_up.model_copy(update={"openvino_device": "NPU.7"})) as client:
        assert_finds_the_spot(client, queue_picture(client, part_with_spot()), "onnxruntime:CPU")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing.onnx", "there is no file missing.onnx"),
        ("../outside.onnx", "SEGMENTER_ENCODER is not below the folder of the models"),
        ("link.onnx", "not below the folder"),
        ("junk.onnx", "does not load"),
        ("notes.txt", "must end in .onnx"),
        ("detector.onnx", "no promptable segmenter that is supported"),
    ],
)
def test_reason_is_told_when_the_file_cannot_be_used(set_up: Settings, name: str, said: str) -> None:
    folder = set_up.models_dir
    (folder / "junk.onnx").write_bytes(b"junk")
    (folder / "notes.txt").write_text("no network")
    onnx.save(tiny_network(), folder / "detector.onnx")
    onnx.save(tiny_network(), folder.parent / "outside.onnx")
    (folder / "link.onnx").symlink_to(folder.parent / "outside.onnx")
    with engineer_of(set_up.model_copy(update={"segmenter_encoder": name})) as client:
        item = queue_picture(client, part_with_spot())
        answer = segment(client, item["id"], box=BOX)
        assert (answer.status_code, said in answer.json()["detail"]) == (503, True), answer.text
        status = status_of(client)
    assert (status["available"], said in status["reason"]) == (False, True)


def test_segmenter_works_without_a_restart_when_its_file_comes_later(set_up: Settings) -> None:
    decoder = (set_up.models_dir / "decoder.onnx").rename(set_up.models_dir / "later.onnx")
    with engineer_of(set_up) as client:
        item = queue_picture(client, part_with_spot())
        assert segment(client, item["id"], box=BOX).status_code == 503
        decoder.rename(set_up.models_dir / "decoder.onnx")
        assert_finds_the_spot(client, item, "openvino:CPU")


def test_status_turns_when_the_file_comes_later(set_up: Settings) -> None:
    decoder = (set_up.models_dir / "decoder.onnx").rename(set_up.models_dir / "later.onnx")
    with engineer_of(set_up) as client:
        item = queue_picture(client, part_with_spot())
        assert segment(client, item["id"], box=BOX).status_code == 503
        decoder.rename(set_up.models_dir / "decoder.onnx")
        wait_until(lambda: bool(status_of(client)["available"]))


def test_networks_loaded_by_key_are_used_when_nothing_is_set(settings: Settings, tmp_path: Path) -> None:
    settings.models_dir.mkdir()
    save_tiny_segmenter(settings.models_dir, "interleaved", TinyDecoder(picture_size=False))
    with engineer_of(settings) as client:
        item = queue_picture(client, part_with_spot())
        assert load(client, "encoder", "encoder.onnx").status_code == 200
        answer = segment(client, item["id"], box=BOX)
        assert (answer.status_code, "has no decoder" in answer.json()["detail"]) == (503, True), answer.text
        assert load(client, "decoder", "decoder.onnx").status_code == 200
        assert status_of(client)["available"]
        assert_finds_the_spot(client, item, "openvino:CPU")
        assert loaded_models(client) == ["detector", "decoder", "encoder"]


def test_newly_loaded_network_takes_over_when_it_is_loaded_by_key(set_up: Settings) -> None:
    onnx.save(tiny_decoder(TinyDecoder(ious=(0.4,), right=0)), set_up.models_dir / "other.onnx")
    onnx.save(tiny_network(), set_up.models_dir / "detector.onnx")
    onnx.save(tiny_decoder(TinyDecoder(shift=float("nan"))), set_up.models_dir / "broken.onnx")
    with engineer_of(set_up) as client:
        item = queue_picture(client, part_with_spot())
        assert segment(client, item["id"], box=BOX).json()["regions"][0]["score"] == 0.9
        assert load(client, "decoder", "other.onnx").status_code == 200
        assert segment(client, item["id"], box=BOX).json()["regions"][0]["score"] == 0.4
        assert load(client, "decoder", "detector.onnx").status_code == 200
        answer = segment(client, item["id"], box=BOX)
        assert (answer.status_code, "supported" in answer.json()["detail"]) == (503, True), answer.text
        assert not status_of(client)["available"]
        assert load(client, "decoder", "broken.onnx").status_code == 200
        answer = segment(client, item["id"], box=BOX)
        assert (answer.status_code, "no numbers" in answer.json()["detail"]) == (503, True), answer.text
        assert load(client, "decoder", "decoder.onnx").status_code == 200
        assert_finds_the_spot(client, item, "openvino:CPU")
