"""The engine: batches, tiles, memory, devices, cancel, and input it refuses."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from DURNSuperResLib import Cancelled, Upscaling, upscale_slices
from DURNSuperResLib.core.engine import Enlarged, enlarge
from DURNSuperResLib.core.monitor import Monitor
from DURNSuperResLib.core.network import inference
from DURNSuperResLib.core.network.inference import DeviceError, Run, resolve_precision, tiles
from DURNSuperResLib.core.network.memory import given_back
from DURNSuperResLib.core.network.models import ModelCard, ModelError, available_models, model_for
from DURNSuperResLib.core.network.network import Durn, DurnConfig
from DURNSuperResLib.core.signal.intensity import IntensityMap
from DURNSuperResLib.core.signal.kspace import kspace_truncate
from DURNSuperResLib.core.signal.quality import psnr
from DURNSuperResLib.core.signal.resampling import bicubic_downscale
from DURNSuperResLib.evaluation.protocols import centre_crop, normalised
from DURNSuperResLib.evaluation.test_sets import sunnybrook_validation

CPU = torch.device("cpu")
QUIET = Monitor()
Degrade = Callable[[NDArray, int], NDArray]


def as_float32(values: NDArray) -> NDArray[np.float32]:
    return values.astype(np.float32)


def run_with(network: Durn, images: NDArray, batch_pixels: int = 2**16, largest_pass: int = 2**22) -> NDArray:
    return Run(network, CPU, torch.float32, batch_pixels, largest_pass).over(images, as_float32, QUIET)


@pytest.fixture(scope="module")
def small_network() -> Durn:
    """A single-URN network whose receptive field is small beside a test image."""
    torch.manual_seed(0)
    return Durn(DurnConfig(2, (8, 16), urns=1, bicubic_skip=True)).eval()


@pytest.fixture(scope="module")
def bundled_network() -> Durn:
    return inference._load(model_for(2)).eval()


@pytest.fixture(scope="module")
def images() -> NDArray[np.float32]:
    return np.random.default_rng(0).random((8, 48, 40), dtype=np.float32)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64, bool])
@pytest.mark.parametrize("method", ["durn", "bicubic"])
def test_any_real_dtype_comes_back_as_float32_in_input_units(heart_slices, dtype: type, method: str) -> None:
    slices = (heart_slices / 6).astype(dtype) if dtype is not bool else heart_slices > 500
    result = upscale_slices(slices, 2, method=method)
    assert result.dtype == np.float32
    assert result.shape == (3, 128, 128)
    reduced = result.reshape(3, 64, 2, 64, 2).mean(axis=(2, 4))
    assert abs(reduced.mean() - slices.mean()) < 0.02 * np.ptp(slices.astype(float))


def test_batches_of_eight_equal_eight_batches_of_one(bundled_network: Durn, images: NDArray) -> None:
    one = run_with(bundled_network, images, batch_pixels=1)
    eight = run_with(bundled_network, images, batch_pixels=8 * 48 * 40)
    assert_allclose(eight, one, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [(150, 171), (300, 60)])
def test_tiles_equal_the_whole_slice(small_network: Durn, size: tuple[int, int]) -> None:
    image = np.random.default_rng(1).random((2, *size), dtype=np.float32)
    radius = small_network.config.receptive_radius
    tiled = run_with(small_network, image, largest_pass=(40 + 2 * radius) ** 2)
    assert len(list(tiles(*size, (40 + 2 * radius) ** 2, radius))) > 4
    assert_allclose(tiled, run_with(small_network, image), rtol=1e-5, atol=1e-5)


def test_tiles_of_the_bundled_network_equal_the_whole_slice(bundled_network: Durn) -> None:
    image = np.random.default_rng(2).random((1, 230, 90), dtype=np.float32)
    tiled = run_with(bundled_network, image, largest_pass=20_000)
    assert_allclose(tiled, run_with(bundled_network, image), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [(33, 41), (200, 200), (1, 500)])
def test_tiles_keep_every_pixel_once(size: tuple[int, int]) -> None:
    seen = np.zeros(size, dtype=int)
    for tile in tiles(*size, largest_pass=1000, radius=5):
        seen[tile.kept] += 1
    assert (seen == 1).all()


class LittleMemory(torch.nn.Module):
    """Stands in for a device with little memory: fails above a number of pixels, as torch does."""

    def __init__(self, network: Durn, pixels: int, words: str = "can't allocate memory: you tried to allocate") -> None:
        super().__init__()
        self.network, self.config, self.pixels, self.passes = network, network.config, pixels, []
        self.words = words

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.passes.append(x.numel())
        if x.numel() > self.pixels:
            raise RuntimeError(f"[enforce fail] DefaultCPUAllocator: {self.words}")
        return self.network(x)


@pytest.mark.parametrize("pixels", [3 * 48 * 40, 48 * 40])
def test_out_of_memory_halves_the_batch(small_network: Durn, images: NDArray, pixels: int) -> None:
    little = LittleMemory(small_network, pixels)
    result = run_with(little, images, batch_pixels=8 * 48 * 40)
    assert little.passes[0] == 8 * 48 * 40
    assert max(little.passes[4:]) <= pixels
    assert_allclose(result, run_with(small_network, images), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "words",
    ["not enough memory: you tried to allocate 123 bytes.", "std::bad_alloc", "CUDNN_STATUS_ALLOC_FAILED"],
    ids=["Windows", "C++", "cuDNN"],
)
def test_out_of_memory_is_known_by_the_words_of_each_system(small_network: Durn, images: NDArray, words: str) -> None:
    result = run_with(LittleMemory(small_network, 48 * 40, words), images, batch_pixels=8 * 48 * 40)
    assert_allclose(result, run_with(small_network, images), rtol=1e-5, atol=1e-5)


def test_out_of_memory_for_one_slice_goes_on_with_tiles(small_network: Durn) -> None:
    image = np.random.default_rng(3).random((2, 160, 160), dtype=np.float32)
    little = LittleMemory(small_network, 160 * 160 // 2)
    assert_allclose(run_with(little, image), run_with(small_network, image), rtol=1e-5, atol=1e-5)
    assert min(little.passes) < 160 * 160 // 2


def test_out_of_memory_for_the_smallest_tile_is_an_error(small_network: Durn, images: NDArray) -> None:
    with pytest.raises(MemoryError, match="not enough memory"):
        run_with(LittleMemory(small_network, 10), images)


def test_a_result_without_room_says_how_much_memory_it_needs() -> None:
    with pytest.raises(MemoryError, match="not enough memory for a result of 1048576000000 MiB"):
        given_back((10**6, 2**19, 2**19))


def test_other_failures_of_the_network_are_not_taken_for_memory(images: NDArray) -> None:
    class Broken(torch.nn.Module):
        config = DurnConfig(2)

        def forward(self, _: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match="something else"):
        run_with(Broken(), images)


@pytest.mark.parametrize("method", ["durn", "bicubic"])
def test_progress_counts_every_slice(heart_slices: NDArray, method: str) -> None:
    steps: list[tuple[int, int]] = []
    upscale_slices(heart_slices, 2, method=method, progress=lambda done, total: steps.append((done, total)))
    assert steps[-1] == (3, 3)
    assert [done for done, _ in steps] == sorted({done for done, _ in steps})


def test_equal_slices_are_computed_once(heart_slices: NDArray) -> None:
    empty = np.zeros_like(heart_slices[0])
    stack = np.stack([empty, heart_slices[0], empty, heart_slices[1], heart_slices[0], empty])
    steps: list[tuple[int, int]] = []
    how = {"precision": "float32", "intensity": IntensityMap.of(stack)}
    result = upscale_slices(stack, 2, progress=lambda done, total: steps.append((done, total)), **how)
    assert steps[-1] == (3, 3)
    alone = [upscale_slices(image[None], 2, **how)[0] for image in stack]
    assert_allclose(result, alone, atol=1e-3)


@pytest.mark.parametrize("method", ["durn", "bicubic"])
def test_cancel_stops_before_the_next_batch(method: str) -> None:
    steps: list[int] = []
    slices = np.random.default_rng(0).random((4, 256, 256))
    with pytest.raises(Cancelled):
        upscale_slices(
            slices, 2, method=method, progress=lambda done, _: steps.append(done), cancelled=lambda: bool(steps)
        )
    assert steps == [1]


def test_a_shift_and_gain_of_the_input_pass_through(heart_slices: NDArray) -> None:
    plain, other = (
        upscale_slices(slices, 2, precision="float32") for slices in (heart_slices, 3 * heart_slices - 2000)
    )
    assert_allclose(other, 3 * plain - 2000, atol=0.05)


def test_slices_keep_their_relative_intensities() -> None:
    bright = np.random.default_rng(0).random((1, 48, 48)) * 800 + 200
    result = upscale_slices(np.concatenate([bright, bright / 10]), 2)
    assert result[1].mean() == pytest.approx(result[0].mean() / 10, rel=0.02)


@pytest.mark.parametrize("degrade", [bicubic_downscale, kspace_truncate])
@pytest.mark.parametrize("card", available_models(), ids=lambda card: card.name)
def test_bfloat16_is_within_a_hundredth_of_a_decibel_on_patients(data: Path, card: ModelCard, degrade: Degrade) -> None:
    for _, image in sunnybrook_validation(data).images[::9]:
        truth = normalised(centre_crop(image, 144))
        low = degrade(truth, card.scale)[None]
        exact, rough = in_both_precisions(low, card)
        assert abs(psnr(exact.image[0].clip(0, 1), truth) - psnr(rough.image[0].clip(0, 1), truth)) < 0.01


@pytest.mark.parametrize("card", available_models(), ids=lambda card: card.name)
def test_bfloat16_moves_one_pixel_in_a_thousand_by_three_thousandths_of_the_range(data: Path, card: ModelCard) -> None:
    """No pixel would be better, and is out of reach: the rounding of the weights alone moves some by more."""
    off, pixels = 0, 0
    for _, image in sunnybrook_validation(data).images[::30]:
        exact, rough = in_both_precisions(image[None], card)
        difference = np.abs(exact.image - rough.image) / np.ptp(image.astype(float))
        off, pixels = off + int((difference > 0.003).sum()), pixels + difference.size
        assert difference.max() < 0.02
        assert exact.errors is not None
        assert rough.errors is not None
        assert rough.errors.within.body == pytest.approx(exact.errors.within.body, rel=0.02)
    assert off < pixels / 1000


def in_both_precisions(slices: NDArray, card: ModelCard) -> tuple[Enlarged, Enlarged]:
    how = Upscaling(scale=card.scale, model=card.family, device="cpu", precision="float32")
    return enlarge(slices, how), enlarge(slices, dataclasses.replace(how, precision="bfloat16"))


@pytest.mark.parametrize(("has", "expected"), [(True, torch.bfloat16), (False, torch.float32)])
def test_auto_is_bfloat16_where_the_processor_computes_in_it(
    monkeypatch: pytest.MonkeyPatch, has: bool, expected: torch.dtype
) -> None:
    monkeypatch.setattr(inference, "has_bfloat16", lambda: has)
    assert resolve_precision("auto", CPU) == expected
    assert resolve_precision("float32", CPU) == torch.float32
    assert resolve_precision("auto", torch.device("cuda")) == torch.float16


def test_a_run_says_the_precision_that_auto_has_taken(heart_slices: NDArray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference, "has_bfloat16", lambda: True)
    told: list[str] = []
    upscale_slices(heart_slices, device="cpu", announce=told.append)
    upscale_slices(heart_slices, device="cpu", precision="float32", announce=told.append)
    assert told == ["durn-light-x2 on CPU, bfloat16", "durn-light-x2 on CPU, float32"]


def test_bfloat16_is_as_good_as_float32(heart_slices: NDArray) -> None:
    exact = upscale_slices(heart_slices, 2, precision="float32")
    rough = upscale_slices(heart_slices, 2, precision="bfloat16")
    assert psnr(rough, exact, peak=1000).min() > 50


@pytest.mark.parametrize(
    ("slices", "reason"),
    [
        (np.zeros((4, 4)), "n, rows, columns"),
        (np.zeros((0, 4, 4)), "no empty axis"),
        (np.zeros((1, 4, 4), dtype=complex), "real numbers"),
        (np.array([[["a"]]]), "real numbers"),
        (np.array([[[1.0, np.nan], [np.inf, 0.0]]]), "2 of 4 voxels"),
        (np.ones((2, 5, 5)), "constant"),
        (1e37 * np.arange(32.0).reshape(2, 4, 4), "too far for float32"),
        (1e-39 * np.arange(32.0).reshape(2, 4, 4), "too near for float32"),
    ],
)
def test_unusable_slices_are_refused(slices: NDArray, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        upscale_slices(slices)


@pytest.mark.parametrize(
    "option",
    [{"scale": 5}, {"scale": 2.5}, {"method": "lanczos"}, {"device": "tpu"}, {"precision": "int8"}]
    + [{"acquired": acquired} for acquired in ("160", (160, 224), None)],
)
def test_unknown_options_are_refused(heart_slices: NDArray, option: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(option))):
        upscale_slices(heart_slices, **option)


@pytest.mark.parametrize("scale", [2.0, np.float32(2), np.int64(2)])
def test_a_scale_may_be_any_kind_of_number(heart_slices: NDArray, scale: float) -> None:
    assert Upscaling(scale=scale).label == "DURN x2"
    assert upscale_slices(heart_slices, scale, method="bicubic").shape == (3, 128, 128)


def test_float16_on_the_cpu_is_refused(heart_slices: NDArray) -> None:
    with pytest.raises(ValueError, match="float16 needs CUDA"):
        upscale_slices(heart_slices, device="cpu", precision="float16")


@pytest.mark.parametrize("architecture", [{"scale": 2, "unknown": 1}, {"scale": 2, "urns": 5}, {"scale": 3}])
def test_weights_that_do_not_fit_their_card_are_named(architecture: dict) -> None:
    card = dataclasses.replace(model_for(2), architecture=architecture)
    with pytest.raises(ModelError, match="do not fit their card"):
        inference._load(card)


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA works here")
def test_cuda_where_there_is_none_is_an_error(heart_slices: NDArray) -> None:
    with pytest.raises(DeviceError, match="CUDA was asked for"):
        upscale_slices(heart_slices, device="cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", ["auto", "float32", "bfloat16"])
def test_cuda_agrees_with_the_cpu(heart_slices: NDArray, precision: str) -> None:
    on_cpu = upscale_slices(heart_slices, device="cpu")
    assert psnr(upscale_slices(heart_slices, device="cuda", precision=precision), on_cpu, peak=1000).min() > 50


def test_items_with_one_map_equal_the_whole_cine(heart_slices: NDArray) -> None:
    crops = heart_slices[:, 16:48, 16:48]
    common = IntensityMap.of(crops)
    items = np.concatenate([upscale_slices(crops[n : n + 1], 2, intensity=common) for n in range(len(crops))])
    assert_allclose(items, upscale_slices(crops, 2), atol=1e-4 * common.width)
    flat = upscale_slices(np.full((1, 24, 24), common.offset), 2, intensity=common)
    assert np.isfinite(flat).all()


def test_an_unknown_model_is_named_and_those_there_are_listed() -> None:
    with pytest.raises(ModelError, match=r"no model 'durn-heavy' \(bundled: .*durn-light x2, x3, x4"):
        upscale_slices(np.eye(32)[None], model="durn-heavy")
    assert upscale_slices(np.eye(32)[None], method="bicubic", model="durn-heavy").shape == (1, 64, 64)
