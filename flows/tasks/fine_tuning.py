"""From a frozen data set and the deployed bundle to newly trained weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flows.tasks.checkpoints import CHECKPOINT_NAME, Checkpoint, write_checkpoint
from flows.tasks.coco import Picture
from flows.tasks.cut_tiles import cut_tiles
from flows.tasks.few_pictures import at_share, choose_input_size
from flows.tasks.provenance import provenance_of
from flows.tasks.recipes import RECIPES, Wanted, choose_recipe
from flows.tasks.surface_tiles import LARGEST_WHOLE_PX, plan_tiles
from flows.tasks.trainer import EpochReport, TrainingOptions, TrainingSet, shape_of_input
from flows.tasks.trainers import can_start_from, restore_bundle, trainer_of, weights_at_hand
from flows.tasks.training_data import TrainingData
from models.bundle import Bundle

_REPOSITORY = Path(__file__).resolve().parents[2]
_VAL_WHILE_TRAINING = 150
_LARGEST_IN_TILES_PX = 2048
"""Longer side of the largest input that is chosen by itself: 49 tiles, 1.1 s on one core."""
_WINDOW_SHARE = 0.5
"""Side of the windows in the early epochs of a surface network, as a share of the input's: a quarter of the time."""


@dataclass(frozen=True, slots=True)
class FineTuning:
    """How to fine-tune.

    Attributes:
        version: Version of the new bundle.
        epochs: Passes over the training pictures.
        batch_size: Pictures per step.
        learning_rate: The largest one.
        recipe: The rest of the options, by name; `auto` until it is settled.
        input_px: Longer side of the input, a multiple of 32; 0 keeps that of the bundle whose weights are gone on with,
            and where there is none takes what the defects' sizes ask for.
        device: "cpu" or "cuda".
        pasted: Pictures made by pasting defects onto good parts, for each defective one; None keeps the recipe's.
        painted: Pictures made by painting simulated defects onto good parts, for each good one; None as before.
        good_share: Share of good pictures among those shown; 0 keeps the recipe's repeats.
        from_base: Start from the recipe's base weights where there is no version to go on with, not from random ones.
        base_weights: Published weights of a YOLO (`BASE_WEIGHTS`), its base weights; None where the site names none.
    """

    version: str
    epochs: int
    batch_size: int
    learning_rate: float
    recipe: Wanted = "few-pictures"
    input_px: int = 0
    device: str = "cpu"
    pasted: float | None = None
    painted: float | None = None
    good_share: float = 0.0
    from_base: bool = False
    base_weights: Path | None = None

    def settled(self, base: Bundle | None, pictures: Sequence[Picture]) -> FineTuning:
        """Return the same with a recipe chosen, where it was left to the platform."""
        return replace(self, recipe=choose_recipe(self.recipe, base, pictures))

    def said_of_start(self, base: Bundle | None) -> str:
        """Return in words which weights the training starts from."""
        head = RECIPES[self.recipe].head
        if base is not None and can_start_from(head, base):
            return f"starts from the weights of {base.manifest.version}"
        if base is None and not self.from_base:
            return "starts from random weights, as asked for"
        published = self.base_weights.name if self.base_weights else "random weights, since BASE_WEIGHTS names none"
        weights = "the weights that learned from simulated surfaces" if head == "surface_map" else published
        if base is None:
            return f"starts from {weights}"
        task = base.manifest.task
        return f"starts from {weights}: the version to start from is a {task} network, of another architecture"

    def options(self, base: Bundle | None, pictures: Sequence[Picture]) -> TrainingOptions:
        """Return the trainer's options for going on with a bundle's weights, or for beginning with random ones."""
        recipe = RECIPES[self.recipe].options
        most_px = _LARGEST_IN_TILES_PX if self.recipe == "surface" else LARGEST_WHOLE_PX
        known_px = max(base.manifest.input.shape_hw) if base else choose_input_size(pictures, most_px=most_px)
        input_px = self.input_px or known_px
        # The last third sees whole pictures, whatever the number of epochs.
        varied = replace(recipe.augmentation, mosaic_off_epochs=self.epochs // 3 if recipe.augmentation.mosaic else 0)
        sized = _of_size(recipe, input_px) if self.recipe == "surface" else replace(recipe, input_px=input_px)
        return replace(
            sized,
            epochs=self.epochs,
            batch=self.batch_size,
            learning_rate=self.learning_rate,
            small_input_px=0,
            val_every=max(1, self.epochs // 5),
            device=self.device,
            augmentation=varied,
        )

    def shown(self, pictures: Sequence[Picture], folder: Path) -> tuple[Picture, ...]:
        """Return the pictures of an epoch: the given ones and those made in `folder`, each kind as often as wanted.

        Raises:
            ValueError: Painted defects are asked for, and this recipe's network learns classes alone.
            ModelError: A picture cannot be read.
        """
        recipe = RECIPES[self.recipe]
        all_of_them = recipe.with_made(tuple(pictures), folder, pasted=self.pasted, painted=self.painted)
        if self.good_share:
            return at_share(all_of_them, self.good_share)
        return recipe.repeated(all_of_them)


def train_checkpoint(
    how: FineTuning,
    base: Bundle | None,
    data: TrainingData,
    work: Path,
    on_epoch: Callable[[EpochReport], None],
) -> Path:
    """Return the checkpoint of a new training, from which `export_onnx` goes on.

    Args:
        how: Options.
        base: The bundle to start from, None for none. Weights of another architecture are of no use: then the training
            starts from its recipe's base weights, and the provenance says so.
        data: The pictures.
        work: An empty folder.
        on_epoch: Told after each epoch.

    Raises:
        RestoreError: The base is of the same kind and its weights do not fit, or published ones cannot be had.
    """
    how = how.settled(base, data.train)
    head = RECIPES[how.recipe].head
    at_hand, wants_base = None, how.from_base
    if base is not None and not can_start_from(head, base):
        base, wants_base = None, True
    if base is None and wants_base:
        at_hand = weights_at_hand(head, how.base_weights, data.class_names, work)
    options = replace(how.options(base, data.train), start_from=at_hand)
    known = TrainingSet(data.class_names, data.train, data.val[:_VAL_WHILE_TRAINING])
    if base is not None:
        shape_hw = shape_of_input(known, options)
        restored = restore_bundle(head, base, data.train, shape_hw, work / "restored.pt")
        options = replace(options, start_from=restored)
    known, options, whole_hw = (
        _in_tiles(known, options, work / "tiles") if head == "surface_map" else (known, options, None)
    )
    shown = replace(known, train=how.shown(known.train, work / "made"))
    # A stop arrives as an exception between two batches (Prefect's TerminationSignal), so nothing has to be asked for.
    weights = trainer_of(head, work / "training").train(shown, options, on_epoch, lambda: False)
    about = Checkpoint(
        version=how.version,
        class_names=data.class_names,
        shape_hw=whole_hw or weights.shape_hw,
        head=head,
        provenance=_provenance(base, provenance_of(weights, options, dataset=data.description, repository=_REPOSITORY)),
    )
    kept = work / "kept"
    kept.mkdir()
    return write_checkpoint(weights, about, kept / CHECKPOINT_NAME)


def _in_tiles(
    known: TrainingSet, options: TrainingOptions, folder: Path
) -> tuple[TrainingSet, TrainingOptions, tuple[int, int] | None]:
    """Return what is shown of pictures that the network will look at in tiles, and the shape of the whole input.

    None for the shape, and as much of the picture as is looked at as a whole, where that is enough, or where no defect
    has a place: of a picture that is only known to be bad nobody knows which tiles are.
    """
    whole_hw = shape_of_input(known, options)
    tiles = plan_tiles(whole_hw)
    if tiles is None:
        return known, options, None
    cut = cut_tiles(known.train, folder / "train", whole_hw, seed=options.seed)
    if all(picture.is_good for picture in cut):
        return known, _of_size(options, LARGEST_WHOLE_PX), None
    checked = cut_tiles(known.val, folder / "val", whole_hw, seed=options.seed)
    return replace(known, train=cut, val=checked), _of_size(options, max(tiles.shape_hw)), whole_hw


def _of_size(options: TrainingOptions, input_px: int) -> TrainingOptions:
    return replace(options, input_px=input_px, window_px=round(input_px * _WINDOW_SHARE / 32) * 32)


def _provenance(base: Bundle | None, found: dict[str, Any]) -> dict[str, Any]:
    return {**found, "base_bundle_digest": base.digest if base else None}
