"""The command goes the whole way from a COCO folder to a bundle, and on from a bundle to the next."""

from pathlib import Path

import pytest

pytest.importorskip("ultralytics", reason="needs the train extra")

from typer.testing import CliRunner, Result

from flows.tasks.simulated_dataset import write_simulated_dataset
from flows.train import app
from models.bundle import load_bundle
from models.simulation import DEFECT_CLASSES, SimulatedLine

pytestmark = [
    pytest.mark.training,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # torch, ultralytics and nncf warn of their own deprecations
]


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("coco")
    write_simulated_dataset(folder, line=SimulatedLine(12, 0.6), count=24)
    return folder


def test_a_bundle_follows_from_pictures_and_the_next_from_the_bundle_when_run(folder: Path, tmp_path: Path) -> None:
    first = ("--data", folder, "--epochs", 1, "--work", tmp_path / "work", "--out", tmp_path / "first")
    result = _run(*first)
    assert result.exit_code == 0, result.output
    bundle = load_bundle(tmp_path / "first")
    assert bundle.manifest.classes == DEFECT_CLASSES
    assert bundle.manifest.input.shape_hw == (256, 320)
    dataset = bundle.manifest.provenance["dataset"]
    assert dataset["train_pictures"] + dataset["val_pictures"] + dataset["test_pictures"] == 24
    assert bundle.manifest.provenance["epochs"] == 1

    again = ("--data", folder, "--epochs", 1, "--start-from", tmp_path / "first", "--version", 2)
    result = _run(*again, "--work", tmp_path / "again", "--out", tmp_path / "second")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "again" / "restored.pt").is_file()
    assert load_bundle(tmp_path / "second").manifest.version == "2"


def test_the_command_is_refused_when_it_does_not_say_what_to_learn_from(tmp_path: Path) -> None:
    result = _run("--work", tmp_path / "work", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "--simulated" in result.output
    assert not (tmp_path / "out").exists()
