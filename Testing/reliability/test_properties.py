"""What holds for every shape, type, spacing and direction, tried on drawn examples that are the same in every run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import slicer
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from DURNSuperResLib import upscale_slices
from DURNSuperResLib.scene.app import current_scene
from DURNSuperResLib.scene.nodes import ijk_to_ras_of
from DURNSuperResLib.scene.volumes import upscale_volume

DTYPES = (np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.float32, np.float64)
SCALES = (2, 3, 4)


@dataclass(frozen=True)
class Grid:
    """Where a volume's voxels lie: size and spacing along i, j, k, and IJK-to-RAS."""

    size: tuple[int, int, int]
    axis: int
    ijk_to_ras: NDArray[np.float64]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the voxels as an array ``(k, j, i)``."""
        return self.size[2], self.size[1], self.size[0]


@st.composite
def grids(draw: st.DrawFn, largest: int = 24, smallest: int = 2) -> Grid:
    """Any direction, left-handed ones too, any position, and slices across any axis."""
    axis = draw(st.integers(0, 2))
    size = list(draw(st.tuples(*[st.integers(smallest, largest)] * 2)))
    size.insert(axis, draw(st.integers(1, 3)))
    spacing = draw(st.tuples(*[st.floats(0.2, 12)] * 3))
    turns = draw(st.tuples(*[st.floats(-np.pi, np.pi)] * 3))
    directions = np.eye(3)
    for about, angle in enumerate(turns):
        a, b = (about + 1) % 3, (about + 2) % 3
        turn = np.eye(3)
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        directions = directions @ turn
    if draw(st.booleans()):
        directions[:, 2] *= -1
    matrix = np.eye(4)
    matrix[:3, :3] = directions * spacing
    matrix[:3, 3] = draw(st.tuples(*[st.floats(-500, 500)] * 3))
    return Grid((size[0], size[1], size[2]), axis, matrix)


def noise(shape: tuple[int, ...], dtype: type, seed: int) -> NDArray:
    """Voxels over most of the type's range, floats over that of MR images; never constant."""
    draw = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        values = draw.normal(300, 800, shape).astype(dtype)
    else:
        limits = np.iinfo(dtype)
        values = draw.integers(max(limits.min, -(2**20)), min(limits.max, 2**20), shape, dtype=dtype, endpoint=True)
    values.flat[0] = 100 if values.flat[-1] < 50 else 0
    return values


@contextmanager
def node_of(voxels: NDArray, grid: Grid) -> Iterator[slicer.vtkMRMLScalarVolumeNode]:
    """A volume in the scene, which is left as it was."""
    scene = current_scene()
    before = {scene.GetNthNode(n).GetID() for n in range(scene.GetNumberOfNodes())}
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "any")
    slicer.util.updateVolumeFromArray(node, voxels)
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(grid.ijk_to_ras))
    try:
        yield node
    finally:
        for other in [scene.GetNthNode(n) for n in range(scene.GetNumberOfNodes())]:
            if other.GetID() not in before and scene.IsNodePresent(other):
                scene.RemoveNode(other)


def corners(node: slicer.vtkMRMLScalarVolumeNode) -> NDArray[np.float64]:
    """RAS positions of the eight outer corners of a volume."""
    size = np.array(node.GetImageData().GetDimensions())
    ends = np.array(list(np.ndindex(2, 2, 2))) * size - 0.5
    return ends @ ijk_to_ras_of(node)[:3, :3].T + ijk_to_ras_of(node)[:3, 3]


def ras_ramp(shape: tuple[int, ...], ijk_to_ras: NDArray, slope: NDArray) -> NDArray[np.float64]:
    """A linear function of RAS position at each voxel centre of a ``(k, j, i)`` grid."""
    k, j, i = np.indices(shape)
    ras = np.einsum("ab,bkji->akji", ijk_to_ras[:3, :3], np.stack([i, j, k])) + ijk_to_ras[:3, 3, None, None, None]
    return np.einsum("a,akji->kji", slope, ras)


@settings(max_examples=100)
@given(
    shape=st.tuples(st.integers(1, 4), st.integers(1, 40), st.integers(2, 40)),
    dtype=st.sampled_from(DTYPES),
    scale=st.sampled_from(SCALES),
    seed=st.integers(0, 2**32 - 1),
    reversed_rows=st.booleans(),
)
def test_slices_of_any_shape_and_type_come_back_enlarged_and_finite(
    shape: tuple[int, int, int], dtype: type, scale: int, seed: int, reversed_rows: bool
) -> None:
    slices = noise(shape, dtype, seed)
    view = slices[:, ::-1] if reversed_rows else slices
    before = slices.tobytes()
    result = upscale_slices(view, scale, method="bicubic")
    assert result.shape == (shape[0], scale * shape[1], scale * shape[2])
    assert result.dtype == np.float32
    assert np.isfinite(result).all()
    assert slices.tobytes() == before
    reach = float(np.ptp(slices.astype(np.float64)))
    assert result.min() >= slices.min() - 0.6 * reach
    assert result.max() <= slices.max() + 0.6 * reach


@settings(max_examples=25)
@given(
    shape=st.tuples(st.integers(1, 2), st.integers(1, 14), st.integers(2, 14)),
    dtype=st.sampled_from(DTYPES),
    scale=st.sampled_from(SCALES),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_network_takes_any_shape_and_type(shape: tuple[int, int, int], dtype: type, scale: int, seed: int) -> None:
    slices = noise(shape, dtype, seed)
    before = slices.tobytes()
    result = upscale_slices(slices, scale, device="cpu")
    assert result.shape == (shape[0], scale * shape[1], scale * shape[2])
    assert np.isfinite(result).all()
    assert slices.tobytes() == before
    assert np.array_equal(upscale_slices(slices, scale, device="cpu"), result)


@settings(max_examples=100)
@given(
    voxels=arrays.arrays(st.sampled_from((np.float32, np.float64)), (1, 3, 4)),
    scale=st.sampled_from(SCALES),
)
def test_floats_of_any_size_are_refused_or_come_back_finite(voxels: NDArray, scale: int) -> None:
    for method in ("bicubic", "durn"):
        with contextlib.suppress(ValueError):
            assert np.isfinite(upscale_slices(voxels, scale, method=method, device="cpu")).all()


@settings(max_examples=100)
@given(
    gain=st.floats(0.01, 100).flatmap(lambda gain: st.sampled_from((gain, -gain))),
    shift=st.floats(-5000, 5000),
    scale=st.sampled_from(SCALES),
    seed=st.integers(0, 2**32 - 1),
)
def test_bicubic_commutes_with_gain_and_shift(gain: float, shift: float, scale: int, seed: int) -> None:
    slices = noise((2, 9, 11), np.float64, seed)
    expected = gain * upscale_slices(slices, scale, method="bicubic").astype(np.float64) + shift
    found = upscale_slices(gain * slices + shift, scale, method="bicubic")
    assert_allclose(found, expected, atol=1e-5 * (abs(gain) * 5000 + abs(shift)))


@settings(max_examples=25)
@given(
    gain=st.floats(0.01, 100), shift=st.floats(-5000, 5000), scale=st.sampled_from(SCALES), seed=st.integers(0, 2**32)
)
def test_the_network_commutes_with_gain_and_shift(gain: float, shift: float, scale: int, seed: int) -> None:
    slices = noise((1, 9, 11), np.float64, seed)
    expected = gain * upscale_slices(slices, scale, device="cpu").astype(np.float64) + shift
    found = upscale_slices(gain * slices + shift, scale, device="cpu")
    assert_allclose(found, expected, atol=1e-4 * (abs(gain) * 5000 + abs(shift)))


@settings(max_examples=100)
@given(
    grid=grids(),
    dtype=st.sampled_from(DTYPES),
    scale=st.sampled_from(SCALES),
    keep_type=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_field_of_view_type_and_input_of_any_volume_are_kept(
    grid: Grid, dtype: type, scale: int, keep_type: bool, seed: int
) -> None:
    voxels = noise(grid.shape, dtype, seed)
    with node_of(voxels, grid) as node:
        before, place = corners(node), ijk_to_ras_of(node)
        axis = "ijk"[grid.axis]
        output = upscale_volume(
            node, scale=scale, method="bicubic", slice_axis=axis, keep_type=keep_type, any_image=True
        )
        result = slicer.util.arrayFromVolume(output)
        factors = [1 if n == grid.axis else scale for n in range(3)]
        assert output.GetImageData().GetDimensions() == tuple(np.multiply(grid.size, factors))
        assert result.dtype == (dtype if keep_type else np.float32)
        assert np.isfinite(result).all()
        assert_allclose(corners(output), before, rtol=0, atol=1e-9 * 1000)
        assert np.array_equal(slicer.util.arrayFromVolume(node), voxels)
        assert np.array_equal(ijk_to_ras_of(node), place)


@settings(max_examples=100)
@given(
    grid=grids(smallest=6),
    scale=st.sampled_from(SCALES),
    slope=st.tuples(*[st.floats(-2, 2)] * 3).filter(lambda slope: max(map(abs, slope)) > 0.1),
)
def test_a_ramp_in_space_stays_where_it_is(grid: Grid, scale: int, slope: tuple[float, float, float]) -> None:
    ramp = ras_ramp(grid.shape, grid.ijk_to_ras, np.array(slope))
    assume(np.ptp(ramp) > 0.01)
    with node_of(ramp, grid) as node:
        axis = "ijk"[grid.axis]
        output = upscale_volume(node, scale=scale, method="bicubic", slice_axis=axis, any_image=True)
        result = slicer.util.arrayFromVolume(output)
        wanted = ras_ramp(result.shape, ijk_to_ras_of(output), np.array(slope))
        inside = tuple(slice(None) if 2 - n == grid.axis else slice(2 * scale, -2 * scale) for n in range(3))
        assert_allclose(result[inside], wanted[inside], rtol=0, atol=1e-6 * np.abs(ramp).max())


@settings(max_examples=20)
@given(grid=grids(largest=12, smallest=3), scale=st.sampled_from(SCALES), seed=st.integers(0, 2**32 - 1))
def test_the_network_keeps_the_field_of_view_of_any_volume(grid: Grid, scale: int, seed: int) -> None:
    with node_of(noise(grid.shape, np.int16, seed), grid) as node:
        before = corners(node)
        options = {"slice_axis": "ijk"[grid.axis], "keep_type": True, "device": "cpu", "any_image": True}
        output = upscale_volume(node, scale=scale, **options)
        assert slicer.util.arrayFromVolume(output).dtype == np.int16
        assert_allclose(corners(output), before, rtol=0, atol=1e-6)
