"""PSNR and SSIM against independent computations."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torchmetrics.functional.image import structural_similarity_index_measure

from DURNSuperResLib.core.signal.kspace import zero_fill
from DURNSuperResLib.core.signal.phantom import short_axis_phantom
from DURNSuperResLib.core.signal.quality import edge_sharpness, psnr, ssim
from DURNSuperResLib.core.signal.resampling import bicubic_upscale


def test_psnr_of_a_known_error() -> None:
    truth = np.zeros((2, 8, 8))
    assert_allclose(psnr(truth + 0.1, truth), [20, 20])
    assert psnr(truth, truth)[0] == np.inf


def test_ssim_agrees_with_torchmetrics_inside() -> None:
    random = np.random.default_rng(0)
    truth = random.random((1, 1, 40, 40))
    image = truth + 0.1 * random.normal(size=truth.shape)
    _, theirs = structural_similarity_index_measure(
        torch.from_numpy(image), torch.from_numpy(truth), data_range=1.0, return_full_image=True
    )
    # Their padding reaches five pixels in; the mean over what is left is ours to 1e-6.
    assert ssim(image[0], truth[0])[0] == pytest.approx(float(theirs[..., 5:-5, 5:-5].mean()), abs=1e-6)


def test_ssim_refuses_an_image_smaller_than_its_window() -> None:
    with pytest.raises(ValueError, match="11 x 11"):
        ssim(np.zeros((10, 20)), np.zeros((10, 20)))


def test_a_mask_decides_what_counts() -> None:
    truth = np.random.default_rng(0).random((2, 40, 40))
    mask = np.zeros(truth.shape, dtype=bool)
    mask[:, 8:32, 8:32] = True
    image = np.where(mask, truth + 0.1, truth + 7)
    assert_allclose(psnr(image, truth, mask=mask), [20, 20])
    inner = np.zeros_like(mask)
    inner[:, 16:24, 16:24] = True
    assert_allclose(ssim(image, truth, mask=inner), ssim(truth + 0.1, truth, mask=inner))


def test_edge_sharpness_knows_blur_overshoot_and_noise() -> None:
    phantom = short_axis_phantom(2, slices=1, size=128)
    truth, low = phantom.truth, phantom.acquired
    assert_allclose(edge_sharpness(truth, truth), 1)
    assert_allclose(edge_sharpness(1.3 * truth, truth), 1.3)
    blurred, sharper = edge_sharpness(bicubic_upscale(low, 2), truth), edge_sharpness(zero_fill(low, 2), truth)
    assert 0.3 < blurred < sharper < 1
    noise = np.random.default_rng(0).normal(0, 20, truth.shape)
    assert edge_sharpness(bicubic_upscale(low, 2) + noise, truth) == pytest.approx(blurred, abs=0.02)
