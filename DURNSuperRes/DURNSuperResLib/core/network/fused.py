"""DURN arranged for inference: the same function as :class:`~.network.Durn`, with fewer passes over memory.

Three exact rewrites: a transposed convolution of stride 1 becomes the convolution with the flipped, transposed kernel,
once and not at each call; activations and additions work in place; and the reconstruction after the last sub-pixel step
becomes one convolution before it, so that the wide features are never spread over the fine grid.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .error_head import ErrorHead, expected_error
from .network import Deconv, Durn, ResidualBlock, bicubic_enlargement
from .processor import has_bfloat16


class FusedDurn:
    """Inference of a trained network on one device and in one precision.

    Args:
        network: the network, which is kept and not changed.
        device: where to compute.
        dtype: of weights and features; the first convolution, bicubic skip and output stay float32, since the rounding
            of the input alone makes half of the greatest errors of bfloat16, and the first convolution takes no time.
        error_head: what tells the error to be expected, if the network has one.
    """

    def __init__(
        self,
        network: Durn,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        error_head: ErrorHead | None = None,
    ) -> None:
        self.config = network.config
        self._source, self._dtype, self._error_head = network, dtype, error_head
        self._head = None if error_head is None else FusedErrorHead(error_head, device, dtype)
        network = copy.deepcopy(network).to(device)
        self._initial = _Convolution(network.initial, None, torch.float32)
        self._urns = [_FusedUNet(urn, dtype) for urn in network.urns]
        layers: list[Any] = list(network.upsample)  # convolution, shuffle, activation; twice for x4
        steps = zip(layers[::3], layers[1::3], layers[2::3], strict=True)
        self._upsample = [(_Convolution(conv, act, dtype), shuffle.upscale_factor) for conv, shuffle, act in steps]
        self._reconstruct = _Convolution(_before_shuffle(network.reconstruct, self._upsample[-1][1]), None, dtype)

    def on(self, device: torch.device, dtype: torch.dtype) -> FusedDurn:
        """The same network on another device, or in another precision."""
        return FusedDurn(self._source, device, dtype, self._error_head)

    @property
    def has_error_head(self) -> bool:
        """Whether :meth:`with_error` can be asked."""
        return self._head is not None

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> Tensor:
        """float32 ``(n, 1, rows, columns)`` to float32 ``(n, 1, scale*rows, scale*columns)``."""
        return self._image_of(self._features(images), images)

    @torch.inference_mode()
    def with_error(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The image as of a call, and the absolute error to be expected of each of its pixels, of the same shape.

        Raises:
            ValueError: the network has no error head.
        """
        if self._head is None:
            raise ValueError("this network has no error head")
        features = self._features(images)
        error = self._head(features, images)
        return self._image_of(features, images), error

    def _features(self, images: Tensor) -> Tensor:
        shallow = self._initial(images.contiguous(memory_format=torch.channels_last)).to(self._dtype)
        x, links = shallow, None
        for urn in self._urns:
            x, links = urn(x, links)
        return x.add_(shallow)

    def _image_of(self, x: Tensor, images: Tensor) -> Tensor:
        for step, (convolution, factor) in enumerate(self._upsample, start=1):
            x = convolution(x)  # the activation is pointwise, so it may come before the shuffle
            if step < len(self._upsample):
                x = F.pixel_shuffle(x, factor)
        out = F.pixel_shuffle(self._reconstruct(x).float(), self._upsample[-1][1])
        if self.config.bicubic_skip:
            out = out.add_(bicubic_enlargement(images, self.config.scale))
        return out


class FusedErrorHead:
    """An :class:`~.error_head.ErrorHead` on one device and in one precision."""

    def __init__(self, head: ErrorHead, device: torch.device, dtype: torch.dtype) -> None:
        head = copy.deepcopy(head).to(device)
        self._scale, self._dtype = head.config.scale, dtype
        self._layers = [
            _Convolution(head.first, 0.0, dtype),
            _Convolution(head.second, 0.0, dtype),
            _Convolution(head.last, None, dtype),
        ]

    def __call__(self, features: Tensor, images: Tensor) -> Tensor:
        """The expected absolute error, float32 ``(n, 1, scale*rows, scale*columns)``."""
        x = torch.cat([features, images.to(self._dtype)], dim=1)
        for layer in self._layers:
            x = layer(x)
        return F.pixel_shuffle(expected_error(x), self._scale)


class _Convolution:
    """A convolution and, in place, its activation: a PReLU, or a slope below zero; None for none."""

    def __init__(self, conv: nn.Conv2d | nn.ConvTranspose2d, act: nn.PReLU | float | None, dtype: torch.dtype) -> None:
        self._apply: Callable[..., Tensor] = F.conv2d
        self._where = {"stride": conv.stride, "padding": conv.padding}
        weight = conv.weight.detach()
        if isinstance(conv, Deconv) and conv.stride == (1, 1):
            weight = weight.flip(2, 3).transpose(0, 1)
        elif isinstance(conv, Deconv):
            self._apply = F.conv_transpose2d
        self._dtype = dtype
        # torch would round sums midway where the processor has no bfloat16; those that have it sum in float32.
        by_way_of_float32 = dtype == torch.bfloat16 and weight.device.type == "cpu" and not has_bfloat16()
        self._within = torch.float32 if by_way_of_float32 else dtype
        self._weight = weight.to(dtype).to(self._within).contiguous(memory_format=torch.channels_last)
        self._bias = conv.bias.detach().to(dtype).to(self._within) if conv.bias is not None else None
        self._slope = act.weight.item() if isinstance(act, nn.PReLU) else act

    def __call__(self, x: Tensor) -> Tensor:
        out = self._apply(x.to(self._within), self._weight, self._bias, **self._where).to(self._dtype)
        return out if self._slope is None else F.leaky_relu_(out, self._slope)


class _FusedUNet:
    """A :class:`~.network.ResidualUNet`."""

    def __init__(self, urn: Any, dtype: torch.dtype) -> None:
        self._branches = [[_fused_unit(unit[0], unit[1], dtype) for unit in branch] for branch in (urn.up, urn.down)]

    def __call__(self, x: Tensor, links: list[Tensor] | None) -> tuple[Tensor, list[Tensor]]:
        nodes: list[Tensor] = []
        for branch in self._branches:
            last = len(branch) - 1
            for position, (widen, narrow, project, back, correct) in enumerate(branch):
                inside = narrow(widen(x)).add_(x)  # residual block
                h0 = project(inside)
                x = correct(back(h0).sub_(inside)).add_(h0)
                if position < last:
                    if links is not None:
                        x = x.add_(links[len(nodes)])
                    nodes.append(x)
        return x, nodes


def _fused_unit(residual: ResidualBlock, block: Any, dtype: torch.dtype) -> tuple[_Convolution, ...]:
    return (
        _Convolution(residual.conv1, residual.act, dtype),
        _Convolution(residual.conv2, None, dtype),
        *(_Convolution(conv, act, dtype) for conv, act in (block.project, block.back, block.correct)),
    )


def _before_shuffle(conv: nn.Conv2d, factor: int) -> nn.Conv2d:
    """The 3 x 3 convolution that does before a sub-pixel step what ``conv`` does after it.

    Both pad with zeros; a fine pixel beyond the border lies in a coarse pixel beyond the border.
    """
    fine = conv.weight.detach()
    inside = fine.shape[1]
    coarse = fine.new_zeros(factor, factor, inside, factor, factor, 3, 3)
    for row in range(factor):
        for column in range(factor):
            for i in range(3):
                for j in range(3):
                    (up, y), (left, x) = divmod(row + i - 1, factor), divmod(column + j - 1, factor)
                    coarse[row, column, :, y, x, up + 1, left + 1] = fine[0, :, i, j]
    result = nn.Conv2d(inside * factor**2, factor**2, 3, padding=1, bias=conv.bias is not None, device="meta")
    result.weight = nn.Parameter(coarse.reshape(factor**2, inside * factor**2, 3, 3))
    if conv.bias is not None:
        result.bias = nn.Parameter(conv.bias.detach().repeat(factor**2))
    return result
