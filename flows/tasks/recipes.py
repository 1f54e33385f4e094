"""Training options that proved themselves, by name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from flows.tasks.trainer import Augmentation, TrainingOptions

RecipeName = Literal["starter", "few-pictures"]


@dataclass(frozen=True, slots=True)
class TrainingRecipe:
    """Named options."""

    options: TrainingOptions

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


RECIPES: dict[RecipeName, TrainingRecipe] = {
    # Thousands of pictures of one shape: short, no mosaic, growing pictures.
    "starter": TrainingRecipe(
        TrainingOptions(input_px=320, epochs=16, learning_rate=0.002, small_input_px=256, small_share=0.7)
    ),
    # Hundreds of pictures, most of them good: many passes over strongly varied pictures.
    "few-pictures": TrainingRecipe(
        TrainingOptions(
            input_px=256,
            epochs=60,
            learning_rate=0.002,
            warmup_epochs=2.0,
            val_every=10,
            augmentation=Augmentation(
                brightness=0.5,
                saturation=0.0,
                rotation_deg=5.0,
                translation=0.1,
                zoom=0.4,
                mosaic=0.5,
                mosaic_off_epochs=15,
                copy_paste=0.3,
            ),
        )
    ),
}
