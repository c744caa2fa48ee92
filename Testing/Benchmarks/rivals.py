"""Networks of the size of well-known ones, for timing alone: random weights, one channel in and out.

Sources of the sizes: EDSR-baseline (16 blocks of 64 channels), B. Lim et al., "Enhanced deep residual networks for
single image super-resolution", CVPRW 2017; RCAN (10 groups of 20 blocks of 64 channels with channel attention), Y.
Zhang et al., "Image super-resolution using very deep residual channel attention networks", ECCV 2018. LKMN-T (8 groups
of 36 channels), Q. Hu et al., "Large kernel modulation network for efficient image super-resolution", 2025,
arXiv:2508.11893; LKFMixer-T (6 blocks of 40 channels), Y. Tang and Q. Hu, "LKFMixer: exploring large kernel feature for
efficient image super-resolution", 2025, arXiv:2508.11391. The x2 networks that their authors published have 206,004 and
194,012 parameters with three colours; one channel takes 3,248 and 3,608 of them away.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_max_pool2d, gelu, interpolate

WIDTH = 64
REACH = 31  # pixels along the large kernels of LKMN and LKFMixer


def _conv(inside: int = WIDTH, outside: int = WIDTH) -> nn.Conv2d:
    return nn.Conv2d(inside, outside, 3, padding=1)


class _Residual(nn.Module):
    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class _ChannelAttention(nn.Module):
    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.weigh = nn.Sequential(nn.AdaptiveAvgPool2d(1), *layers, nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weigh(x)


def _ready(network: nn.Module) -> nn.Module:
    return network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _upscaling(body: nn.Module, scale: int) -> nn.Module:
    steps: list[nn.Module] = []
    for factor in (2, 2) if scale == 4 else (scale,):
        steps += [_conv(WIDTH, WIDTH * factor**2), nn.PixelShuffle(factor)]
    return _ready(nn.Sequential(_conv(1), body, *steps, _conv(WIDTH, 1)))


def edsr_baseline(scale: int) -> nn.Module:
    """A network of EDSR-baseline's size."""
    blocks = [_Residual(_conv(), nn.ReLU(inplace=True), _conv()) for _ in range(16)]
    return _upscaling(_Residual(*blocks, _conv()), scale)


def rcan(scale: int) -> nn.Module:
    """A network of RCAN's size."""

    def block() -> nn.Module:
        squeezed = nn.Conv2d(WIDTH, WIDTH // 16, 1), nn.ReLU(inplace=True), nn.Conv2d(WIDTH // 16, WIDTH, 1)
        return _Residual(_conv(), nn.ReLU(inplace=True), _conv(), _ChannelAttention(*squeezed))

    groups = [_Residual(*[block() for _ in range(20)], _conv()) for _ in range(10)]
    return _upscaling(_Residual(*groups, _conv()), scale)


def _depthwise(width: int, rows: int, columns: int) -> nn.Conv2d:
    return nn.Conv2d(width, width, (rows, columns), padding="same", groups=width)


class _Far(nn.Module):
    """A square of ``REACH`` pixels, as two strips, over a quarter of the channels; then all channels mixed."""

    def __init__(self, width: int, *before: nn.Module) -> None:
        super().__init__()
        self.parts = [width // 4, width - width // 4]
        self.strips = nn.Sequential(*before, _depthwise(width // 4, 1, REACH), _depthwise(width // 4, REACH, 1))
        self.mix = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        few, rest = x.split(self.parts, dim=1)
        return gelu(self.mix(torch.cat((self.strips(few), rest), dim=1)))


def _attentive_far(width: int) -> nn.Module:
    return nn.Sequential(nn.ChannelShuffle(width // 4), _Far(width, _ChannelAttention()))


class _Branches(nn.Module):
    """Near and far surroundings of each pixel, and a layer that mixes the channels made of them."""

    def __init__(self, width: int, far: nn.Module, mixed: int) -> None:
        super().__init__()
        self.near, self.far = _depthwise(width, 3, 3), far
        self.mix = nn.Conv2d(mixed, width, 1)


class _Added(_Branches):
    def forward(self, x: Tensor) -> Tensor:
        return gelu(self.mix(self.near(x) + self.far(x)))


class _Joined(_Branches):
    def forward(self, x: Tensor) -> Tensor:
        return gelu(self.mix(torch.cat((self.near(x), self.far(x)), dim=1)))


class _CrossGate(_Branches):
    """LKMN's: each branch is gated by what the other one changed."""

    def __init__(self, width: int) -> None:
        super().__init__(width, _attentive_far(width), 2 * width)
        self.near_scale, self.far_scale = (nn.Parameter(torch.full((width, 1, 1), 1e-5)) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        near, far = self.near(x), self.far(x)
        gated = far * ((x - near) * self.near_scale), near * ((x - far) * self.far_scale)
        return gelu(self.mix(torch.cat(gated, dim=1)))


class _Selection(_Branches):
    """LKFMixer's: weights between the branches, pixel by pixel."""

    def forward(self, x: Tensor) -> Tensor:
        near, far = self.near(x), self.far(x)
        return torch.lerp(near, far, gelu(self.mix(torch.cat((far, near), dim=1))).sigmoid())


class _SpatialModulation(_Branches):
    """LKFMixer's: the near branch sees the maxima of 8 x 8 pixels and is weighed by each channel's mean."""

    def __init__(self, width: int) -> None:
        super().__init__(width, _Far(width), width)
        self.mix_near = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        rows, columns = x.shape[2:]
        near = gelu(self.mix_near(self.near(adaptive_max_pool2d(x, (rows // 8, columns // 8)))))
        near = interpolate(near, size=(rows, columns), mode="bilinear")
        return gelu(self.mix(self.far(x) + x.mean((2, 3), keepdim=True).sigmoid() * near))


class _Distillation(nn.Module):
    """Three steps; half of the channels before and after each of them is kept, and all that was kept is mixed."""

    def __init__(self, width: int, step: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.steps = nn.ModuleList([nn.Identity(), *(step() for _ in range(3))])
        self.keep = nn.ModuleList(nn.Conv2d(width, width // 2, 1) for _ in self.steps)
        self.mix = nn.Conv2d(2 * width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        kept = []
        for step, keep in zip(self.steps, self.keep, strict=True):
            x = step(x)
            kept.append(gelu(keep(x)))
        return self.mix(torch.cat(kept, dim=1))


class _ChannelNorm(nn.LayerNorm):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def _light(width: int, blocks: list[nn.Module], scale: int) -> nn.Module:
    body = _Residual(*blocks, _depthwise(width, 3, 3), nn.GELU())
    return _ready(nn.Sequential(_conv(1, width), body, _conv(width, scale**2), nn.PixelShuffle(scale)))


def lkmn_tiny(scale: int) -> nn.Module:
    """LKMN-T: 8 groups of 36 channels."""
    width = 36

    def group() -> nn.Module:
        distillation = _Distillation(width, lambda: _Joined(width, _attentive_far(width), 2 * width))
        return nn.Sequential(
            _Residual(_ChannelNorm(width, eps=1e-6), distillation, nn.GELU()),
            _Residual(_ChannelNorm(width, eps=1e-6), _CrossGate(width)),
        )

    return _light(width, [group() for _ in range(8)], scale)


def lkfmixer_tiny(scale: int) -> nn.Module:
    """LKFMixer-T: 6 blocks of 40 channels."""
    width = 40

    def block() -> nn.Module:
        distillation = _Distillation(width, lambda: _Added(width, _Far(width), width))
        return _Residual(distillation, _SpatialModulation(width), _Selection(width, _Far(width), 2 * width))

    return _light(width, [block() for _ in range(6)], scale)
