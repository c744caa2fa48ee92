"""Padding values bend no intensity map, ring into nothing, and are there again at the end."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import slicer
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from DURNSuperResLib import upscale_slices
from DURNSuperResLib.core.signal.intensity import IntensityMap
from DURNSuperResLib.core.signal.padding import padding_of
from DURNSuperResLib.core.signal.resampling import bicubic_upscale
from DURNSuperResLib.scene.sequences import add_item, items_of, new_sequence, upscale_sequence
from DURNSuperResLib.scene.volumes import upscale_volume


def padded(image: NDArray, value: float, share: float = 0.05) -> NDArray:
    """The image with a border of padding on the left."""
    result = image.copy()
    result[..., : max(1, round(share * image.shape[-1]))] = value
    return result


@pytest.fixture
def image() -> NDArray[np.int16]:
    rows, columns = np.mgrid[:40, :60]
    values = 300 + 250 * np.sin(rows / 5.0) * np.cos(columns / 7.0)
    return np.stack([values, values + 40, values + 80]).astype(np.int16)


@pytest.mark.parametrize("value", [-32768, -4000, 32767])
@pytest.mark.parametrize("share", [0.02, 0.05, 0.3])
def test_a_value_far_from_all_others_is_padding(image: NDArray, value: int, share: float) -> None:
    found = padding_of([padded(image, value, share)])
    assert found is not None
    rest = image[..., max(1, round(share * 60)) :]
    assert (found.value, found.nearest) == (value, rest.min() if value < 0 else rest.max())
    clean, bent = IntensityMap.of(rest), IntensityMap.of(padded(image, value, share))
    assert_allclose([bent.offset, bent.width], [clean.offset, clean.width])


@pytest.mark.parametrize(
    "other",
    [
        lambda image: image,
        lambda image: np.where(image < 250, 0, image),  # a dark ground is no padding
        lambda image: padded(image, -200),
        lambda image: np.where(np.arange(60) == 30, 32767, image)[..., :1].repeat(60, -1),
        lambda image: np.zeros_like(image) + 7,
        lambda image: (image > 300).astype(np.int16) * 1000,
    ],
)
def test_other_images_have_none(image: NDArray, other: Callable[[NDArray], NDArray]) -> None:
    assert padding_of([other(image)]) is None


def test_a_single_bright_voxel_is_no_padding(image: NDArray) -> None:
    image[0, 3, 4] = 30000
    assert padding_of([image]) is None


@pytest.mark.parametrize("method", ["bicubic", "durn"])
@pytest.mark.parametrize("cine", [False, True])
def test_an_image_is_enlarged_as_if_its_padding_were_not_there(
    make_node: Callable, image: NDArray, method: str, cine: bool
) -> None:
    enlarged = []
    edge = 3
    filled = padded(image, int(image[..., edge:].min()))
    for voxels in (filled, padded(image, -32768)):
        if cine:
            sequence = new_sequence("cine", "TriggerTime", "ms")
            for n in range(2):
                add_item(sequence, voxels + np.int16(n * 5) * (voxels > -32768), np.diag([1.4, 1.4, 8, 1]), str(n))
            node = items_of(upscale_sequence(sequence, method=method))[1]
        else:
            node = upscale_volume(make_node(voxels), method=method)
        enlarged.append(slicer.util.arrayFromVolume(node).copy())
    whole, with_padding = enlarged
    assert (with_padding[..., : 2 * edge] == -32768).all()
    within = slice(2 * edge, None) if method == "bicubic" else slice(2 * edge + 12, None)  # the maps differ a little
    assert_allclose(with_padding[..., within], whole[..., within], atol=4 if method == "durn" else 0.5)


@pytest.mark.parametrize("method", ["bicubic", "durn"])
def test_padding_of_slices_without_a_node_does_not_ring_either(image: NDArray, method: str) -> None:
    whole = upscale_slices(padded(image, int(image[..., 3:].min())), method=method)
    with_padding = upscale_slices(padded(image, -32768), method=method)
    assert (with_padding[..., :6] == -32768).all()
    assert_allclose(with_padding[..., 6:], whole[..., 6:], atol=4 if method == "durn" else 0.5)


@pytest.mark.parametrize("other", [-32768, 300], ids=["a phase of nothing else", "a phase with hardly any"])
@pytest.mark.parametrize("method", ["bicubic", "durn"])
def test_padding_is_that_of_the_whole_cine(image: NDArray, method: str, other: int) -> None:
    sequence = new_sequence("cine", "TriggerTime", "ms")
    unlike = image.copy() if other > 0 else np.full_like(image, other)
    unlike[0, 0, :2] = -32768
    for n, voxels in enumerate((padded(image, -32768), unlike)):
        add_item(sequence, voxels, np.diag([1.4, 1.4, 8, 1]), str(n))
    enlarged = slicer.util.arrayFromVolume(items_of(upscale_sequence(sequence, method=method))[1])
    expected = (unlike == -32768).repeat(2, axis=1).repeat(2, axis=2)
    assert ((enlarged == -32768) == expected).all()
    assert (enlarged[~expected] > 0).all()


def test_what_is_no_padding_of_the_whole_cine_is_none_of_a_phase(image: NDArray) -> None:
    sequence = new_sequence("cine", "TriggerTime", "ms")
    bright = padded(image, 5000)  # as another phase is all over
    for n, voxels in enumerate((bright, 9 * image)):
        add_item(sequence, voxels, np.diag([1.4, 1.4, 8, 1]), str(n))
    enlarged = slicer.util.arrayFromVolume(items_of(upscale_sequence(sequence, method="bicubic"))[0])
    assert_allclose(enlarged, bicubic_upscale(bright.astype(np.float32), 2), atol=0.01)


@pytest.mark.parametrize("value", [-np.finfo(np.float64).max, 1e300])
def test_padding_beyond_the_type_of_the_result_stays_finite(make_node: Callable, image: NDArray, value: float) -> None:
    result = upscale_volume(make_node(padded(image.astype(np.float64), value)), method="bicubic")
    largest = np.finfo(np.float32).max
    assert (slicer.util.arrayFromVolume(result)[..., :6] == np.clip(value, -largest, largest)).all()


def test_padding_is_told(make_node: Callable, image: NDArray) -> None:
    result = upscale_volume(make_node(padded(image, -32768)), method="durn")
    said = result.GetAttribute("DURNSuperRes.Domain")
    assert "5.0 % of the voxels hold the padding value -32768, and keep it" in said
    assert "negative" not in said
