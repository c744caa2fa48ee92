"""Networks of the size of well-known ones, for timing alone: random weights, one channel in and out.

Sources of the sizes: EDSR-baseline (16 blocks of 64 channels), B. Lim et al., "Enhanced deep residual networks for
single image super-resolution", CVPRW 2017; RCAN (10 groups of 20 blocks of 64 channels with channel attention), Y.
Zhang et al., "Image super-resolution using very deep residual channel attention networks", ECCV 2018.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

WIDTH = 64


def _conv(inside: int = WIDTH, outside: int = WIDTH) -> nn.Conv2d:
    return nn.Conv2d(inside, outside, 3, padding=1)


class _Residual(nn.Module):
    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class _ChannelAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weigh = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(WIDTH, WIDTH // 16, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(WIDTH // 16, WIDTH, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weigh(x)


def _upscaling(body: nn.Module, scale: int) -> nn.Sequential:
    steps: list[nn.Module] = []
    for factor in (2, 2) if scale == 4 else (scale,):
        steps += [_conv(WIDTH, WIDTH * factor**2), nn.PixelShuffle(factor)]
    return nn.Sequential(_conv(1), body, *steps, _conv(WIDTH, 1)).eval().to(memory_format=torch.channels_last)


def edsr_baseline(scale: int) -> nn.Module:
    """A network of EDSR-baseline's size."""
    blocks = [_Residual(_conv(), nn.ReLU(inplace=True), _conv()) for _ in range(16)]
    return _upscaling(_Residual(*blocks, _conv()), scale)


def rcan(scale: int) -> nn.Module:
    """A network of RCAN's size."""

    def block() -> nn.Module:
        return _Residual(_conv(), nn.ReLU(inplace=True), _conv(), _ChannelAttention())

    groups = [_Residual(*[block() for _ in range(20)], _conv()) for _ in range(10)]
    return _upscaling(_Residual(*groups, _conv()), scale)
