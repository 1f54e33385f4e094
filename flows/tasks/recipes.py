"""Training options that proved themselves, by name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from flows.tasks.coco import Picture
from flows.tasks.trainer import Augmentation, Head, TrainingOptions

RecipeName = Literal["starter", "few-pictures"]


@dataclass(frozen=True, slots=True)
class TrainingRecipe:
    """Named options.

    Attributes:
        options: How to train.
        defective_repeats: How often a defective picture is shown for each time that a good one is.
        head: Which head inspects.
    """

    options: TrainingOptions
    defective_repeats: int = 1
    head: Head = "one_to_one"

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


RECIPES: dict[RecipeName, TrainingRecipe] = {
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
}
