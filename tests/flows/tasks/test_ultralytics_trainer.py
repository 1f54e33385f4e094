"""Training runs offline and repeatably, stops when asked, and its weights export, restore and train on."""

import importlib
import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch

from flows.tasks.checkpoints import Checkpoint, CheckpointError, read_checkpoint, write_checkpoint
from flows.tasks.export_onnx import export_onnx
from flows.tasks.restore_weights import RestoreError
from flows.tasks.simulated_dataset import write_simulated_dataset
from flows.tasks.trainer import (
    EpochReport,
    Head,
    TrainedWeights,
    TrainingOptions,
    TrainingSet,
    shape_of_input,
)
from flows.tasks.ultralytics_trainer import (
    UltralyticsTrainer,
    fetch_weights,
    load_network,
    prepare_ultralytics,
    restore_checkpoint,
    stored_weights,
)
from models.errors import BrokenImageError
from models.intake import read_image
from models.simulation import DEFECT_CLASSES, SimulatedLine

pytestmark = [
    pytest.mark.training,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # torch and ultralytics warn of their own deprecations
]
OPTIONS = TrainingOptions(
    input_px=96, epochs=2, batch=4, small_input_px=64, small_share=0.5, one_to_one_after=0.5, val_every=9
)


@pytest.fixture(scope="module")
def training_set(tmp_path_factory: pytest.TempPathFactory) -> TrainingSet:
    dataset = write_simulated_dataset(tmp_path_factory.mktemp("data"), line=SimulatedLine(2, 0.7), count=12)
    return TrainingSet(dataset.class_names, dataset.pictures[:8], dataset.pictures[8:])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, training_set: TrainingSet) -> TrainedWeights:
    return UltralyticsTrainer(tmp_path_factory.mktemp("training")).train(training_set, OPTIONS)


def test_every_epoch_is_reported_once_when_trained(trained: TrainedWeights) -> None:
    assert [report.epoch for report in trained.reports] == [1, 2]
    assert trained.path.is_file()
    assert all(np.isfinite(list(report.losses.values())).all() for report in trained.reports)
    assert "metrics/mAP50(B)" in trained.reports[-1].metrics
    assert trained.shape_hw == (96, 96)  # 96 x 72 pixels, up to the next multiples of 32


def test_weights_are_identical_when_the_seed_is(
    trained: TrainedWeights, training_set: TrainingSet, tmp_path: Path
) -> None:
    again = UltralyticsTrainer(tmp_path).train(training_set, OPTIONS)
    first, second = (load_network(w.path, tmp_path).state_dict() for w in (trained, again))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_training_stops_within_the_epoch_when_asked(training_set: TrainingSet, tmp_path: Path) -> None:
    asked: list[int] = []
    reports: list[EpochReport] = []

    def should_stop() -> bool:
        asked.append(1)
        return len(asked) >= 3

    options = replace(OPTIONS, epochs=50)
    weights = UltralyticsTrainer(tmp_path).train(training_set, options, reports.append, should_stop)
    assert len(asked) < 6
    assert weights.epochs == len(reports) == 2


@pytest.mark.parametrize("head", ["one_to_one", "one_to_many"])
def test_an_export_restores_exactly_when_trained_further(trained: TrainedWeights, tmp_path: Path, head: Head) -> None:
    network = load_network(trained.path, tmp_path, head)
    export_onnx(network, tmp_path / "model.onnx", shape_hw=(96, 96))
    blobs = [np.random.default_rng(k).random((1, 3, 96, 96), np.float32) for k in range(4)]
    checkpoint = restore_checkpoint(tmp_path / "model.onnx", DEFECT_CLASSES, blobs, tmp_path / "restored.pt")
    restored = load_network(checkpoint, tmp_path, head)
    with torch.no_grad():
        pairs = zip(network(torch.from_numpy(blobs[0])), restored(torch.from_numpy(blobs[0])), strict=True)
        for expected, found in pairs:
            np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=2e-3)


def test_weights_are_not_restored_when_the_classes_differ(trained: TrainedWeights, tmp_path: Path) -> None:
    export_onnx(load_network(trained.path, tmp_path), tmp_path / "model.onnx", shape_hw=(96, 96))
    blob = np.zeros((1, 3, 96, 96), np.float32)
    with pytest.raises(RestoreError, match="shape"):
        restore_checkpoint(tmp_path / "model.onnx", ("one", "two"), [blob], tmp_path / "restored.pt")
    with pytest.raises(RestoreError, match="pictures"):
        restore_checkpoint(tmp_path / "model.onnx", DEFECT_CLASSES, [], tmp_path / "restored.pt")


def test_published_weights_are_started_from_when_they_are_of_this_network(
    trained: TrainedWeights, training_set: TrainingSet, tmp_path: Path
) -> None:
    assert fetch_weights(trained.path, ("one", "two"), tmp_path) == trained.path  # other classes are learned anew
    options = replace(OPTIONS, epochs=1, learning_rate=1e-9, start_from=trained.path)
    gone_on = UltralyticsTrainer(tmp_path / "on").train(training_set, options)
    before, after = (stored_weights(path, tmp_path) for path in (trained.path, gone_on.path))
    name = "model.0.conv.weight"
    assert torch.allclose(before[name], after[name], atol=1e-3)
    fresh = UltralyticsTrainer(tmp_path / "fresh").train(training_set, replace(options, start_from=None))
    assert not torch.allclose(before[name], stored_weights(fresh.path, tmp_path)[name], atol=1e-3)


def test_said_what_is_wrong_when_published_weights_are_of_another_network_or_none(tmp_path: Path) -> None:
    prepare_ultralytics(tmp_path)
    build: Any = importlib.import_module("ultralytics.nn.tasks").DetectionModel  # only once it is prepared
    other, broken = tmp_path / "other.pt", tmp_path / "broken.pt"
    torch.save({"model": build("yolov8n.yaml", nc=2, verbose=False), "ema": None}, other)
    broken.write_bytes(b"no weights")
    with pytest.raises(RestoreError, match="another network"):
        fetch_weights(other, DEFECT_CLASSES, tmp_path)
    with pytest.raises(RestoreError, match="holds no weights"):
        fetch_weights(broken, DEFECT_CLASSES, tmp_path)


def test_said_that_there_is_no_network_when_published_weights_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise socket.gaierror("no network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with pytest.raises(RestoreError, match="cannot be downloaded"):
        fetch_weights(tmp_path / "yolo26n-seg.pt", DEFECT_CLASSES, tmp_path)
    with pytest.raises(RestoreError, match="no published weights"):
        fetch_weights(tmp_path / "mine.pt", DEFECT_CLASSES, tmp_path)
    assert not list(tmp_path.glob("*.pt"))


def test_input_is_a_square_when_pictures_differ_in_shape(training_set: TrainingSet) -> None:
    tall = replace(training_set.train[0], shape_hw=(640, 480))
    mixed = replace(training_set, train=(*training_set.train, tall))
    assert shape_of_input(training_set, TrainingOptions(input_px=320)) == (256, 320)
    assert shape_of_input(mixed, TrainingOptions(input_px=320)) == (320, 320)
    assert shape_of_input(training_set, TrainingOptions(input_px=320, square_share=0.2)) == (320, 320)


def test_nothing_is_looked_up_on_the_network_when_ultralytics_is_prepared(tmp_path: Path) -> None:
    program = (
        "import socket, sys\n"
        "def refuse(*args, **kwargs): sys.exit(f'looked up {args}')\n"
        "socket.getaddrinfo = refuse\n"
        "from pathlib import Path\n"
        "from flows.tasks.ultralytics_trainer import prepare_ultralytics\n"
        f"prepare_ultralytics(Path({str(tmp_path)!r}))\n"
        "from ultralytics.utils.checks import check_font\n"
        "check_font('Arial.ttf')\n"
    )
    environment = {**os.environ, "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        cwd=Path(__file__).resolve().parents[3],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_broken_pictures_are_named_as_such_when_ultralytics_is_loaded(tmp_path: Path) -> None:
    prepare_ultralytics(tmp_path)
    with pytest.raises(BrokenImageError):
        read_image(b"\x89PNG\r\n\x1a\n" + bytes(40))


@pytest.mark.parametrize("head", ["one_to_one", "one_to_many"])
def test_kept_checkpoint_computes_what_the_trained_network_does(
    trained: TrainedWeights, tmp_path: Path, head: Head
) -> None:
    about = Checkpoint("v2", trained.class_names, trained.shape_hw, head, {"dataset": {"digest": "d"}})
    path = write_checkpoint(trained, about, tmp_path / "checkpoint.pt")
    network, said = read_checkpoint(path, tmp_path)
    assert said == about
    blob = torch.rand(1, 3, *trained.shape_hw, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        for kept, expected in zip(network(blob), load_network(trained.path, tmp_path, head)(blob), strict=True):
            torch.testing.assert_close(kept, expected)


def test_no_code_runs_and_the_reason_is_given_when_a_file_is_no_checkpoint_of_ours(
    trained: TrainedWeights, tmp_path: Path
) -> None:
    (tmp_path / "text.pt").write_text("no checkpoint")
    about = {"version": "1", "class_names": ["a"], "shape_hw": [64, 64], "head": "neither", "provenance": {}}
    torch.save(
        {"format": 1, "architecture": "yolo26n-seg.yaml", "about": json.dumps(about), "weights": {}}, tmp_path / "a.pt"
    )
    torch.save({"format": 1, "architecture": "other"}, tmp_path / "other.pt")
    # The trainer's own file pickles a network, and so could pickle anything.
    for path in (trained.path, tmp_path / "text.pt", tmp_path / "a.pt", tmp_path / "other.pt", tmp_path / "absent.pt"):
        with pytest.raises(CheckpointError):
            read_checkpoint(path, tmp_path)
