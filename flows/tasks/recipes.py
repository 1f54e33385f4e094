"""Training options that proved themselves, by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from flows.tasks.coco import Picture
from flows.tasks.paint_defects import paint_defects
from flows.tasks.paste_defects import Pasting, paste_defects
from flows.tasks.trainer import Augmentation, Head, TrainingOptions
from models.bundle import Bundle

MOST_PAINTED = 2000
"""A training keeps its pictures in memory: so many take about a gigabyte at 384 px."""

RecipeName = Literal["starter", "few-pictures", "surface", "surface-starter"]
Wanted = Literal["auto", "starter", "few-pictures", "surface", "surface-starter"]


@dataclass(frozen=True, slots=True)
class TrainingRecipe:
    """Named options.

    Attributes:
        options: How to train.
        defective_repeats: How often a defective picture is shown for each time that a good one is.
        head: Which head inspects.
        pasted: Pictures made by pasting defects onto good parts, for each defective one.
        painted: Pictures made by painting simulated defects onto good parts, for each good one.
    """

    options: TrainingOptions
    defective_repeats: int = 1
    head: Head = "one_to_one"
    pasted: float = 0.0
    painted: float = 0.0

    def with_overrides(
        self, *, epochs: int = 0, start_from: Path | None = None, device: str = "cpu", threads: int = 2
    ) -> TrainingOptions:
        """Return the options with what a single run changes of them; 0 epochs keeps the recipe's."""
        return replace(
            self.options,
            epochs=epochs or self.options.epochs,
            start_from=start_from,
            device=device,
            threads=threads,
        )

    def repeated(self, pictures: tuple[Picture, ...]) -> tuple[Picture, ...]:
        """Return the pictures with the defective ones repeated."""
        return tuple(p for p in pictures for _ in range(1 if p.is_good else self.defective_repeats))

    def with_made(
        self,
        pictures: tuple[Picture, ...],
        folder: Path,
        *,
        pasted: float | None = None,
        painted: float | None = None,
    ) -> tuple[Picture, ...]:
        """Return the training pictures and those that were made of them in `folder`.

        Args:
            pictures: Training pictures; none of a validation or test part.
            folder: Is created where anything is made.
            pasted: New pictures for each defective one; None keeps the recipe's.
            painted: New pictures for each good one, `MOST_PAINTED` at most; None keeps the recipe's.

        Raises:
            ValueError: Painted defects have no class, and this recipe's network learns nothing else.
            ModelError: A picture cannot be read.
            OSError: A picture cannot be written.
        """
        seed, good = self.options.seed, sum(picture.is_good for picture in pictures)
        to_paste = round((self.pasted if pasted is None else pasted) * (len(pictures) - good))
        to_paint = min(round((self.painted if painted is None else painted) * good), MOST_PAINTED)
        if to_paint and self.head != "surface_map":
            raise ValueError("painted defects have no class: only a surface network learns from them")
        made = paste_defects(pictures, folder, Pasting(to_paste, seed=seed)) if to_paste else ()
        return (*pictures, *made, *(paint_defects(pictures, folder, count=to_paint, seed=seed) if to_paint else ()))


def choose_recipe(wanted: Wanted, base: Bundle | None, pictures: Sequence[Picture]) -> RecipeName:
    """Return the recipe to train by: the one wanted, or that of a network which knows half of the classes to learn.

    Where none does, it is the surface network: with few pictures fewer parts escape it (docs/surface.md).

    Args:
        wanted: "auto" leaves it to this function.
        base: The bundle to start from, None for random weights.
        pictures: What is to be learned.
    """
    if wanted != "auto":
        return wanted
    if base is None or base.manifest.task == "surface":
        return "surface"
    asked = {annotation.class_name for picture in pictures for annotation in picture.annotations}
    known = asked.intersection(base.manifest.classes)
    return "few-pictures" if 2 * len(known) >= len(asked) else "surface"


_SURFACE = TrainingOptions(
    input_px=256,
    epochs=20,
    batch=8,
    learning_rate=0.002,
    window_px=128,
    window_share=0.75,
    adapted_share=0.5,
    val_every=5,
    augmentation=Augmentation(
        brightness=0.4,
        saturation=0.3,
        rotation_deg=6.0,
        translation=0.08,
        zoom=0.25,
        blur=0.1,
        noise=0.015,
    ),
)

RECIPES: dict[Wanted, TrainingRecipe] = {
    # Thousands of pictures of one shape: short, no mosaic, small pictures first.
    "starter": TrainingRecipe(
        TrainingOptions(
            input_px=320,
            epochs=11,
            learning_rate=0.002,
            small_input_px=256,
            small_share=0.64,
            one_to_one_after=0.64,
        )
    ),
    # Hundreds of pictures, most of them good: many passes over strongly varied pictures.
    "few-pictures": TrainingRecipe(
        TrainingOptions(
            input_px=256,
            epochs=36,
            learning_rate=0.0015,
            val_every=12,
            augmentation=Augmentation(
                brightness=0.5,
                saturation=0.0,
                rotation_deg=6.0,
                translation=0.1,
                zoom=0.4,
                mosaic=0.6,
                mosaic_off_epochs=12,
                copy_paste=0.3,
            ),
        ),
        defective_repeats=3,
        head="one_to_many",
    ),
    # The same hundreds for a network that learns from every pixel: surfaces, of which only the defects are the objects.
    # Windows around defects teach the same for a quarter of the time; whole pictures at the end settle what good is.
    "surface": TrainingRecipe(_SURFACE, head="surface_map", pasted=2.0, painted=0.5),
    # What it starts from: tens of thousands of simulated surfaces, so that none is made of these; for a GPU.
    "surface-starter": TrainingRecipe(
        replace(_SURFACE, epochs=6, batch=64, learning_rate=0.006, adapted_share=0.0, val_every=1), head="surface_map"
    ),
}
