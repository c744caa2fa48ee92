"""What a training begins with: the weights of another model or run, as they are or inside a wider network."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from Training.task import trained_network


def take_over(network: nn.Module, weights: Path, *, widen: bool = False) -> None:
    """Start from a model's weights or a run's checkpoint, wherever a tensor of the same name has the same shape.

    Args:
        network: changed in place; what it does not take over keeps its own initial values.
        weights: ``.pt``, a model's state dict, or ``.ckpt``, a run's checkpoint.
        widen: put narrower weights into the first channels of wider ones, such that the network computes what the
            narrower one did: the new channels see the old ones, which do not see them before they have learned.
            Both must have the same scale.
    """
    own, theirs = network.state_dict(), _tensors(weights)
    transposed = {
        f"{name}.weight" for name, module in network.named_modules() if isinstance(module, nn.ConvTranspose2d)
    }
    for name, value in theirs.items():
        if name in own and own[name].shape == value.shape:
            own[name] = value
        elif name in own and widen:
            own[name] = _widened(own[name], value, outputs_first=name not in transposed)
    network.load_state_dict(own)


def _tensors(weights: Path) -> dict[str, Tensor]:
    if weights.suffix == ".ckpt":
        return trained_network(weights).state_dict()
    return torch.load(weights, map_location="cpu", weights_only=True)


def _widened(own: Tensor, narrow: Tensor, *, outputs_first: bool) -> Tensor:
    """``narrow`` in the first channels of ``own``, with nothing from the new inputs to the old outputs."""
    grown = own.clone()
    if narrow.ndim == 1:
        grown[: len(narrow)] = narrow
        return grown
    by_output, values = (grown, narrow) if outputs_first else (grown.transpose(0, 1), narrow.transpose(0, 1))
    outputs, inputs = values.shape[:2]
    by_output[:outputs] = 0
    by_output[:outputs, :inputs] = values
    return grown
