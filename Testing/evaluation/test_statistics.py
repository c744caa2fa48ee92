"""Intervals, paired tests and limits of agreement against what can be computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from DURNSuperResLib.evaluation.statistics import agreement, interval, paired_test


def test_an_interval_holds_the_mean_and_narrows_with_more_patients() -> None:
    few, many = (interval(np.random.default_rng(4).normal(10, 2, n)) for n in (5, 200))
    assert few.low < few.mean < few.high
    assert many.high - many.low < (few.high - few.low) / 2
    assert (many.high - many.low) / 2 == pytest.approx(1.96 * 2 / np.sqrt(200), rel=0.15)


def test_an_interval_is_the_same_each_time_and_one_patient_has_none() -> None:
    values = [3.0, 1.0, 4.0, 1.0, 5.0]
    assert interval(values) == interval(values)
    assert interval([2.0]).low is None
    with pytest.raises(ValueError, match="no patient"):
        interval([])


def test_all_of_five_patients_better_is_two_of_thirty_two_patterns() -> None:
    assert paired_test([1, 2, 3, 4, 5], [2, 3, 4, 5, 7]) == 2 / 32
    assert paired_test([1, 2, 3, 4], [1, 2, 3, 4]) == 1.0
    assert paired_test([1.0, 2.0], [2.0, 1.0]) == 1.0


def test_many_patients_are_tested_by_random_patterns_alike() -> None:
    random = np.random.default_rng(1)
    a, noise = random.normal(size=40), random.normal(size=40)
    assert paired_test(a, a + 2 + 0.1 * noise) < 0.001
    assert paired_test(a, a + noise - noise.mean()) > 0.9
    with pytest.raises(ValueError, match="pairs"):
        paired_test([1.0], [1.0, 2.0])


def test_limits_of_agreement() -> None:
    found = agreement([11.0, 12.0, 13.0], [10.0, 10.0, 10.0])
    assert (found.bias, found.count) == (2.0, 3)
    assert (found.low, found.high) == pytest.approx((2 - 1.96, 2 + 1.96))
    with pytest.raises(ValueError, match="two pairs"):
        agreement([1.0], [1.0])
