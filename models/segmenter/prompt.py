"""What a person points at, and how the decoder is told."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

# Source: segment_anything/utils/onnx.py and notebooks/onnx_model_example.ipynb of facebookresearch/segment-anything.
_PADDING: Final = -1.0
_BACKGROUND: Final = 0.0
_FOREGROUND: Final = 1.0
_TOP_LEFT: Final = 2.0
_BOTTOM_RIGHT: Final = 3.0


@dataclass(frozen=True, slots=True)
class PromptPoint:
    """One click.

    Attributes:
        x_px: Picture pixels, the left edge of the picture is 0.
        y_px: Picture pixels, the upper edge is 0.
        inside: Whether it lies in the region; else it says what does not belong to it.
    """

    x_px: float
    y_px: float
    inside: bool = True


@dataclass(frozen=True, slots=True)
class Prompt:
    """What points out one region: a box, clicks, or both.

    Attributes:
        box_xyxy: Left, top, right, bottom in picture pixels.
        points: Clicks in picture pixels.
    """

    box_xyxy: tuple[float, float, float, float] | None = None
    points: tuple[PromptPoint, ...] = ()

    def __post_init__(self) -> None:
        """Refuses what points at nothing.

        Raises:
            ValueError: There is neither a box nor a click inside.
        """
        if self.box_xyxy is None and not any(point.inside for point in self.points):
            msg = "a prompt needs a box or a point inside the region"
            raise ValueError(msg)

    def to_points(self, scale: float) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """The prompt as the decoder takes it: coordinates float32 (1, n, 2) and labels float32 (1, n).

        A box is two points with labels of their own. Without a box comes a point that says that there is none.

        Args:
            scale: Pixels of the decoder's square per picture pixel.
        """
        coordinates = [(point.x_px, point.y_px) for point in self.points]
        labels = [_FOREGROUND if point.inside else _BACKGROUND for point in self.points]
        if self.box_xyxy is not None:
            left, top, right, bottom = self.box_xyxy
            coordinates += [(left, top), (right, bottom)]
            labels += [_TOP_LEFT, _BOTTOM_RIGHT]
        else:
            coordinates.append((0.0, 0.0))
            labels.append(_PADDING)
        scaled = np.array(coordinates, np.float32)[None] * np.float32(scale)
        return scaled, np.array(labels, np.float32)[None]
