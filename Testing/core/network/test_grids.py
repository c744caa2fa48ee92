"""The fast transforms around a network do what the matrices of the k-space room do."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from DURNSuperResLib.core.network.grids import resized
from DURNSuperResLib.core.signal import kspace

BORDERS: tuple[kspace.Border, ...] = ("periodic", "mirrored")
SIZES = [
    ((12, 13), (24, 25)),
    ((11, 12), (24, 17)),
    ((25, 24), (12, 11)),
    ((24, 23), (12, 12)),
    ((12, 30), (12, 21)),
    ((30, 12), (21, 24)),
    ((1, 2), (3, 1)),
    ((154, 251), (1024, 251)),
]


@pytest.mark.parametrize("across", BORDERS)
@pytest.mark.parametrize("down", BORDERS)
@pytest.mark.parametrize(("old", "new"), SIZES)
def test_images_become_what_the_matrices_make_of_them(
    old: tuple[int, int], new: tuple[int, int], down: kspace.Border, across: kspace.Border
) -> None:
    noise = np.random.default_rng(0).normal(size=(2, *old)).astype(np.float32)
    found = resized(torch.from_numpy(noise), new, (down, across))
    assert found.dtype == torch.float32
    assert_allclose(found.numpy(), kspace.resized(noise, *new, (down, across)), atol=2e-5)


def test_an_image_of_the_size_is_left_alone() -> None:
    image = torch.rand(2, 20, 30)
    assert resized(image, (20, 30), ("periodic", "mirrored")) is image
