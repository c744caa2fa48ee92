"""A bundled model as a teacher: the mean of its eight passes has less error than any of them, and a student that has
learned to make it needs one.
"""

from __future__ import annotations

import torch
from torch import Tensor

from DURNSuperResLib.core.network.ensemble import ORIENTATIONS
from DURNSuperResLib.core.network.models import model_for
from DURNSuperResLib.core.network.network import Durn, DurnConfig, in_channels_last


class Teacher:
    """The bundled model ``name`` for ``scale``, as it is.

    Raises:
        ModelError: no such model is bundled.
    """

    def __init__(self, name: str, scale: int) -> None:
        card = model_for(scale, name)
        network = Durn(DurnConfig.from_dict(dict(card.architecture)))
        network.load_state_dict(card.load_state_dict())
        self._network = in_channels_last(network).eval()

    @torch.no_grad()
    def image_of(self, low: Tensor) -> Tensor:
        """Mean over the eight orientations of square images ``(n, 1, p, p)``: ``(n, 1, scale*p, scale*p)``."""
        made = self._network(torch.cat([_turned(low, *way) for way in ORIENTATIONS])).chunk(len(ORIENTATIONS))
        return torch.stack([_turned_back(image, *way) for image, way in zip(made, ORIENTATIONS, strict=True)]).mean(0)


def _turned(images: Tensor, flip: bool, turns: int) -> Tensor:
    turned = torch.rot90(images, turns, (2, 3))
    return turned.flip(3) if flip else turned


def _turned_back(images: Tensor, flip: bool, turns: int) -> Tensor:
    return torch.rot90(images.flip(3) if flip else images, -turns, (2, 3))
