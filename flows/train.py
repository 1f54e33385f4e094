"""`python -m flows.train`: pictures in, sealed bundle out."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from flows.tasks.assemble_bundle import assemble_bundle
from flows.tasks.choose_thresholds import Budget
from flows.tasks.onnx_bundle import BundleRequest
from flows.tasks.openvino_bundle import ConversionRequest
from flows.tasks.packed_weights import pack_weights
from flows.tasks.provenance import provenance_of
from flows.tasks.recipes import RECIPES, RecipeName, TrainingRecipe
from flows.tasks.trainer import EpochReport, Head, TrainedWeights, TrainingOptions, TrainingSet, shape_of_input
from flows.tasks.trainers import load_network, restore_bundle, trainer_of
from flows.tasks.training_data import Grouping, TrainingData, coco_data, simulated_data, simulated_surfaces
from models.bundle import load_bundle

_REPOSITORY = Path(__file__).resolve().parent.parent
_VAL_WHILE_TRAINING = 150
"""Validation between epochs only shows the way; the thresholds are chosen on all validation pictures."""

_CALIBRATION = 300

app = typer.Typer(add_completion=False)


@app.command()
def train(  # noqa: PLR0917 - a command line has as many options as it has
    out: Annotated[Path, typer.Option(help="Folder of the new bundle; is replaced.")],
    work: Annotated[Path, typer.Option(help="Folder for data sets and checkpoints.")],
    data: Annotated[Path | None, typer.Option(help="COCO folder: images/ and annotations.json.")] = None,
    simulated: Annotated[int, typer.Option(help="Instead: so many parts of the simulated line.")] = 0,
    surfaces: Annotated[
        int, typer.Option("--simulated-surfaces", help="Instead: so many pictures of random surfaces.")
    ] = 0,
    recipe: Annotated[RecipeName, typer.Option(help="How to train: see flows/tasks/recipes.py.")] = "starter",
    grouping: Annotated[Grouping, typer.Option(help="Which pictures show one part.")] = "picture",
    name: Annotated[str, typer.Option(help="Name of the bundle.")] = "starter",
    version: Annotated[str, typer.Option(help="Version of the bundle.")] = "1",
    start_from: Annotated[Path | None, typer.Option(help="Checkpoint or bundle to start from.")] = None,
    pack: Annotated[Path | None, typer.Option(help="Also pack the weights, for other trainings to start from.")] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="Trained weights: skips the training.")] = None,
    epochs: Annotated[int, typer.Option(help="Overrides the recipe's epochs; 0 keeps them.")] = 0,
    held_out: Annotated[int, typer.Option(help="Simulated parts to choose by, and again to measure by.")] = 1000,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    threads: Annotated[int, typer.Option(help="CPU threads, and processes that draw or load pictures.")] = 2,
    escape: Annotated[float, typer.Option(help="Share of bad parts that may pass.")] = 0.02,
    uncertain: Annotated[float, typer.Option(help="Share of good parts that may be uncertain or fail.")] = 0.02,
    overkill: Annotated[float, typer.Option(help="Share of good parts that may fail.")] = 0.004,
) -> None:
    """Train, evaluate, export and convert a network, and seal it into a bundle with its figures."""
    if sum((data is not None, simulated > 0, surfaces > 0)) != 1:
        raise typer.BadParameter("give one of --data, --simulated, --simulated-surfaces")
    (console := Console()).log("preparing pictures")
    options = RECIPES[recipe].with_overrides(epochs=epochs, start_from=start_from, device=device, threads=threads)
    if data is not None:
        pictures = coco_data(data, grouping=grouping, val_share=0.15, test_share=0.2, seed=options.seed)
    else:
        made = partial(simulated_surfaces, processes=threads) if surfaces else simulated_data
        pictures = made(work / "simulated", count=surfaces or simulated, held_out=held_out)
    weights = (
        _trained(checkpoint, pictures, options)
        if checkpoint
        else _train(work, pictures, options, RECIPES[recipe], console)
    )
    if pack is not None:
        console.log(f"packed into {pack_weights(weights.path, pack)} bytes")
    request = BundleRequest(
        name=name,
        version=version,
        class_names=pictures.class_names,
        shape_hw=weights.shape_hw,
        val=pictures.val,
        test=pictures.test,
        head=RECIPES[recipe].head,
        provenance=provenance_of(weights, options, dataset=pictures.description, repository=_REPOSITORY),
        budget=Budget(escape=escape, overkill=overkill, uncertain=uncertain),
    )
    conversion = ConversionRequest(
        calibration=pictures.train[:: max(1, len(pictures.train) // _CALIBRATION)],
        val=pictures.val,
        test=pictures.test,
    )
    network = load_network(RECIPES[recipe].head, weights.path, work)
    bundle = assemble_bundle(out, network, request, conversion, on_step=console.log)
    console.log(f"bundle {bundle.manifest.name} {bundle.manifest.version}, digest {bundle.digest[:12]}")
    console.print_json(data=bundle.manifest.metrics)


def with_starting_point(
    options: TrainingOptions, pictures: TrainingData, work: Path, head: Head = "one_to_one"
) -> TrainingOptions:
    """Return the options with a checkpoint to start from, restored into `work` first where a bundle was given.

    Raises:
        BundleError: The folder is no valid bundle.
        RestoreError: The bundle's network is not one of this trainer.
    """
    if options.start_from is None or options.start_from.is_file():
        return options
    bundle = load_bundle(options.start_from)
    shape_hw = shape_of_input(TrainingSet(pictures.class_names, pictures.train, ()), options)
    return replace(options, start_from=restore_bundle(head, bundle, pictures.train, shape_hw, work / "restored.pt"))


def _train(
    work: Path, pictures: TrainingData, options: TrainingOptions, recipe: TrainingRecipe, console: Console
) -> TrainedWeights:
    """Return freshly trained weights, with a bar that shows the epochs."""
    console.log("training")
    shown = recipe.repeated(recipe.with_made(tuple(pictures.train), work / "made"))
    pictures = replace(pictures, train=shown)
    options = with_starting_point(options, pictures, work, recipe.head)
    training_set = TrainingSet(pictures.class_names, pictures.train, pictures.val[:_VAL_WHILE_TRAINING])
    with Progress(console=console) as progress:
        bar = progress.add_task("training", total=options.epochs)

        def on_epoch(report: EpochReport) -> None:
            figures = {**report.losses, **report.metrics}
            console.log(f"epoch {report.epoch}", {key: round(value, 3) for key, value in figures.items()})
            progress.update(bar, completed=report.epoch)

        return trainer_of(recipe.head, work / "training").train(training_set, options, on_epoch, lambda: False)


def _trained(checkpoint: Path, pictures: TrainingData, options: TrainingOptions) -> TrainedWeights:
    """Return weights that were trained before."""
    shape_hw = shape_of_input(TrainingSet(pictures.class_names, pictures.train, ()), options)
    return TrainedWeights(checkpoint, pictures.class_names, shape_hw, options.epochs, 0.0, ())


if __name__ == "__main__":
    app()
