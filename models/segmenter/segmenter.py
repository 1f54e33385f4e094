"""The pair at work: a picture is embedded once, then each prompt costs one run of the small decoder."""

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from models.errors import InferenceError
from models.letterbox import Placement
from models.masks import MaskOutline, outline_of_mask
from models.networks import Network
from models.segmenter import layout as graph
from models.segmenter.prompt import Prompt

Floats = npt.NDArray[np.float32]
# Source: segment_anything/modeling/sam.py, `pixel_mean` and `pixel_std`; RGB, values 0-255.
_MEAN_RGB: Final = np.array([123.675, 116.28, 103.53], np.float32)
_STD_RGB: Final = np.array([58.395, 57.12, 57.375], np.float32)
_MASKS_WITH_SINGLE: Final = 4


@dataclass(frozen=True, slots=True)
class Embedding:
    """One picture as the decoder knows it.

    Attributes:
        values: float32 (1, channels, height, width).
        shape_hw: Height and width of the picture, its own pixels.
    """

    values: Floats
    shape_hw: tuple[int, int]

    @property
    def size_bytes(self) -> int:
        """What it takes in memory."""
        return int(self.values.nbytes)


@dataclass(frozen=True, slots=True)
class Region:
    """What the network takes for the region that was pointed at.

    Attributes:
        outline: Its rings, box and size in picture pixels; empty where the network saw none.
        score: How well the network thinks that the mask fits (predicted IoU), 0-1.
    """

    outline: MaskOutline
    score: float


class PromptableSegmenter:
    """An encoder and a decoder of one model. It keeps no state between calls: threads share it freely."""

    def __init__(self, encoder: Network, decoder: Network) -> None:
        """Reads how the two want to be spoken to.

        Raises:
            NetworkLayoutError: They are no pair that is supported.
        """
        self._encoder = encoder
        self._decoder = decoder
        self.layout: Final = graph.read_layout(encoder, decoder)

    def embed(self, pixels_rgb: npt.NDArray[np.uint8]) -> Embedding:
        """The embedding of a picture; the slow half.

        Args:
            pixels_rgb: uint8 (height, width, 3), RGB.

        Raises:
            InferenceError: The encoder gave no usable answer.
        """
        known = self.layout
        blob = picture_to_input(pixels_rgb, known.encoder_side_px, planar=known.planar)
        outputs = self._encoder.run({known.picture_name: blob})
        values = np.asarray(next(iter(outputs.values())), np.float32)
        side = known.mask_side // graph.MASK_PER_EMBEDDING
        if values.ndim != 4 or values.shape[0] != 1 or values.shape[2:] != (side, side):
            raise InferenceError(f"the encoder gave an embedding shaped {values.shape}")
        if not np.isfinite(values).all():
            raise InferenceError("the encoder's embedding holds values that are no numbers")
        return Embedding(values, (pixels_rgb.shape[0], pixels_rgb.shape[1]))

    def segment(self, embedding: Embedding, prompt: Prompt) -> Region:
        """The region that a prompt points at; the fast half.

        Args:
            embedding: Of the picture, by this pair.
            prompt: In pixels of that picture.

        Raises:
            InferenceError: The decoder gave no usable answer.
        """
        known = self.layout
        placement = Placement(known.prompt_side_px / max(embedding.shape_hw), 0, 0, embedding.shape_hw)
        coordinates, labels = prompt.to_points(placement.scale)
        inputs: dict[str, npt.NDArray[np.float32]] = {
            graph.EMBEDDING: embedding.values,
            graph.COORDINATES: coordinates,
            graph.LABELS: labels,
            graph.MASK: np.zeros((1, 1, known.mask_side, known.mask_side), np.float32),
            graph.HAS_MASK: np.zeros(1, np.float32),
            graph.PICTURE_SIZE: _size_told(embedding.shape_hw, known.mask_side),
        }
        outputs = self._decoder.run({name: inputs[name].astype(kind) for name, kind in known.decoder_types.items()})
        logits, scores = self._checked(outputs[graph.LOGITS], outputs[graph.SCORES])
        best = best_mask(scores, labels.shape[1])
        outline = outline_of_logits(logits[best], placement, known.prompt_side_px)
        return Region(outline, float(np.clip(scores[best], 0.0, 1.0)))

    def _checked(self, logits: Floats, scores: Floats) -> tuple[Floats, Floats]:
        """Masks (m, side, side) and their scores (m,)."""
        side = self.layout.mask_side
        if logits.ndim != 4 or logits.shape[0] != 1 or logits.shape[2:] != (side, side) or not logits.size:
            raise InferenceError(f"the decoder gave masks shaped {logits.shape}")
        if scores.size != logits.shape[1]:
            raise InferenceError(f"the decoder gave {scores.size} scores for {logits.shape[1]} masks")
        if not (np.isfinite(logits).all() and np.isfinite(scores).all()):
            raise InferenceError("the decoder's answer holds values that are no numbers")
        return logits[0].astype(np.float32), scores.reshape(-1).astype(np.float32)


def picture_to_input(pixels_rgb: npt.NDArray[np.uint8], side_px: int, *, planar: bool) -> Floats:
    """The picture as the encoder takes it: its longer side `side_px`, at the upper left, the rest the mean colour.

    An encoder that normalises by itself would pad by itself, too, to the same values; a full square spares both
    runtimes a new shape for every picture.

    Args:
        pixels_rgb: uint8 (height, width, 3), RGB.
        side_px: Side of the square.
        planar: Whether it is normalised and in planes, (1, 3, side, side); else (side, side, 3), values 0-255.

    Source: segment_anything/utils/transforms.py (`ResizeLongestSide`) and modeling/sam.py (`preprocess`). Shrinking
    averages over areas, as in `models.letterbox`.
    """
    height, width = pixels_rgb.shape[:2]
    scale = side_px / max(height, width)
    new_h, new_w = max(1, math.floor(height * scale + 0.5)), max(1, math.floor(width * scale + 0.5))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    canvas = np.empty((side_px, side_px, 3), np.float32)
    canvas[:] = _MEAN_RGB
    canvas[:new_h, :new_w] = cv2.resize(pixels_rgb, (new_w, new_h), interpolation=interpolation)
    if not planar:
        return canvas
    return np.ascontiguousarray(((canvas - _MEAN_RGB) / _STD_RGB).transpose(2, 0, 1)[None])


def best_mask(scores: Floats, point_count: int) -> int:
    """The index of the mask with the best predicted IoU among those that are meant for this prompt.

    A decoder that gives four masks gives first the one for prompts that leave no doubt (three points and more, the
    padding and the corners of a box counted), then three for prompts that do.

    Source: Kirillov et al. 2023, Segment Anything, appendix A; `select_masks` in segment_anything/utils/onnx.py.
    """
    if scores.size == _MASKS_WITH_SINGLE:
        return 0 if point_count > 2 else 1 + int(np.argmax(scores[1:]))
    return int(np.argmax(scores))


def outline_of_logits(logits: Floats, placement: Placement, side_px: int) -> MaskOutline:
    """The outline of a mask that is known at a quarter of the decoder's square, cut to the picture.

    The graph's own `masks` is not used: exporters freeze its cut to the shape of their example picture, and it would
    be as large as the picture. Source: vietanhdev/samexporter, `sam_onnx.py`, `run_decoder`.

    Args:
        logits: float32 (mask side, mask side); above 0 is inside.
        placement: Where the picture lies in the square.
        side_px: Side of the square.
    """
    height, width = placement.shape_hw
    per_px = placement.scale * logits.shape[0] / side_px
    rows, columns = np.nonzero(logits[: math.ceil(height * per_px), : math.ceil(width * per_px)] > 0)
    if not rows.size:
        return MaskOutline((), 0.0, 0.0, 0.0)
    # One mask pixel to spare: the edge lies between the last one inside and the first one outside.
    corners = (columns.min() - 1, rows.min() - 1, columns.max() + 2, rows.max() + 2)
    box = np.clip(np.array(corners, np.float32) / np.float32(per_px), 0, [width, height, width, height])
    return outline_of_mask(np.ones(1, np.float32), logits[None], box.astype(np.float32), placement, (side_px, side_px))


def _size_told(shape_hw: tuple[int, int], mask_side: int) -> Floats:
    """A small picture of the same shape for `orig_im_size`, so that the unused `masks` costs next to nothing."""
    scale = mask_side / max(shape_hw)
    return np.array([max(1, math.floor(size * scale + 0.5)) for size in shape_hw], np.float32)
