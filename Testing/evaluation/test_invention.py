"""Ring correlations, patches and the high-frequency error norm on images whose detail is known to be true or false."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from DURNSuperResLib.core.signal.kspace import kspace_truncate, zero_fill
from DURNSuperResLib.core.signal.phantom import short_axis_phantom
from DURNSuperResLib.evaluation.invention import hfen, patches_of, real_to, ring_centres, ring_correlation


@pytest.fixture(scope="module")
def truth() -> NDArray:
    slices = short_axis_phantom(1, slices=2, size=192).acquired
    return slices[0].astype(np.float64) / 1000


@pytest.fixture(scope="module")
def low(truth: NDArray) -> NDArray:
    """The truth without what lies beyond half of its band."""
    return zero_fill(kspace_truncate(truth, 2), 2)


def test_an_image_agrees_with_itself_at_all_frequencies(truth: NDArray) -> None:
    assert ring_correlation(truth, truth, 2) == pytest.approx(1.0)
    assert real_to(ring_correlation(truth, truth, 2)) == ring_centres()[-1]


def test_true_detail_is_real_and_foreign_detail_is_not(truth: NDArray, low: NDArray) -> None:
    foreign = low + (truth - low)[::-1, ::-1]
    beyond = ring_centres() > 1.5  # where the acquired square has no corners left
    assert ring_correlation(foreign, truth, 2)[~beyond][:5] == pytest.approx(1.0, abs=0.02)
    assert np.abs(ring_correlation(foreign, truth, 2)[beyond]).max() < 0.3
    assert real_to(ring_correlation(foreign, truth, 2)) < 1.5


def test_a_frequency_of_half_a_correlation_lies_between_the_rings() -> None:
    falling = np.where(ring_centres() < 1, 1.0, 0.0)
    assert real_to(falling) == pytest.approx(1.0)
    assert real_to(np.zeros(12)) == 0.0


def test_patches_with_foreign_detail_are_found_where_they_are(truth: NDArray, low: NDArray) -> None:
    random = np.random.default_rng(0).normal(0, 0.05, truth.shape)
    image = truth.copy()
    image[:, 96:] = (low + random - zero_fill(kspace_truncate(random, 2), 2))[:, 96:]
    patches = patches_of(image, truth, 2)
    left, right = patches.corner[:, 1] + 32 <= 96, patches.corner[:, 1] >= 96
    assert not patches.invented[left].any()
    assert patches.correlation[left & patches.seen] == pytest.approx(1.0, abs=0.05)
    assert patches.seen[right].all()
    assert patches.invented[right].mean() > 0.6
    assert patches.doubtful[right].mean() > 0.9
    assert not patches.doubtful[left].any()


def test_zero_filling_adds_no_detail_that_can_be_seen(truth: NDArray, low: NDArray) -> None:
    assert not patches_of(low, truth, 2).seen.any()


def test_patches_are_kept_by_their_centre(truth: NDArray) -> None:
    where = np.zeros(truth.shape, dtype=bool)
    where[64:, :] = True
    patches = patches_of(truth, truth, 2, where)
    assert patches.corner[:, 0].min() == 48
    assert len(patches.corner) < len(patches_of(truth, truth, 2).corner)


def test_hfen_is_zero_for_the_truth_and_one_where_all_detail_is_missing(truth: NDArray, low: NDArray) -> None:
    assert hfen(truth, truth) == 0.0
    assert hfen(np.full_like(truth, truth.mean()), truth) == pytest.approx(1.0, abs=1e-9)
    assert 0.0 < hfen(low, truth) < 1.0
