"""An ONNX network as OpenVINO IR: 16-bit weights for fidelity, 8-bit integers for speed."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import nncf
import numpy as np
import numpy.typing as npt
import openvino as ov

from flows.tasks.coco import Picture
from models.intake import read_image
from models.letterbox import letterbox, pixels_to_blob
from models.manifest import NetworkInput, OutputLayout

_CALIBRATION_BYTES: Final = 1 << 30
_FEWEST_TO_CALIBRATE: Final = 8


@dataclass(frozen=True, slots=True)
class Quantisation:
    """One way to bring a network to 8 bits.

    Attributes:
        name: For the report.
        preset: Of NNCF: "mixed" quantises activations asymmetrically, which suits SiLU's negative tail.
        fast_bias_correction: NNCF's fast correction of biases; the accurate one is slower.
        float_patterns: Node names (regular expressions) that stay in float.
    """

    name: str
    float_patterns: tuple[str, ...]
    preset: str = "mixed"
    fast_bias_correction: bool = True


_DECODING = ("/model\\.23/[A-Z].*", r"/model\.23/(one2one_)?cv\d\.\d/(one2one_)?cv\d\.\d\.2/.*")
_HEAD = ("/model\\.23/.*",)
QUANTISATIONS = (
    Quantisation("decoding in float", _DECODING),
    Quantisation("decoding in float, accurate bias correction", _DECODING, fast_bias_correction=False),
    Quantisation("head in float", _HEAD),
    Quantisation("head in float, accurate bias correction", _HEAD, fast_bias_correction=False),
)
"""From the smallest and fastest to the most careful; box corners and scores are never decoded from 8 bits."""

_PROBABILITIES = (
    r"/(Sigmoid|Softmax|Resize|Mul).*",
    r"/network/(contrast|defect|classes)/.*",
    r"/network/decide/score/.*",
)
_JUDGING = (*_PROBABILITIES, r"/network/(decide|judge|detail|reduce)/.*", r"/network/[A-Z].*", r"/[A-Z].*")
_LOOKING = (*_JUDGING, r"/network/(appearance|encoder)/.*")
_LEARNED = (*_LOOKING, r"/network/(stem|stages|known|laterals|smooth)[./].*")
SURFACE_QUANTISATIONS = (
    Quantisation("probabilities in float", _PROBABILITIES),
    Quantisation("judging in float", _JUDGING),
    Quantisation("judging and appearance in float", _LOOKING),
    Quantisation("all but the adapted blocks in float", _LEARNED),
)
"""The same for surface networks: a probability near a threshold is never made of 8 bits alone. The appearance is a sum
of large terms that nearly cancel out, so that it bears 8 bits of the published encoder badly.
"""


def quantisations_of(layout: OutputLayout) -> tuple[Quantisation, ...]:
    """Return the ways to bring a network of a layout to 8 bits, in the order to try them."""
    return SURFACE_QUANTISATIONS if layout is OutputLayout.SURFACE_MAP else QUANTISATIONS


def convert_fp16(onnx_path: Path, folder: Path) -> Path:
    """Return the path of the IR with 16-bit weights; it computes in the precision that the runtime asks for."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.xml"
    ov.save_model(ov.convert_model(str(onnx_path)), str(path), compress_to_fp16=True)
    _drop_indentation(path)
    return path


def convert_int8(
    onnx_path: Path,
    folder: Path,
    pictures: Iterable[Picture],
    network_input: NetworkInput,
    how: Quantisation,
) -> Path:
    """Return the path of the IR in 8 bits, calibrated on pictures that are letterboxed as in live inspection.

    Args:
        onnx_path: The reference network.
        folder: Where the IR is written.
        pictures: Real pictures, good and defective; some 300 are enough.
        network_input: Size and normalisation from the manifest.
        how: The settings of the quantiser.

    Weights keep to half of their range everywhere: a processor without VNNI adds pairs of 8-bit products in 16 bits and
    clips what is larger, so that the same file would score otherwise there (measured: a golden score off by 0.24 on
    AVX2). NNCF's default guards the first layer only.

    A convolution with a batch norm behind it loses its name in the conversion, and no pattern would keep it in float;
    it is named anew.

    Source:
        Measured on this family of networks: quantising `core.read_model(onnx)` ruins it (351 fake quantisers, average
        precision 0), `convert_model` first and the head in float does not.
    """
    logging.getLogger("nncf").setLevel(logging.ERROR)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.xml"
    blobs = list(pictures_to_blobs(_as_many_as_fit(pictures, network_input), network_input))
    model = ov.convert_model(str(onnx_path))
    _name_convolutions(model)
    quantised = nncf.quantize(
        model,
        nncf.Dataset(blobs),
        preset=nncf.QuantizationPreset(how.preset),
        subset_size=len(blobs),
        fast_bias_correction=how.fast_bias_correction,
        advanced_parameters=nncf.AdvancedQuantizationParameters(overflow_fix=nncf.OverflowFix.ENABLE),
        ignored_scope=nncf.IgnoredScope(patterns=list(how.float_patterns), validate=False),
    )
    ov.save_model(quantised, str(path), compress_to_fp16=True)
    _drop_indentation(path)
    return path


def _name_convolutions(model: ov.Model) -> None:
    """Name each convolution after what takes its result, the rest of the batch norm that was folded into it."""
    for node in model.get_ordered_ops():
        if "Convolution" in node.get_type_name() and not node.get_friendly_name().startswith("/"):
            taker = next(iter(node.output(0).get_target_inputs())).get_node()
            node.set_friendly_name(f"{taker.get_friendly_name()}/convolution")


def _as_many_as_fit(pictures: Iterable[Picture], network_input: NetworkInput) -> Sequence[Picture]:
    """Return pictures from all over the sequence, so few that all of them are in memory at once."""
    given = list(pictures)
    most = max(_FEWEST_TO_CALIBRATE, _CALIBRATION_BYTES // (12 * math.prod(network_input.shape_hw)))
    return given[:: max(1, math.ceil(len(given) / most))]


def _drop_indentation(xml: Path) -> None:
    """Rewrite an IR's XML without the blanks between its tags: a third of the file, and a bundle travels whole."""
    xml.write_text(re.sub(r">\s+<", "><", xml.read_text(encoding="utf-8")), encoding="utf-8")


def pictures_to_blobs(pictures: Iterable[Picture], network_input: NetworkInput) -> Iterator[npt.NDArray[np.float32]]:
    """Yield what the network sees of each picture, (1, 3, H, W) float32."""
    for picture in pictures:
        pixels_rgb = read_image(picture.path.read_bytes()).pixels_rgb
        canvas, _ = letterbox(pixels_rgb, network_input.shape_hw, pad_value=network_input.pad_value)
        ordered = canvas[..., ::-1] if network_input.colour_order == "bgr" else canvas
        yield pixels_to_blob(ordered, network_input.scale)
