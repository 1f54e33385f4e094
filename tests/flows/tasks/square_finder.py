"""A small real network in torch: finds red and blue squares of eight pixels, with outputs laid out like a YOLO26."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from flows.tasks.coco import Annotation, Picture
from tests.pictures import png_bytes, square_picture

CLASSES = ("scratch", "dent")
INPUT_PX, CELL_PX, COEFFICIENTS = 64, 8, 32


class SquareFinder(nn.Module):
    """Each cell of 8 x 8 pixels is an anchor: redder than green is a scratch, bluer than green a dent."""

    def __init__(self) -> None:
        super().__init__()
        self.contrast = nn.Conv2d(3, 2, 1)
        with torch.no_grad():
            weights = torch.tensor([[1.0, -1.0, 0.0], [0.0, -1.0, 1.0]])
            self.contrast.weight.copy_(weights.reshape(2, 3, 1, 1))
            assert self.contrast.bias is not None
            self.contrast.bias.zero_()
        cells = INPUT_PX // CELL_PX
        y, x = np.mgrid[0:cells, 0:cells].astype(np.float32) * CELL_PX
        boxes = np.stack([x, y, x + CELL_PX, y + CELL_PX], axis=-1).reshape(1, -1, 4)
        coefficients = np.zeros((1, cells * cells, COEFFICIENTS), np.float32)
        coefficients[..., 0] = 1.0
        self.boxes = nn.Buffer(torch.from_numpy(boxes))
        self.coefficients = nn.Buffer(torch.from_numpy(coefficients))

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The anchors (1, 64, 4 + 2 + 32) and the prototypes (1, 32, 16, 16)."""
        difference = self.contrast(pixels)
        scores = nn.functional.avg_pool2d(difference, CELL_PX).clamp(0.0, 1.0).flatten(2).transpose(1, 2)
        fine = nn.functional.avg_pool2d(difference, 4).amax(1, keepdim=True) - 0.25
        prototypes = nn.functional.pad(fine, (0, 0, 0, 0, 0, COEFFICIENTS - 1))
        return torch.cat([self.boxes, scores, self.coefficients], 2), prototypes


class FragileFinder(SquareFinder):
    """Computes the same beside a channel a thousand times as large: with eight bits for both, nothing is left of it."""

    def __init__(self) -> None:
        super().__init__()
        self.beside_a_giant = nn.Conv2d(3, 4, 1, bias=False)
        self.without_it = nn.Conv2d(4, 3, 1, bias=False)
        with torch.no_grad():
            self.beside_a_giant.weight.copy_(torch.cat([torch.eye(3), torch.full((1, 3), 1000.0)]).reshape(4, 3, 1, 1))
            self.without_it.weight.copy_(torch.eye(3, 4).reshape(3, 4, 1, 1))

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return super().forward(self.without_it(self.beside_a_giant(pixels).relu()))


def square_pictures(folder: Path, count: int) -> tuple[Picture, ...]:
    """Pictures of good parts, red squares and blue squares in turn, at changing places."""
    pictures = []
    for number in range(count):
        x, y = 8 * (number % 7), 8 * (number * 3 % 7)
        colour = (None, "red", "blue")[number % 3]
        pixels = square_picture(colour, at_xy=(x, y), side_px=CELL_PX)  # type: ignore[arg-type]
        pixels = np.clip(pixels.astype(int) + number % 5, 0, 255).astype(np.uint8)
        path = folder / f"part_{number:03d}.png"
        path.write_bytes(png_bytes(pixels))
        box = (float(x), float(y), float(x + CELL_PX), float(y + CELL_PX))
        name = {"red": "scratch", "blue": "dent"}.get(colour or "")
        pictures.append(Picture(path, (INPUT_PX, INPUT_PX), (Annotation(name, box),) if name else ()))
    return tuple(pictures)
