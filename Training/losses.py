"""What a training minimises: L1 on pixels, and on request L1 on the Fourier transform and on a teacher's image."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import l1_loss


def image_loss(image: Tensor, truth: Tensor, fourier_weight: float = 0.0) -> Tensor:
    """L1 as the paper states it, with a declared addition, of images ``(n, 1, rows, columns)``.

    Args:
        image: what the network made.
        truth: what it should be.
        fourier_weight: of the mean absolute difference of the orthonormal two-dimensional Fourier transforms, real and
            imaginary parts, which counts fine detail as much as coarse (S.-J. Cho et al., "Rethinking coarse-to-fine
            approach in single image deblurring", ICCV 2021).
    """
    difference = image.float() - truth
    loss = difference.abs().mean()
    if fourier_weight:
        spectrum = torch.view_as_real(torch.fft.rfft2(difference, norm="ortho"))
        loss = loss + fourier_weight * spectrum.abs().mean()
    return loss


def taught_loss(against_truth: Tensor, image: Tensor, taught: Tensor, share: float) -> Tensor:
    """Distillation: ``share`` of the loss is L1 against what a teacher made of the same input."""
    return (1 - share) * against_truth + share * l1_loss(image.float(), taught.float())
