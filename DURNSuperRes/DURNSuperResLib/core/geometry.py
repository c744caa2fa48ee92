"""Geometry of an in-plane enlargement that keeps the field of view: half-pixel centres, exact IJK-to-RAS."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

AXES = ("i", "j", "k")
THICK_RATIO = 1.05


def voxel_spacing(ijk_to_ras: ArrayLike) -> NDArray[np.float64]:
    """Distance in mm between voxel centres along i, j and k of a 4 x 4 IJK-to-RAS matrix.

    >>> voxel_spacing(np.diag([-1.4, -1.4, 8.0, 1.0])).tolist()
    [1.4, 1.4, 8.0]
    """
    return np.linalg.norm(np.asarray(ijk_to_ras, dtype=np.float64)[:3, :3], axis=0)


def slice_axis(ijk_to_ras: ArrayLike, choice: str = "auto", size: Sequence[int] | None = None) -> int:
    """The axis across slices, 0, 1 or 2 for i, j or k.

    ``auto`` takes the only axis of extent 1, if ``size`` (i, j, k) is given and there is one: the spacing across a
    single slice is often unknown. Else it takes the third axis unless another is spaced more widely than both others by
    over 5 %, since slices of a stack lie further apart than the pixels within them.

    >>> slice_axis(np.diag([1.4, 8.0, 1.4, 1.0]))
    1
    >>> slice_axis(np.diag([1.4, 1.4, 8.0, 1.0]), "i")
    0

    Raises:
        ValueError: a choice other than auto, i, j and k.
    """
    if choice in AXES:
        return AXES.index(choice)
    if choice != "auto":
        raise ValueError(f"slice axis must be auto, i, j or k, not {choice!r}")
    if size is not None and list(size).count(1) == 1:
        return list(size).index(1)
    spacing = voxel_spacing(ijk_to_ras)
    second, first = np.sort(spacing)[-2:]
    return int(np.argmax(spacing)) if first > THICK_RATIO * second else 2


def upscaled_ijk_to_ras(ijk_to_ras: ArrayLike, scale: int, axis: int = 2) -> NDArray[np.float64]:
    """IJK-to-RAS of the enlarged volume, 4 x 4: the same field of view, ``scale`` times the voxels in the plane.

    Voxel centres lie at integer IJK, so the first centre moves by ``(1/scale - 1)/2`` input voxels along both in-plane
    axes, and nothing changes along ``axis``, the one across slices.

    >>> fine = upscaled_ijk_to_ras(np.diag([2.0, 2.0, 8.0, 1.0]), 2)
    >>> voxel_spacing(fine).tolist(), fine[:3, 3].tolist()
    ([1.0, 1.0, 8.0], [-0.5, -0.5, 0.0])
    """
    step = np.eye(4)
    for in_plane in (a for a in range(3) if a != axis):
        step[in_plane, in_plane] = 1 / scale
        step[in_plane, 3] = (1 / scale - 1) / 2
    return np.asarray(ijk_to_ras, dtype=np.float64) @ step


def slices_first(voxels: NDArray, axis: int) -> NDArray:
    """View of ``(k, j, i)`` voxels as ``(slices, rows, columns)`` for the slice axis 0, 1 or 2 (i, j or k).

    >>> slices_first(np.zeros((5, 4, 3)), axis=0).shape
    (3, 5, 4)
    """
    return np.moveaxis(voxels, 2 - axis, 0)


def slices_back(slices: NDArray, axis: int) -> NDArray:
    """Inverse of :func:`slices_first`: view of ``(slices, rows, columns)`` as ``(k, j, i)`` voxels."""
    return np.moveaxis(slices, 0, 2 - axis)
