"""What a trainer is: annotated pictures in, weights on disk out. ultralytics is one of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from flows.tasks.coco import Picture


class TrainingStoppedError(Exception):
    """Training was asked to stop and stopped before the first whole epoch: there are no weights."""

    code = "training_stopped"


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Pictures to learn from and pictures to choose the best epoch by, good parts included."""

    class_names: tuple[str, ...]
    train: tuple[Picture, ...]
    val: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How strongly training pictures are varied; the defaults suit parts that lie still under a lamp.

    Attributes:
        brightness: Largest relative change of brightness, 0..1.
        saturation: Largest relative change of saturation, 0..1.
        rotation_deg: Largest rotation.
        translation: Largest shift as a share of the side.
        zoom: Largest relative change of size.
        flip_horizontal: Probability of mirroring left and right.
        flip_vertical: Probability of mirroring top and bottom.
        mosaic: Probability of joining four pictures into one.
        mosaic_off_epochs: Last epochs without mosaic.
        copy_paste: Probability of copying a mirrored defect within its picture.
        quarter_turn: Probability of turning by 90 degrees; the surface trainer alone.
        blur: Probability of blurring a little; the surface trainer alone.
        noise: Largest standard deviation of the noise added, as a share of white; the surface trainer alone.
    """

    brightness: float = 0.3
    saturation: float = 0.3
    rotation_deg: float = 0.0
    translation: float = 0.06
    zoom: float = 0.2
    flip_horizontal: float = 0.5
    flip_vertical: float = 0.5
    mosaic: float = 0.0
    mosaic_off_epochs: int = 0
    copy_paste: float = 0.0
    quarter_turn: float = 0.0
    blur: float = 0.0
    noise: float = 0.0


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """How to train.

    Attributes:
        input_px: Longer side of the network's input, a multiple of 32.
        epochs: Passes over the training pictures.
        batch: Pictures per step.
        learning_rate: The largest learning rate of AdamW; it falls along a cosine to a fiftieth.
        warmup_epochs: Epochs over which the rate rises; fractions allowed.
        seed: Makes the run repeatable on one machine.
        device: "cpu" or "cuda".
        threads: CPU threads of the tensor library.
        bfloat16: Compute the forward pass in bfloat16 (twice as fast on CPUs with AVX512_BF16), the loss in float32.
        small_input_px: Side for the first part of the run, 0 for none: early epochs need no fine detail.
        small_share: The share of the epochs run at `small_input_px`.
        window_px: Side of the windows around defects that the first part of the run shows instead of whole pictures, a
            multiple of 32; 0 for none. The surface trainer alone.
        window_share: The share of the epochs run on windows.
        square_share: The last share of the epochs run on square pictures; 0 for a network whose input has the shape of
            the pictures, where these have one shape. Padding 4:3 to 1:1 costs a quarter of the time, live too.
        adapted_share: Learning rate of the published encoder's copy as a share of `learning_rate`; with 0 it stays as
            published. The surface trainer alone.
        one_to_one_after: The share of the epochs after which the head that inspects (one box per object) starts over as
            a copy of its twin (several boxes per object), which only training has and which learns much faster.
        val_every: Epochs between validations; the last is always validated.
        start_from: Weights to start from (a checkpoint of the same trainer), None to start from scratch.
        augmentation: How pictures are varied.
    """

    input_px: int = 320
    epochs: int = 40
    batch: int = 16
    learning_rate: float = 0.002
    warmup_epochs: float = 1.0
    seed: int = 7
    device: str = "cpu"
    threads: int = 2
    bfloat16: bool = True
    small_input_px: int = 0
    small_share: float = 0.0
    window_px: int = 0
    window_share: float = 0.0
    square_share: float = 0.0
    adapted_share: float = 0.0
    one_to_one_after: float = 0.6
    val_every: int = 5
    start_from: Path | None = None
    augmentation: Augmentation = field(default_factory=Augmentation)


Head = Literal["one_to_one", "one_to_many", "surface_map"]
"""Which head inspects: one box per object, several that non-maximum suppression thins out, or a map of the surface.

Of the first two, both of a YOLO, the former costs less live; the latter needs fewer pictures to learn from. The third
is that of a surface network (see docs/surface.md).
"""


@dataclass(frozen=True, slots=True)
class EpochReport:
    """One finished epoch (counted from 1): mean losses, and validation figures where the epoch was validated."""

    epoch: int
    epochs: int
    elapsed_s: float
    losses: dict[str, float]
    metrics: dict[str, float]


@dataclass(frozen=True, slots=True)
class TrainedWeights:
    """A finished training: the checkpoint, the input that it was made for, its epochs and how long they took."""

    path: Path
    class_names: tuple[str, ...]
    shape_hw: tuple[int, int]
    epochs: int
    duration_s: float
    reports: tuple[EpochReport, ...]


def shape_of_input(training_set: TrainingSet, options: TrainingOptions) -> tuple[int, int]:
    """Return height and width of the input that a training is for: the pictures' common shape, or a square.

    Both are multiples of 32, the network's coarsest stride.
    """
    shapes = {picture.shape_hw for picture in training_set.train}
    if len(shapes) != 1 or options.square_share > 0.0 or options.augmentation.mosaic > 0.0:
        return options.input_px, options.input_px
    (shape_hw,) = shapes
    ratio = options.input_px / max(shape_hw)
    height, width = (math.ceil(round(side * ratio) / 32) * 32 for side in shape_hw)
    return height, width


class Trainer(Protocol):
    """Learns from a training set; the network behind it is its own affair."""

    def train(
        self,
        training_set: TrainingSet,
        options: TrainingOptions,
        on_epoch: Callable[[EpochReport], None],
        should_stop: Callable[[], bool],
    ) -> TrainedWeights:
        """Return the trained weights; `should_stop` is asked after each batch.

        Raises:
            TrainingStoppedError: It was asked to stop before there were any weights.
        """
        ...
