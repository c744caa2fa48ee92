"""Copies of training images with other scanners' looks."""

from __future__ import annotations

import numpy as np
import pytest

from DURNSuperResLib.core.signal.phantom import short_axis_phantom
from DURNSuperResLib.core.signal.quality import psnr
from DURNSuperResLib.core.signal.resampling import bicubic_upscale
from Training.data import PatchBatches
from Training.looks import Looks, reduced


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return np.float32((short_axis_phantom(2, slices=1, size=192).truth[0] / 1000).clip(0, 1))


def test_no_look_is_no_change(image: np.ndarray) -> None:
    copy = Looks().applied(image, np.random.default_rng(0))
    assert copy.dtype == np.float32
    np.testing.assert_allclose(copy, image, atol=1e-6)


@pytest.mark.parametrize("look", [{"gamma": (0.7, 1.4)}, {"contrast": 0.9}], ids=["gamma", "contrast"])
def test_contrasts_keep_the_order_of_intensities(look: dict) -> None:
    ramp = np.linspace(0, 1, 64, dtype=np.float32)[None]
    for seed in range(20):
        copy = Looks(**look).applied(ramp, np.random.default_rng(seed))
        assert (np.diff(copy) > 0).all()
        np.testing.assert_allclose(copy[0, [0, -1]], [0, 1], atol=1e-6)
    assert not np.allclose(copy, ramp, atol=0.01)


def test_shading_is_smooth_and_bounded() -> None:
    flat = np.ones((40, 50), np.float32)
    for seed in range(20):
        copy = Looks(shading=0.3).applied(flat, np.random.default_rng(seed))
        assert abs(np.log(copy)).max() < 0.3 * 3
        assert max(abs(np.diff(copy, axis=0)).max(), abs(np.diff(copy, axis=1)).max()) < 0.08
    assert np.ptp(copy) > 0.05


def test_noise_is_of_the_level_asked_for(image: np.ndarray) -> None:
    bright = image > 0.2  # where Rician noise is nearly Gaussian
    levels = [
        (Looks(noise=0.02).applied(image, np.random.default_rng(seed)) - image)[bright].std() for seed in range(20)
    ]
    assert 0 < max(levels) < 0.021
    assert np.mean(levels) == pytest.approx(0.01, abs=0.003)


def test_a_reduced_copy_covers_the_same_field_of_view(image: np.ndarray) -> None:
    small = reduced(image, 0.5)
    assert small.shape == (96, 96)
    enlarged = bicubic_upscale(small, 2)
    assert psnr(enlarged, image) > psnr(np.roll(enlarged, 1, axis=1), image) + 1


def test_a_reduced_copy_keeps_room_for_patches(image: np.ndarray) -> None:
    sizes = {Looks(rescale=0.5).applied(image, np.random.default_rng(seed), 150).shape[0] for seed in range(20)}
    assert min(sizes) >= 150
    assert max(sizes) <= 192
    assert len(sizes) > 5


@pytest.mark.parametrize("wrong", [{"contrast": 1.0}, {"contrast": -0.1}, {"rescale": 0.0}, {"rescale": 1.5}])
def test_looks_that_no_scanner_has_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Looks(**wrong)


def test_renewed_copies_bring_looks_never_seen_before(image: np.ndarray) -> None:
    """One image and one copy of it: without renewal two intensities of its brightest pixel, with it many."""

    def looks_seen(renewed: int) -> int:
        batches = PatchBatches(
            [([image], 1.0)], {"bicubic": 1.0}, 2, 24, 1, 0, Looks(gamma=(0.5, 2.0)), copies=1, renewed=renewed
        )
        pool = batches._groups[0]
        images = iter(batches)
        return len({(next(images), round(float(pool[1].truth.mean()), 6))[1] for _ in range(8)})

    assert looks_seen(0) == 1
    assert looks_seen(1) == 8
