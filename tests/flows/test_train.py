"""The command goes the whole way from a COCO folder to a bundle, and on from a bundle to the next."""

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the train extra")

from typer.testing import CliRunner, Result

from flows.tasks.simulated_dataset import write_simulated_dataset
from flows.tasks.trainer import TrainingOptions
from flows.tasks.training_data import coco_data
from flows.train import app, with_starting_point
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


def test_a_bundle_follows_from_pictures_and_can_be_trained_on_when_run(folder: Path, tmp_path: Path) -> None:
    result = _run("--data", folder, "--epochs", 1, "--work", tmp_path / "work", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    bundle = load_bundle(tmp_path / "out")
    assert bundle.manifest.classes == DEFECT_CLASSES
    assert bundle.manifest.input.shape_hw == (256, 320)
    dataset = bundle.manifest.provenance["dataset"]
    assert dataset["train_pictures"] + dataset["val_pictures"] + dataset["test_pictures"] == 24
    assert bundle.manifest.provenance["epochs"] == 1

    pictures = coco_data(folder, grouping="picture", val_share=0.2, test_share=0.2, seed=1)
    options = with_starting_point(TrainingOptions(start_from=tmp_path / "out"), pictures, tmp_path / "again")
    assert options.start_from == tmp_path / "again" / "restored.pt"
    assert options.start_from.is_file()


def test_the_command_is_refused_when_it_does_not_say_what_to_learn_from(tmp_path: Path) -> None:
    result = _run("--work", tmp_path / "work", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "--simulated" in result.output
    assert not (tmp_path / "out").exists()
