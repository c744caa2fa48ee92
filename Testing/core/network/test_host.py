"""What else a process does with torch, as Slicer with other extensions, changes no result and is left as it is."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from DURNSuperResLib import Upscaling
from DURNSuperResLib.core.engine import enlarge
from DURNSuperResLib.core.monitor import Monitor
from DURNSuperResLib.core.network import inference
from DURNSuperResLib.core.network.inference import Run

CPU = torch.device("cpu")
HOW = Upscaling(device="cpu", precision="float32", uncertainty=True)
SECONDS = 30.0


@pytest.fixture
def image() -> NDArray[np.float32]:
    return np.random.default_rng(0).random((1, 60, 40), dtype=np.float32)


@pytest.fixture(autouse=True)
def nothing_loaded() -> Iterator[None]:
    inference._loaded.clear()
    yield
    inference._loaded.clear()


@pytest.mark.parametrize("tiled", [False, True])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_another_default_dtype_changes_no_voxel(
    image: NDArray, dtype: torch.dtype, tiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if tiled:
        monkeypatch.setitem(inference.LARGEST_PASS, "cpu", 900)
    expected = enlarge(image, HOW)
    inference._loaded.clear()
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        found = enlarge(image, HOW)
    finally:
        torch.set_default_dtype(before)
    assert_array_equal(found.image, expected.image)
    assert_array_equal(found.half_width, expected.half_width)


def test_mixed_precision_around_a_run_changes_no_voxel(image: NDArray) -> None:
    expected = enlarge(image, HOW)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = enlarge(image, HOW)
    assert_array_equal(found.image, expected.image)
    assert_array_equal(found.half_width, expected.half_width)


def test_no_random_number_of_the_caller_is_used_up(image: NDArray) -> None:
    before = torch.get_rng_state()
    enlarge(image, HOW)
    assert torch.equal(torch.get_rng_state(), before)


def test_two_runs_at_once_leave_the_settings_of_cudnn() -> None:
    entered, ended = threading.Event(), threading.Event()

    class First(torch.nn.Module):
        config = inference.Durn().config

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            assert entered.wait(SECONDS)
            return images.repeat(1, 1, 2, 2)

    class Second(First):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            entered.set()
            assert ended.wait(SECONDS)
            return images.repeat(1, 1, 2, 2)

    def run(network: torch.nn.Module) -> None:
        Run(network, CPU, torch.float32, 2**16, 2**22).over(np.ones((1, 8, 8), np.float32), np.float32, Monitor())

    before = torch.backends.cudnn.benchmark
    threads = [threading.Thread(target=run, args=(network,)) for network in (First(), Second())]
    for thread in threads:
        thread.start()
    threads[0].join(SECONDS)
    ended.set()
    threads[1].join(SECONDS)
    assert torch.backends.cudnn.benchmark == before


def test_a_network_that_another_thread_puts_in_its_place_does_not_matter(
    image: NDArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    class OfTwoThreads(dict):
        """Each network that is put here is replaced at once by that of another thread."""

        def __setitem__(self, key: object, network: object) -> None:
            super().__setitem__("another", network)

    expected = enlarge(image, HOW).image
    monkeypatch.setattr(inference, "_loaded", OfTwoThreads())
    assert_allclose(enlarge(image, HOW).image, expected)
