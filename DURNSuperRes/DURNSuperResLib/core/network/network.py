"""DURN, the dual U-Net residual network, as a PyTorch module.

Source: D. Qiu, Y. Cheng, X. Wang, "Dual U-Net residual networks for cardiac magnetic resonance images
super-resolution", Computer Methods and Programs in Biomedicine 218 (2022) 106707. This is DURN rebuilt from its
published description, not the authors' code. What the description leaves open is chosen here and said so:

stated
    initial convolution; two U-shaped residual networks (URN), each an up-branch of (residual block, up-block) units
    followed by a down-branch of (residual block, down-block) units; features 8 wide outside, 64 wide inside; the
    features of both URNs at the same position joined by addition; one global feature skip; one reconstruction
    convolution.
chosen
    three units a branch, 8 -> 16 -> 32 -> 64 channels at constant spatial size; 3x3 kernels; one PReLU with one slope
    after each (de)convolution of an up- or down-block; sub-pixel upsampling at the base width.

This file and what runs it are the only ones that import torch; nothing imports it until a network is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SUPPORTED_SCALES = (2, 3, 4)


@dataclass(frozen=True)
class DurnConfig:
    """Architecture options of a DURN; the defaults are the literal ``durn``.

    Attributes:
        scale: in-plane magnification, 2, 3 or 4.
        channels: feature widths from the outside of a URN to its inside; one unit a step and branch.
        urns: 2 for DURN, 1 for the single U-Net residual network of the paper's ablation.
        spatial_scale_per_stage: 1 keeps rows x columns constant inside a URN; 2 is the other reading of the paper,
            in which each up-block doubles them (kernel 6, stride 2, padding 2).
        bicubic_skip: declared deviation; the network's output is added to the bicubic enlargement of its input.
        upsample_width: declared deviation; width of the features after upsampling. None keeps the base width, which
            for x4 leaves 8 channels to describe 16 output pixels.
    """

    scale: int = 2
    channels: tuple[int, ...] = (8, 16, 32, 64)
    urns: int = 2
    spatial_scale_per_stage: int = 1
    bicubic_skip: bool = False
    upsample_width: int | None = None

    def __post_init__(self) -> None:
        if self.scale not in SUPPORTED_SCALES:
            raise ValueError(f"scale must be one of {SUPPORTED_SCALES}, not {self.scale}")
        if self.urns not in (1, 2):
            raise ValueError(f"urns must be 1 or 2, not {self.urns}")
        if self.spatial_scale_per_stage not in (1, 2):
            raise ValueError(f"spatial_scale_per_stage must be 1 or 2, not {self.spatial_scale_per_stage}")
        if len(self.channels) < 2 or min(self.channels) < 1:
            raise ValueError(f"channels must be two or more positive widths, not {self.channels}")
        if self.upsample_width is not None and self.upsample_width < 1:
            raise ValueError(f"upsample_width must be positive, not {self.upsample_width}")

    @classmethod
    def from_dict(cls, options: dict[str, Any]) -> DurnConfig:
        """The configuration that a model card's ``architecture`` entry describes.

        Raises:
            TypeError: an option that this version does not know.
        """
        values = dict(options)
        if "channels" in values:
            values["channels"] = tuple(values["channels"])
        return cls(**values)

    @property
    def receptive_radius(self) -> int:
        """Input pixels to each side on which an output pixel depends, rounded up."""
        stages = len(self.channels) - 1
        if self.spatial_scale_per_stage == 1:
            per_urn = 2 * stages * (2 + 3)
        else:
            # At depth d a pixel is 1 / 2**d wide: residual block 2 pixels, block of three 6x6 steps at most 3 of them.
            per_urn = sum(2 * 2 + 3 * 3 for _ in range(2 * stages))
        return 1 + self.urns * per_urn + 2 + 1


class ResidualBlock(nn.Module):
    """Conv, PReLU, Conv and a local skip, at constant width."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.act = nn.PReLU()
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(self.act(self.conv1(x)))


class Deconv(nn.ConvTranspose2d):
    """Transposed convolution; at stride 1 computed as the equal convolution with the flipped, transposed kernel.

    The rewrite is exact and faster on the CPU, in training most of all; parameters and their layout do not change.
    """

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        if self.stride == (1, 1):
            return F.conv2d(x, self.weight.flip(2, 3).transpose(0, 1), self.bias, padding=self.padding)
        return super().forward(x, output_size)


def _step(kind: type[nn.Conv2d] | type[Deconv], inside: int, outside: int, stride: int) -> nn.Sequential:
    kernel, padding = (3, 1) if stride == 1 else (6, 2)
    return nn.Sequential(kind(inside, outside, kernel, stride=stride, padding=padding), nn.PReLU())


class UpBlock(nn.Module):
    """Back-projection to more channels: h0 = deconv(x); e = conv(h0) - x; out = h0 + deconv(e)."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.project = _step(Deconv, inside, outside, stride)
        self.back = _step(nn.Conv2d, outside, inside, stride)
        self.correct = _step(Deconv, inside, outside, stride)

    def forward(self, x: Tensor) -> Tensor:
        h0 = self.project(x)
        return h0 + self.correct(self.back(h0) - x)


class DownBlock(nn.Module):
    """Back-projection to fewer channels: l0 = conv(x); e = deconv(l0) - x; out = l0 + conv(e)."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.project = _step(nn.Conv2d, inside, outside, stride)
        self.back = _step(Deconv, outside, inside, stride)
        self.correct = _step(nn.Conv2d, inside, outside, stride)

    def forward(self, x: Tensor) -> Tensor:
        l0 = self.project(x)
        return l0 + self.correct(self.back(l0) - x)


class ResidualUNet(nn.Module):
    """One URN: up-branch, then down-branch, with optional features of an earlier URN added at the inner nodes."""

    def __init__(self, channels: tuple[int, ...], stride: int) -> None:
        super().__init__()
        steps = list(zip(channels[:-1], channels[1:], strict=True))
        self.up = nn.ModuleList(nn.Sequential(ResidualBlock(a), UpBlock(a, b, stride)) for a, b in steps)
        self.down = nn.ModuleList(nn.Sequential(ResidualBlock(b), DownBlock(b, a, stride)) for a, b in reversed(steps))

    def forward(self, x: Tensor, links: list[Tensor] | None = None) -> tuple[Tensor, list[Tensor]]:
        """Features of the last unit, and those of the inner nodes (all units but each branch's last)."""
        nodes: list[Tensor] = []
        for branch in (self.up, self.down):
            last = len(branch) - 1
            for position, unit in enumerate(branch):
                x = unit(x)
                if position < last:
                    if links is not None:
                        x = x + links[len(nodes)]
                    nodes.append(x)
        return x, nodes


def _upsampler(inside: int, outside: int, scale: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for factor in (2, 2) if scale == 4 else (scale,):
        layers += [nn.Conv2d(inside, outside * factor**2, 3, padding=1), nn.PixelShuffle(factor), nn.PReLU()]
        inside = outside
    return nn.Sequential(*layers)


class Durn(nn.Module):
    """Dual U-Net residual network: ``(n, 1, rows, columns)`` to ``(n, 1, scale*rows, scale*columns)``.

    Input and output lie on the half-pixel grid (both images cover the same field of view) and share one linear
    intensity scale, near [0, 1].
    """

    def __init__(self, config: DurnConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or DurnConfig()
        base = config.channels[0]
        self.initial = nn.Conv2d(1, base, 3, padding=1)
        self.urns = nn.ModuleList(
            ResidualUNet(config.channels, config.spatial_scale_per_stage) for _ in range(config.urns)
        )
        width = config.upsample_width or base
        self.upsample = _upsampler(base, width, config.scale)
        self.reconstruct = nn.Conv2d(width, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.image_of(self.features(x), x)

    def features(self, x: Tensor) -> Tensor:
        """Deep and shallow features together: ``(n, 1, rows, columns)`` to ``(n, channels[0], rows, columns)``."""
        shallow = self.initial(x)
        deep, links = shallow, None
        for urn in self.urns:
            deep, links = urn(deep, links)
        return deep + shallow

    def image_of(self, features: Tensor, x: Tensor) -> Tensor:
        """The image ``(n, 1, scale*rows, scale*columns)`` from :meth:`features` of the input ``x``."""
        out = self.reconstruct(self.upsample(features))
        if self.config.bicubic_skip:
            out = out + bicubic_enlargement(x, self.config.scale)
        return out


def in_channels_last(network: Durn) -> Durn:
    """``network`` itself with its weights laid out channels-last, which convolutions on CPU and CUDA prefer."""
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def bicubic_enlargement(x: Tensor, scale: int) -> Tensor:
    """Bicubic interpolation (a = -0.5, half-pixel grid, replicated border) of ``(n, 1, rows, columns)`` in float32."""
    kernel = _bicubic_kernel(scale).to(x.device)
    with torch.autocast(x.device.type, enabled=False):
        padded = F.pad(x.float(), (2, 2, 2, 2), mode="replicate")
        return F.pixel_shuffle(F.conv2d(padded, kernel), scale)


def _bicubic_kernel(scale: int) -> Tensor:
    """``(scale**2, 1, 5, 5)``: the weights of the 5 x 5 nearest input pixels for each sub-pixel position."""
    position = (torch.arange(scale, dtype=torch.float64) + 0.5) / scale - 0.5
    t = (position[:, None] - torch.arange(-2, 3)).abs()
    near = 1.5 * t**3 - 2.5 * t**2 + 1
    far = -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
    weights = torch.where(t <= 1, near, torch.where(t < 2, far, torch.zeros_like(t)))
    return (weights[:, None, :, None] * weights[None, :, None, :]).reshape(scale**2, 1, 5, 5).float()
