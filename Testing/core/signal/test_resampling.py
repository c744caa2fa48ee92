"""Classical resampling keeps the half-pixel grid and agrees with independent computations."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from DURNSuperResLib.core.signal.kspace import kspace_truncate, zero_fill
from DURNSuperResLib.core.signal.resampling import bicubic_downscale, bicubic_upscale

SCALES = (2, 3, 4)


@pytest.mark.parametrize("scale", SCALES)
def test_bicubic_keeps_a_linear_ramp(scale: int) -> None:
    ramp = 3.0 * np.arange(12)[:, None] - 2.0 * np.arange(15)
    position = [(np.arange(n * scale) + 0.5) / scale - 0.5 for n in ramp.shape]
    inside = slice(2 * scale, -2 * scale)
    expected = 3.0 * position[0][:, None] - 2.0 * position[1]
    assert_allclose(bicubic_upscale(ramp, scale)[inside, inside], expected[inside, inside], atol=1e-9)


@pytest.mark.parametrize("scale", SCALES)
def test_antialiased_bicubic_agrees_with_torch_inside(scale: int) -> None:
    image = np.random.default_rng(0).random((24, 48))
    theirs = torch.nn.functional.interpolate(
        torch.from_numpy(image)[None, None], scale_factor=1 / scale, mode="bicubic", antialias=True
    )[0, 0].numpy()
    ours = bicubic_downscale(image, scale)
    assert_allclose(ours[2:-2, 2:-2], theirs[2:-2, 2:-2], atol=1e-6)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("size", [(24, 36), (36, 60)])
def test_fourier_pair_follows_a_wave_on_the_half_pixel_grid(scale: int, size: tuple[int, int]) -> None:
    def wave(rows: int, columns: int) -> np.ndarray:
        y, x = (np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns
        return np.cos(2 * np.pi * 2 * y + 0.3)[:, None] * np.sin(2 * np.pi * 1 * x - 0.7)

    fine, coarse = wave(*size), wave(*(n // scale for n in size))
    assert_allclose(kspace_truncate(fine, scale), coarse, atol=1e-12)
    assert_allclose(zero_fill(coarse, scale), fine, atol=1e-12)


@pytest.mark.parametrize("reduce", [bicubic_downscale, kspace_truncate])
def test_reduction_refuses_a_size_that_the_scale_does_not_divide(reduce) -> None:
    with pytest.raises(ValueError, match="multiple of the scale 2"):
        reduce(np.zeros((8, 9)), 2)


def test_a_stack_is_resampled_slice_by_slice() -> None:
    stack = np.random.default_rng(1).random((3, 10, 8))
    assert_allclose(bicubic_upscale(stack, 2)[1], bicubic_upscale(stack[1], 2))
