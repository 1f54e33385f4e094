"""How many labelled defects it takes: `python -m tests.bench.learning_curves --data FOLDER`.

A surface network learns from 25, 50, 100 and 200 defective pictures and as many good ones, three times each, from
random weights and from the weights at hand, with about the same number of steps; the last fifth, which none of them
learned from, is told apart by each. The published encoder and the appearance belong to both.
"""

import multiprocessing
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Annotated, Any

import matplotlib as mpl
import numpy as np
import torch
import typer
from matplotlib.figure import Figure
from rich.progress import track

from flows.tasks.coco import Picture
from flows.tasks.part_score import auroc
from flows.tasks.recipes import RECIPES
from flows.tasks.surface_figures import part_scores
from flows.tasks.surface_network import SurfaceNetwork
from flows.tasks.surface_pictures import SurfacePictures
from flows.tasks.surface_restore import read_weights
from flows.tasks.surface_trainer import SurfaceTrainer
from flows.tasks.trainer import TrainingSet
from flows.tasks.trainers import PRETRAINED_SURFACE
from flows.tasks.training_data import Grouping, TrainingData, coco_data
from tests.bench.report import DOCS, circumstances, replace_block, table, write_json

_SIZES = (25, 50, 100, 200)
_STARTS = {"random weights": None, "simulated surfaces": PRETRAINED_SURFACE}
_OVERKILL = 0.05


@dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
        data: Folder of the pictures.
        grouping: Which of them show one part.
        start: Name of the weights that it starts from.
        defects: Defective pictures that it learns from.
        seed: Chooses the pictures, and everything else that is left to chance.
        steps: About so many.
        device: "cpu" or "cuda".
    """

    data: Path
    grouping: Grouping
    start: str
    defects: int
    seed: int
    steps: int
    device: str


def main(
    data: Annotated[Path, typer.Option(help="COCO folder: annotations.json and images/")],
    grouping: Annotated[Grouping, typer.Option(help="Which pictures show one part")] = "picture",
    seeds: Annotated[int, typer.Option(help="Trainings of each kind")] = 3,
    steps: Annotated[int, typer.Option(help="Steps of each training, about")] = 450,
    workers: Annotated[int, typer.Option(help="Trainings at a time, one thread each")] = 2,
    device: Annotated[str, typer.Option(help="cpu or cuda")] = "cpu",
    write: Annotated[bool, typer.Option(help="Write the results into docs/")] = True,
) -> None:
    """Trains and measures; two minutes or so for each training."""
    runs = [
        Run(data, grouping, start, defects, seed, steps, device)
        for seed in range(seeds)
        for defects in _SIZES
        for start in _STARTS
    ]
    facts = circumstances(
        f"python -m tests.bench.learning_curves --data {data.name} --grouping {grouping} --seeds {seeds}"
        f" --steps {steps} --device {device}"
    )
    if device != "cpu":
        facts["cpu"] += f", {torch.cuda.get_device_name(device)}"
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        measured = list(track(pool.map(measure, runs), "trainings", total=len(runs)))
    rows = [[str(defects), *(_shown(_of(measured, start, defects)) for start in _STARTS)] for defects in _SIZES]
    header = ["defective pictures", *(f"from {start}: AUROC, escape at 5 % overkill" for start in _STARTS)]
    text = f"{facts['date']} · {facts['cpu']} · `{facts['command']}`\n\n{table(header, rows)}"
    typer.echo(text)
    if write:
        write_json("learning_curves", {**facts, "runs": measured})
        _plot(measured, DOCS / "images" / "learning_curves.svg")
        replace_block("learning-curves", f"{text}\n\n![AUROC by defective pictures](images/learning_curves.svg)")


def measure(run: Run) -> dict[str, Any]:
    """What one training is worth on the parts that were held out, and how long it took."""
    torch.set_num_threads(1)
    pictures = coco_data(run.data, grouping=run.grouping, val_share=0.15, test_share=0.2, seed=7)
    recipe, start = RECIPES["surface"], _STARTS[run.start]
    with tempfile.TemporaryDirectory() as folder:
        shown = recipe.with_made(_drawn(pictures, run), Path(folder) / "made")
        options = recipe.with_overrides(start_from=start, device=run.device, threads=1)
        per_epoch = SurfacePictures(shown, pictures.class_names, (32, 32)).batches_per_epoch(options.batch)
        options = replace(options, seed=run.seed, epochs=max(1, round(run.steps / per_epoch)))
        started_s = time.monotonic()
        weights = SurfaceTrainer(Path(folder)).train(TrainingSet(pictures.class_names, shown, ()), options)
        took_s = time.monotonic() - started_s
        network = SurfaceNetwork(len(pictures.class_names))
        network.load_state_dict(read_weights(weights.path)["weights"])
        scores = np.array(part_scores(network.eval().to(run.device), pictures.test, weights.shape_hw))
    defective = np.array([not picture.is_good for picture in pictures.test])
    limit = np.quantile(scores[~defective], 1.0 - _OVERKILL)
    return {
        "start": run.start,
        "defects": run.defects,
        "seed": run.seed,
        "steps": per_epoch * options.epochs,
        "auroc": auroc(scores[~defective].tolist(), scores[defective].tolist()),
        "escape": float((scores[defective] <= limit).mean()),
        "training_s": round(took_s),
    }


def _drawn(pictures: TrainingData, run: Run) -> tuple[Picture, ...]:
    """So many defective pictures and as many good ones, none of a part that is held out."""
    rng = np.random.default_rng(run.seed)
    known = (*pictures.train, *pictures.val)
    kinds = ([p for p in known if not p.is_good], [p for p in known if p.is_good])
    return tuple(kind[int(k)] for kind in kinds for k in rng.permutation(len(kind))[: run.defects])


def _of(measured: Sequence[dict[str, Any]], start: str, defects: int) -> list[dict[str, Any]]:
    return [one for one in measured if (one["start"], one["defects"]) == (start, defects)]


def _shown(of_seeds: Sequence[dict[str, Any]]) -> str:
    aurocs, escapes = ([one[figure] for one in of_seeds] for figure in ("auroc", "escape"))
    return f"{mean(aurocs):.3f} ({min(aurocs):.3f} to {max(aurocs):.3f}), {mean(escapes):.0%}"


def _plot(measured: Sequence[dict[str, Any]], path: Path) -> None:
    """Draws means as lines and each training as a dot, in greys and colours that both light and dark pages show."""
    with mpl.rc_context({"text.color": "#808080", "svg.hashsalt": "ussop", "font.size": 11}):
        figure = Figure(figsize=(7, 4), layout="constrained")
        axes = figure.subplots()
        for start, colour in zip(_STARTS, ("#b7791f", "#2f6fb7"), strict=True):
            axes.plot(
                _SIZES, [mean(m["auroc"] for m in _of(measured, start, n)) for n in _SIZES], color=colour, label=start
            )
            axes.scatter(
                *zip(*((m["defects"], m["auroc"]) for m in measured if m["start"] == start), strict=True), color=colour
            )
        axes.set_xscale("log")
        axes.set_xticks(_SIZES, [str(n) for n in _SIZES], color="#808080")
        axes.set_xlabel("defective pictures to learn from, and as many good ones", color="#808080")
        axes.set_ylabel("part AUROC, pictures held out", color="#808080")
        axes.tick_params(colors="#808080", which="both")
        axes.minorticks_off()
        axes.spines[:].set_color("#808080")
        axes.grid(color="#808080", alpha=0.3)
        axes.legend(frameon=False, title="started from")
        figure.savefig(path, transparent=True, metadata={"Date": None})


if __name__ == "__main__":
    typer.run(main)
