"""What a training begins with: the weights of another model or run, as they are or doubled in a wider network."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from DURNSuperResLib.core.network.network import Durn
from Training.task import trained_network


def take_over(network: Durn, weights: Path, *, double: bool = False) -> None:
    """Start from a model's weights or a run's checkpoint, wherever a tensor of the same name has the same shape.

    Args:
        network: changed in place; what it does not take over keeps its own initial values.
        weights: ``.pt``, a model's state dict, or ``.ckpt``, a run's checkpoint.
        double: the weights are of half the widths, and put into ``network`` as :func:`doubled` says.

    Raises:
        ValueError: weights to double that are not of half the widths.
    """
    own, theirs = network.state_dict(), _tensors(weights)
    if double:
        theirs = doubled(theirs, network)
    same = {name: value for name, value in theirs.items() if name in own and own[name].shape == value.shape}
    network.load_state_dict(own | same)


def doubled(narrow: dict[str, Tensor], network: Durn) -> dict[str, Tensor]:
    """Two copies of a network side by side, as weights of ``network``, which is twice as wide.

    The second sees everything turned by 180 degrees, so the result is the mean of two of the eight passes that
    :mod:`~DURNSuperResLib.core.network.ensemble` takes. What goes from one to the other is 0, and to be learned.

    Raises:
        ValueError: ``narrow`` is not of half the widths.
    """
    sub_pixels = {
        f"upsample.{position - 1}.{what}": layer.upscale_factor**2
        for position, layer in enumerate(network.upsample)
        if isinstance(layer, nn.PixelShuffle)
        for what in ("weight", "bias")
    }
    made = {}
    for name, wide in network.state_dict().items():
        copy = narrow[name]
        turned = copy.flip(2, 3) if copy.ndim == 4 else copy
        if name in sub_pixels:  # those of each channel change places, too
            turned = turned.unflatten(0, (-1, sub_pixels[name])).flip(1).flatten(0, 1)
        made[name] = _side_by_side(copy, turned, wide.shape)
        if made[name].shape != wide.shape:
            raise ValueError(f"{name} is {tuple(copy.shape)}, which is not half as wide as {tuple(wide.shape)}")
    return made


def _side_by_side(first: Tensor, second: Tensor, size: torch.Size) -> Tensor:
    """Both as one: alike, on one input, as their mean, or each on inputs and outputs of its own."""
    if first.shape == size:
        return first
    if first.ndim == 1 or first.shape[1] == size[1]:
        return torch.cat([first, second])
    if first.shape[0] == size[0]:
        return torch.cat([first, second], dim=1) / 2
    nothing = torch.zeros_like(first)
    return torch.cat([torch.cat([first, nothing], dim=1), torch.cat([nothing, second], dim=1)])


def _tensors(weights: Path) -> dict[str, Tensor]:
    if weights.suffix == ".ckpt":
        return trained_network(weights).state_dict()
    return torch.load(weights, map_location="cpu", weights_only=True)
