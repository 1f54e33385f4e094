"""What an encoder and a decoder of the SAM family take and give, read from the graphs; other graphs are refused.

Encoders have one input and one output. The input is either

- float32 (1, 3, side, side), normalised and padded by us: `images`, `input_image`, `image` or any other name, as SAM,
  MobileSAM and NanoSAM are exported, or
- float32 (height, width, 3) with values 0-255, normalised by the graph: `input_image`, as samexporter and the exporter
  of MobileSAM write it when they are told to `use_preprocess`.

Decoders take `image_embeddings`, `point_coords`, `point_labels`, `mask_input`, `has_mask_input` and, except NanoSAM's,
`orig_im_size`. They give `iou_predictions` and `low_res_masks`; `masks` may be there and is not used.

Source: facebookresearch/segment-anything, `scripts/export_onnx_model.py` and `segment_anything/utils/onnx.py` (the
decoder); vietanhdev/samexporter, `export_encoder.py` (both encoders); NVIDIA-AI-IOT/nanosam,
`nanosam/tools/export_sam_mask_decoder_onnx.py` (the decoder without `orig_im_size`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from models.errors import NetworkLayoutError
from models.networks import Network, Port

EMBEDDING: Final = "image_embeddings"
COORDINATES: Final = "point_coords"
LABELS: Final = "point_labels"
MASK: Final = "mask_input"
HAS_MASK: Final = "has_mask_input"
PICTURE_SIZE: Final = "orig_im_size"
SCORES: Final = "iou_predictions"
LOGITS: Final = "low_res_masks"
# Source: segment_anything/build_sam.py (`vit_patch_size = 16`) and modeling/prompt_encoder.py (`mask_input_size`): the
# picture is 16 times as wide as the embedding, a mask 4 times.
MASK_PER_EMBEDDING: Final = 4
PX_PER_MASK: Final = 4

_RANKS: Final[Mapping[str, int]] = {EMBEDDING: 4, COORDINATES: 3, LABELS: 2, MASK: 4, HAS_MASK: 1, PICTURE_SIZE: 1}
_MAY_BE_INTEGER: Final = {LABELS, PICTURE_SIZE}
_INTEGERS: Final = {np.dtype(np.int64), np.dtype(np.int32)}
_FLOAT: Final = np.dtype(np.float32)
_MOST_PX: Final = 4096


@dataclass(frozen=True, slots=True)
class SegmenterLayout:
    """How to speak to one pair of networks.

    Attributes:
        picture_name: The encoder's input.
        planar: The encoder takes (1, 3, side, side), normalised by us; else (side, side, 3), values 0-255.
        encoder_side_px: Side of the encoder's square input.
        prompt_side_px: Side of the square in which the decoder counts the coordinates of prompts.
        mask_side: Side of a mask as the decoder gives it.
        decoder_types: Type of each of the decoder's inputs.
    """

    picture_name: str
    planar: bool
    encoder_side_px: int
    prompt_side_px: int
    mask_side: int
    decoder_types: Mapping[str, np.dtype[Any]]


def read_layout(encoder: Network, decoder: Network) -> SegmenterLayout:
    """The layout of a pair.

    Raises:
        NetworkLayoutError: One of them is not of the SAM family as it is described above, or they do not fit.
    """
    embedding_in, mask_side, types = _read_decoder(decoder)
    prompt_side = mask_side * PX_PER_MASK
    picture, embedding_out = _only(encoder.inputs, "inputs"), _only(encoder.outputs, "outputs")
    if len(embedding_out.shape) != 4 or not _fit(embedding_out.shape, embedding_in.shape):
        raise NetworkLayoutError(
            f"the encoder gives {_shown(embedding_out.shape)}, the decoder takes {_shown(embedding_in.shape)}: "
            "they are not of one model"
        )
    planar, side = _read_picture(picture)
    side = side or prompt_side
    return SegmenterLayout(min(picture.names), planar, side, prompt_side, mask_side, types)


def _read_decoder(decoder: Network) -> tuple[Port, int, Mapping[str, np.dtype[Any]]]:
    ports: dict[str, Port] = {}
    for port in decoder.inputs:
        known = port.names & _RANKS.keys()
        if not known:
            raise NetworkLayoutError(
                f"the decoder wants an input {min(port.names)!r}: only decoders of SAM, MobileSAM and NanoSAM are "
                "supported (not SAM 2, SAM 3, HQ-SAM or EfficientSAM)"
            )
        ports[min(known)] = port
    outputs = {name for port in decoder.outputs for name in port.names}
    if absent := sorted((_RANKS.keys() - {PICTURE_SIZE} - ports.keys()) | ({SCORES, LOGITS} - outputs)):
        raise NetworkLayoutError(f"the decoder has no {', '.join(absent)}")
    types = {name: _type_of(name, port) for name, port in ports.items()}
    if (fixed := ports[COORDINATES].shape[1]) is not None:
        raise NetworkLayoutError(
            f"the decoder takes exactly {fixed} points: export it with an open number of them (num_points)"
        )
    return ports[EMBEDDING], _mask_side(ports[MASK].shape, ports[EMBEDDING].shape), types


def _type_of(name: str, port: Port) -> np.dtype[Any]:
    if len(port.shape) != _RANKS[name]:
        raise NetworkLayoutError(f"the decoder's {name} is {_shown(port.shape)}, not of {_RANKS[name]} dimensions")
    allowed = {_FLOAT} | (_INTEGERS if name in _MAY_BE_INTEGER else set())
    if port.dtype is None or port.dtype not in allowed:
        raise NetworkLayoutError(f"the decoder's {name} is {port.dtype}, not float32")
    return port.dtype


def _mask_side(mask: Sequence[int | None], embedding: Sequence[int | None]) -> int:
    """Side of a mask, by the mask input or by the embedding; the one may be open, not both."""
    told = {size for size in mask[2:] if size} | {size * MASK_PER_EMBEDDING for size in embedding[2:] if size}
    if not told:
        raise NetworkLayoutError("the decoder tells neither the size of its embedding nor that of its mask")
    side = told.pop()
    if told or side * PX_PER_MASK > _MOST_PX:
        raise NetworkLayoutError(
            f"the decoder's mask {_shown(mask)} and embedding {_shown(embedding)} are not of one square picture"
        )
    return side


def _read_picture(port: Port) -> tuple[bool, int | None]:
    """Whether the encoder takes planes, and the side of its input; None where that is open."""
    shape, name = port.shape, min(port.names)
    if len(shape) == 4 and shape[0] in {1, None} and shape[1] == 3:
        planar, sides = True, shape[2:]
    elif len(shape) == 3 and shape[2] == 3:
        planar, sides = False, shape[:2]
    else:
        raise NetworkLayoutError(
            f"the encoder's {name} is {_shown(shape)}: (1, 3, side, side) and (height, width, 3) are supported"
        )
    if port.dtype != _FLOAT:
        raise NetworkLayoutError(f"the encoder's {name} is {port.dtype}, not float32")
    told = {size for size in sides if size is not None}
    if len(told) > 1 or max(told, default=0) > _MOST_PX:
        raise NetworkLayoutError(
            f"the encoder's {name} is {_shown(shape)}, which is no square of at most {_MOST_PX} px"
        )
    return planar, told.pop() if told else None


def _only(ports: Sequence[Port], what: str) -> Port:
    if len(ports) != 1:
        names = ", ".join(min(port.names) for port in ports)
        raise NetworkLayoutError(
            f"the encoder has {len(ports)} {what} ({names}): only encoders of SAM, MobileSAM and NanoSAM are "
            "supported, which have one"
        )
    return ports[0]


def _fit(one: Sequence[int | None], other: Sequence[int | None]) -> bool:
    return all(a is None or b is None or a == b for a, b in zip(one, other, strict=True))


def _shown(shape: Sequence[int | None]) -> str:
    return f"({', '.join('?' if size is None else str(size) for size in shape)})"
