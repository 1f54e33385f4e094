"""The pictures of a training run: simulated parts or surfaces, or a COCO folder split by group."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from flows.tasks.coco import Dataset, Picture, dataset_digest, read_coco
from flows.tasks.simulated_dataset import SURFACE_PX, write_simulated_dataset, write_surface_dataset
from flows.tasks.split import magnetic_tile_groups, own_group, split_by_group
from models.simulation import SimulatedLine
from models.simulation.line import CROWDED_COUNTS

Grouping = Literal["picture", "magnetic-tile"]
HELD_OUT_SIMULATED = 1000
_SEEDS = {"train": 101, "val": 303, "test": 404}


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Pictures for training, for choosing (epoch, thresholds, 8-bit conversion) and held out for the figures.

    Attributes:
        class_names: The classes.
        train: To learn from.
        val: To choose by.
        test: Held out.
        description: What it is, with a digest, for the manifest.
    """

    class_names: tuple[str, ...]
    train: tuple[Picture, ...]
    val: tuple[Picture, ...]
    test: tuple[Picture, ...]
    description: dict[str, Any]


def simulated_data(
    folder: Path, *, count: int, held_out: int = HELD_OUT_SIMULATED, on_part: Callable[[int], None] = lambda _: None
) -> TrainingData:
    """Return `count` crowded parts to learn from, and parts of two other lines to choose and to measure by.

    On those two every second part is defective, so that both kinds of error are measured on as many parts.
    """
    lines = {
        "train": (SimulatedLine(_SEEDS["train"], 0.8, CROWDED_COUNTS), count),
        "val": (SimulatedLine(_SEEDS["val"], 0.5), held_out),
        "test": (SimulatedLine(_SEEDS["test"], 0.5), held_out),
    }
    sets: dict[str, Dataset] = {}
    for name, (line, parts) in lines.items():
        sets[name] = write_simulated_dataset(folder / name, line=line, count=parts, on_part=on_part)
    return _drawn(sets, {"kind": "simulated line", "train_pictures": count, "held_out_pictures": held_out})


def simulated_surfaces(
    folder: Path, *, count: int, held_out: int = HELD_OUT_SIMULATED, side_px: int = SURFACE_PX, processes: int = 1
) -> TrainingData:
    """Return `count` pictures of simulated surfaces to learn from, and others to choose and to measure by."""
    wanted = {"train": (count, 0.65), "val": (held_out, 0.5), "test": (held_out, 0.5)}
    sets = {
        name: write_surface_dataset(
            folder / name,
            seed=_SEEDS[name],
            count=pictures,
            side_px=side_px,
            defect_rate=defect_rate,
            processes=processes,
        )
        for name, (pictures, defect_rate) in wanted.items()
    }
    about = {"kind": "simulated surfaces", "side_px": side_px, "train_pictures": count, "held_out_pictures": held_out}
    return _drawn(sets, about)


def _drawn(sets: dict[str, Dataset], about: dict[str, Any]) -> TrainingData:
    """Return three drawn sets as one, with the seeds and the digest that name them."""
    train, val, test = (sets[name].pictures for name in ("train", "val", "test"))
    description = {**about, "seeds": _SEEDS, "train_sha256": dataset_digest(sets["train"])}
    return TrainingData(sets["train"].class_names, train, val, test, description)


def coco_data(folder: Path, *, grouping: Grouping, val_share: float, test_share: float, seed: int) -> TrainingData:
    """Return the pictures of a COCO folder, split so that no group is in two sets.

    Raises:
        DatasetError: The folder is no COCO folder.
        ValueError: The shares leave nothing to train on, or the names do not fit the grouping.
    """
    dataset = read_coco(folder)
    groups = magnetic_tile_groups(dataset.pictures) if grouping == "magnetic-tile" else {}
    split = split_by_group(
        dataset.pictures,
        group_of=lambda picture: groups.get(picture.path.name) or own_group(picture),
        val_share=val_share,
        test_share=test_share,
        seed=seed,
    )
    description = {
        "kind": folder.name,
        "sha256": dataset_digest(dataset),
        "grouping": grouping,
        "split_seed": seed,
        "train_pictures": len(split.train),
        "val_pictures": len(split.val),
        "test_pictures": len(split.test),
    }
    return TrainingData(dataset.class_names, split.train, split.val, split.test, description)
