"""A picture fitted into the network's input without changing its shape, and the way back for coordinates."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

PAD_VALUE = 114  # mid grey, as in the YOLO family since v3; part of every manifest


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a picture lies inside the network's input.

    Attributes:
        scale: Input pixels per picture pixel.
        left_px: Grey columns left of the picture, input pixels.
        top_px: Grey rows above the picture, input pixels.
        shape_hw: Height and width of the picture, its own pixels.
    """

    scale: float
    left_px: int
    top_px: int
    shape_hw: tuple[int, int]

    def boxes_to_picture(self, boxes_xyxy: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Boxes (N, 4) in input pixels as boxes (N, 4) in picture pixels, clipped to the picture."""
        offset = np.array([self.left_px, self.top_px, self.left_px, self.top_px], np.float32)
        height, width = self.shape_hw
        upper = np.array([width, height, width, height], np.float32)
        boxes: npt.NDArray[np.float32] = np.clip((boxes_xyxy - offset) / np.float32(self.scale), np.float32(0), upper)
        return boxes


def place(shape_hw: tuple[int, int], input_hw: tuple[int, int]) -> Placement:
    """The placement of a picture of `shape_hw` in an input of `input_hw`: largest that fits, centred."""
    height, width = shape_hw
    scale = min(input_hw[0] / height, input_hw[1] / width)
    new_h, new_w = _scaled(shape_hw, scale)
    return Placement(scale, (input_hw[1] - new_w) // 2, (input_hw[0] - new_h) // 2, shape_hw)


def letterbox(
    pixels_rgb: npt.NDArray[np.uint8], input_hw: tuple[int, int], *, pad_value: int = PAD_VALUE
) -> tuple[npt.NDArray[np.uint8], Placement]:
    """The picture fitted into the input, and its placement.

    Shrinking averages over areas: linear sampling skips rows at more than 2:1 and loses scratches one pixel wide.

    Args:
        pixels_rgb: uint8, (height, width, 3).
        input_hw: Height and width of the network's input.
        pad_value: Grey of the border, 0-255.

    Returns:
        uint8 (input height, input width, 3) and the placement.
    """
    placement = place((pixels_rgb.shape[0], pixels_rgb.shape[1]), input_hw)
    new_h, new_w = _scaled(placement.shape_hw, placement.scale)
    canvas = np.full((*input_hw, 3), pad_value, np.uint8)
    target = canvas[placement.top_px : placement.top_px + new_h, placement.left_px : placement.left_px + new_w]
    if (new_h, new_w) == placement.shape_hw:
        target[:] = pixels_rgb
    else:
        interpolation = cv2.INTER_AREA if placement.scale < 1 else cv2.INTER_LINEAR
        target[:] = cv2.resize(pixels_rgb, (new_w, new_h), interpolation=interpolation)
    return canvas, placement


def pixels_to_blob(canvas: npt.NDArray[np.uint8], scale: float) -> npt.NDArray[np.float32]:
    """The network's input: float32 (1, 3, height, width), each value times `scale`.

    Args:
        canvas: uint8 (height, width, 3), channels in the order that the network wants.
        scale: Usually 1/255.
    """
    blob = np.empty((1, 3, canvas.shape[0], canvas.shape[1]), np.float32)
    np.multiply(canvas.transpose(2, 0, 1), np.float32(scale), out=blob[0], casting="unsafe")
    return blob


def _scaled(shape_hw: tuple[int, int], scale: float) -> tuple[int, int]:
    return max(1, round(shape_hw[0] * scale)), max(1, round(shape_hw[1] * scale))
