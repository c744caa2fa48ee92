"""The error head and its error bars: beside the network and not in it, in one pass, calibrated by the card."""

from __future__ import annotations

import dataclasses
import logging

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from DURNSuperResLib.core.engine import enlarge
from DURNSuperResLib.core.monitor import Monitor
from DURNSuperResLib.core.network import inference
from DURNSuperResLib.core.network.error_bars import ALL_WAYS, ErrorBars, Errors, factor_of
from DURNSuperResLib.core.network.error_head import ErrorHead, ErrorHeadConfig, expected_error, laplace_loss
from DURNSuperResLib.core.network.fused import FusedDurn
from DURNSuperResLib.core.network.inference import Run, _load, load_error_head
from DURNSuperResLib.core.network.models import ModelCard, ModelError, available_models, model_for
from DURNSuperResLib.core.options import LEVELS
from DURNSuperResLib.core.signal.measured import Measured
from DURNSuperResLib.core.upscaling import Upscaling

CPU = torch.device("cpu")
WITH_HEAD = [card for card in available_models() if card.error_head is not None]


def head_of(card: ModelCard) -> ErrorHead:
    head = load_error_head(card)
    assert head is not None
    return head


def test_models_of_all_scales_have_error_bars_of_all_levels() -> None:
    for scale in (2, 3, 4):
        factors = [factor_of(model_for(scale), level) for level in LEVELS]
        assert None not in factors
        assert factors == sorted(factors)  # type: ignore[type-var]


@pytest.mark.parametrize("card", WITH_HEAD, ids=lambda card: card.name)
def test_the_image_is_the_same_with_the_head_and_without(card: ModelCard) -> None:
    network, images = _load(card), torch.rand(2, 1, 40, 56)
    assert not any(name.startswith("error.") for name in card.load_state_dict())
    fused = FusedDurn(network, CPU, error_head=head_of(card))
    image, error = fused.with_error(images)
    assert torch.equal(image, FusedDurn(network, CPU)(images))
    assert error.shape == image.shape
    assert (error > 0).all()


@pytest.mark.parametrize("card", WITH_HEAD, ids=lambda card: card.name)
def test_the_fused_head_equals_the_head(card: ModelCard) -> None:
    network, head, images = _load(card).eval(), head_of(card), torch.rand(1, 1, 40, 56)
    with torch.inference_mode():
        expected = expected_error(head(network.features(images), images))
    fused = FusedDurn(network, CPU, error_head=head)
    torch.testing.assert_close(fused.with_error(images)[1], expected, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(fused.on(CPU, torch.bfloat16).with_error(images)[1], expected, rtol=0.3, atol=0.01)


def test_tiles_give_the_errors_of_the_whole_slice() -> None:
    card = model_for(2)
    network = FusedDurn(_load(card), CPU, error_head=head_of(card))
    image = np.random.default_rng(0).random((1, 150, 190), dtype=np.float32)
    whole, tiled = (ErrorBars(1.0, 0.9, 1.0, keep=True) for _ in range(2))
    for bars, largest_pass in ((whole, 2**22), (tiled, 20_000)):
        Run(network, CPU, torch.float32, 2**16, largest_pass).over(image, np.float32, Monitor(), bars=bars)
    assert whole.expected is not None
    assert tiled.expected is not None
    assert_allclose(tiled.expected, whole.expected, rtol=1e-3, atol=1e-6)
    assert abs(tiled.counts - whole.counts).sum() <= 0.01 * whole.counts.sum()


def test_half_widths_have_the_units_of_the_image(heart_slices: NDArray) -> None:
    slices = heart_slices[:1, :48, :48].astype(np.float32)
    how = Upscaling(uncertainty=True, precision="float32")
    plain, scaled = enlarge(slices, how), enlarge(5 * slices + 1000, how)
    assert plain.half_width is not None
    assert scaled.half_width is not None
    assert_allclose(scaled.half_width, 5 * plain.half_width, rtol=1e-2)
    assert plain.half_width.shape == plain.image.shape
    assert plain.half_width.dtype == np.float32


def test_a_higher_level_is_wider_by_the_factors_of_the_card(heart_slices: NDArray) -> None:
    slices = heart_slices[:1, :48, :48]
    half, most = (enlarge(slices, Upscaling(uncertainty=True, uncertainty_level=level)) for level in (0.5, 0.95))
    low, high = (factor_of(model_for(2), level) for level in (0.5, 0.95))
    assert low is not None
    assert high is not None
    assert half.half_width is not None
    assert_allclose(most.half_width, half.half_width * (high / low), rtol=1e-4)


def test_without_being_asked_a_run_knows_the_distribution_only(heart_slices: NDArray) -> None:
    slices = heart_slices[:2, :48, :48]
    asked, not_asked = (enlarge(slices, Upscaling(uncertainty=asked)) for asked in (True, False))
    assert not_asked.half_width is None
    assert asked.errors is not None
    assert not_asked.errors is not None
    assert (asked.errors.counts == not_asked.errors.counts).all()
    assert_allclose(asked.image, not_asked.image)
    assert enlarge(slices, Upscaling(method="bicubic")).errors is None


def test_error_bars_reach_the_grid_that_was_asked_for(heart_slices: NDArray) -> None:
    slices = heart_slices[:1, :48, :64]
    measured = Measured.of([slices], "36x40")
    found = enlarge(slices, Upscaling(uncertainty=True), measured=measured)
    assert found.half_width is not None
    assert found.half_width.shape == found.image.shape == (1, 96, 128)
    assert found.half_width.min() > 0


def test_equal_slices_have_equal_error_bars(heart_slices: NDArray) -> None:
    one, other = heart_slices[0, :40, :40], heart_slices[1, :40, :40]
    found = enlarge(np.stack([one, other, one]), Upscaling(uncertainty=True)).half_width
    assert found is not None
    assert np.array_equal(found[0], found[2])
    assert not np.array_equal(found[0], found[1])


def test_a_head_that_does_not_fit_its_card_is_named() -> None:
    card = model_for(2)
    details = {
        **card.details,
        "error_head": {**card.details["error_head"], "architecture": {"scale": 2, "features": 7}},
    }
    with pytest.raises(ModelError, match="does not fit its card"):
        load_error_head(dataclasses.replace(card, details=details))


def test_a_model_without_a_head_enlarges_and_refuses_error_bars(
    heart_slices: NDArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = model_for(2)
    bare = dataclasses.replace(card, details={k: v for k, v in card.details.items() if k != "error_head"})
    monkeypatch.setattr("DURNSuperResLib.core.engine.model_for", lambda *_: bare)
    monkeypatch.setattr(inference, "_loaded", {})
    slices = heart_slices[:1, :32, :32]
    assert enlarge(slices).errors is None
    with pytest.raises(ModelError, match="has no error bars"):
        enlarge(slices, Upscaling(uncertainty=True))


def test_the_head_learns_the_expected_error() -> None:
    """Errors of a Laplace distribution whose scale is the image's brightness are told from it."""
    torch.manual_seed(0)
    head = ErrorHead(ErrorHeadConfig(2, 3, 8))
    optimizer = torch.optim.Adam(head.parameters(), 1e-2)
    for _ in range(300):
        images = torch.rand(4, 1, 1, 1).expand(4, 1, 12, 12) * 0.3 + 0.05
        error = -torch.log(torch.rand(4, 1, 24, 24)) * images.repeat(1, 1, 2, 2)
        loss = laplace_loss(head(torch.zeros(4, 3, 12, 12), images), error)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for brightness in (0.08, 0.3):
        image = torch.full((1, 1, 12, 12), brightness)
        found = expected_error(head(torch.zeros(1, 3, 12, 12), image))[..., 6:-6, 6:-6].mean().item()
        assert found == pytest.approx(brightness, rel=0.2)


def laplace_image(widths: NDArray) -> tuple[Errors, NDArray]:
    """The distribution of half-widths, and errors drawn from it, in a bright image."""
    bars = ErrorBars(factor=np.log(10), level=0.9, width=100.0, keep=False)
    image = np.full((1, *widths.shape), 0.5, dtype=np.float32)
    bars.add(image, widths[None].astype(np.float32))
    return bars.errors(2), 100 * np.random.default_rng(0).exponential(widths)


def test_the_line_holds_for_errors_as_the_bars_tell_them() -> None:
    widths = np.exp(np.random.default_rng(1).normal(-4, 1, (300, 300)))
    errors, drawn = laplace_image(widths)
    within = errors.within
    assert within is not None
    assert np.mean(drawn <= within.body) == pytest.approx(0.9, abs=0.01)
    assert (errors + errors).within == within
    with pytest.raises(ValueError, match="cannot be added"):
        errors + dataclasses.replace(errors, unit=1.0)


def test_an_image_without_a_body_has_no_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    bars = ErrorBars(1.0, 0.9, 1.0, keep=False)
    bars.add(np.zeros((1, 20, 20), dtype=np.float32), np.ones((1, 20, 20), dtype=np.float32))
    assert bars.errors(2).within is None


def test_the_card_says_how_many_patients_promise_how_much() -> None:
    for card in WITH_HEAD:
        assert card.error_head is not None
        calibration = card.error_head["calibration"]
        assert calibration["patients"] == len(calibration["without"]) == 5
        assert calibration["promise"]["0.9"] == pytest.approx(0.75)
        assert set(calibration["factors"]["0.9"]) > {ALL_WAYS, "bicubic", "kspace", "noise"} - {ALL_WAYS}
