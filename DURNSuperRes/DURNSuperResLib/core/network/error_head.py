"""The error head: from the features of a trained network to the error that each pixel of its image is to be expected.

Three small convolutions on what the network has computed already: deep and shallow features together, and the input.
They give the logarithm of the expected absolute error ``b`` of each output pixel, learned by the likelihood of the
Laplace distribution, ``log b + |error| / b``, on the network as it is: nothing of the network changes.

Source of the likelihood: A. Kendall, Y. Gal, "What uncertainties do we need in Bayesian deep learning for computer
vision?", NeurIPS 2017.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEAST_LOGARITHM, LARGEST_LOGARITHM = -9.0, 3.0  # of the network's range; float16 holds no more


@dataclass(frozen=True)
class ErrorHeadConfig:
    """Options of an :class:`ErrorHead`.

    Attributes:
        scale: in-plane magnification of the network.
        features: width of the network's features.
        width: of the two inner convolutions.
    """

    scale: int
    features: int
    width: int = 24


class ErrorHead(nn.Module):
    """Input and features to the logarithm of the expected absolute error, all in the network's range."""

    def __init__(self, config: ErrorHeadConfig) -> None:
        super().__init__()
        self.config = config
        self.first = nn.Conv2d(config.features + 1, config.width, 3, padding=1)
        self.second = nn.Conv2d(config.width, config.width, 3, padding=1)
        self.last = nn.Conv2d(config.width, config.scale**2, 3, padding=1)

    def forward(self, features: Tensor, images: Tensor) -> Tensor:
        """``(n, features, rows, columns)`` and ``(n, 1, rows, columns)`` to ``(n, 1, scale*rows, scale*columns)``."""
        x = F.relu(self.first(torch.cat([features, images], dim=1)))
        x = self.last(F.relu(self.second(x)))
        return F.pixel_shuffle(x, self.config.scale)


def expected_error(logarithm: Tensor) -> Tensor:
    """float32 expected absolute error from its logarithm."""
    return logarithm.float().clamp(LEAST_LOGARITHM, LARGEST_LOGARITHM).exp()


def laplace_loss(logarithm: Tensor, error: Tensor) -> Tensor:
    """Negative logarithm of the Laplace likelihood of absolute errors, up to a constant; mean over the pixels."""
    bounded = logarithm.clamp(LEAST_LOGARITHM, LARGEST_LOGARITHM)
    return (bounded + error * torch.exp(-bounded)).mean()
