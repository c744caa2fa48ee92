"""An analytic short-axis heart phantom, sampled in k-space as a scanner does, with the truth known.

The heart and chest are ellipses, whose Fourier transform is exact: an ellipse of semi-axes a and b transforms to
``a b J1(2 pi q) / q`` with ``q = sqrt((a u)**2 + (b v)**2)``, rotated and shifted (R. Koay et al., Magn. Reson. Med. 58
(2007) 430, for the three-dimensional case). Intensities are relative to the blood pool of a balanced steady-state free
precession cine, 1.0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FIELD_OF_VIEW_MM = 350.0
SLICE_SPACING_MM = 8.0
EDGE_BLUR_MM = 0.7  # standard deviation; walls oblique to an 8 mm slice have no sharp edge


@dataclass(frozen=True)
class Ellipse:
    """One ellipse, added to what lies below it: centre and semi-axes in mm (x right, y down), angle in degrees."""

    intensity: float
    x: float
    y: float
    a: float
    b: float
    angle: float = 0.0


@dataclass(frozen=True)
class Phantom:
    """The phantom's truth and its degraded copy, ``(slices, rows, columns)`` each, with their geometry.

    Attributes:
        truth: noise-free magnitude on the fine grid.
        acquired: magnitude of the centre of the same k-space with coil noise, on the coarse grid.
        spacing_mm: row and column spacing of ``acquired``; slices lie ``SLICE_SPACING_MM`` apart.
    """

    truth: NDArray[np.float32]
    acquired: NDArray[np.float32]
    spacing_mm: float


def short_axis_phantom(
    scale: int = 2, *, slices: int = 6, size: int = 256, noise: float = 0.005, seed: int = 0
) -> Phantom:
    """A short-axis stack from base to apex.

    Args:
        scale: the acquired grid is this many times coarser than the truth's.
        slices: of the stack.
        size: rows and columns of the truth, a multiple of ``scale``.
        noise: standard deviation of the coil noise in each of the real and imaginary parts of the acquired image,
            relative to the blood pool.
        seed: of the noise.

    Raises:
        ValueError: a ``size`` that ``scale`` does not divide.
    """
    if size % scale:
        raise ValueError(f"size {size} is not a multiple of the scale {scale}")
    random = np.random.default_rng(seed)
    truth, acquired = [], []
    for index in range(slices):
        shapes = _chest() + _heart(1 - 0.75 * index / max(1, slices - 1))
        truth.append(np.abs(sampled_in_kspace(shapes, size)))
        coarse = sampled_in_kspace(shapes, size // scale)
        coil = random.normal(scale=noise, size=(2, *coarse.shape))
        acquired.append(np.abs(coarse + coil[0] + 1j * coil[1]))
    counts = 1000.0  # scanners store integers of this order
    return Phantom(
        (counts * np.stack(truth)).astype(np.float32),
        (counts * np.stack(acquired)).astype(np.float32),
        FIELD_OF_VIEW_MM * scale / size,
    )


def _chest() -> list[Ellipse]:
    fat, muscle, lung = 0.85, 0.22, 0.03
    vessels = [
        (-95, -30),
        (-84, -8),
        (-72, -48),
        (-100, 8),
        (-62, -26),
        (92, -38),
        (112, -6),
        (84, 14),
        (104, 16),
        (96, -2),
    ]
    return [
        Ellipse(fat, 0, 5, 158, 112),
        Ellipse(muscle - fat, 0, 5, 148, 102),
        Ellipse(lung - muscle, 0, 5, 136, 91),
        Ellipse(0.33 - lung, -62, 54, 46, 24, 14),  # liver
        Ellipse(0.42 - lung, 81, 51, 29, 18, -12),  # spleen
        Ellipse(0.40 - lung, 2, 76, 16, 13),  # vertebra
        Ellipse(0.95 - 0.40, 2, 76, 5, 4),  # spinal canal
        Ellipse(1.0 - lung, 34, 60, 10.5, 10.5),  # descending aorta
        *(Ellipse(0.4, x, y, 2.6 - 0.15 * n, 1.4 + 0.1 * n, 37 * n) for n, (x, y) in enumerate(vessels)),
    ]


def _heart(size: float) -> list[Ellipse]:
    """The heart at a level of the given ``size`` (1 base, near 0 apex); each ellipse lies within the one before."""
    blood, myocardium, fat, lung = 1.0, 0.25, 0.7, 0.03
    x, y, cavity = 18.0, -18.0, 8 + 17 * size
    wall = cavity + 10  # outer radius of the left ventricle
    right = 22 * size  # thickness of the right ventricle's crescent, to the left of the septum
    centre, a, b = x - right / 2, wall + 2 + right / 2, wall + 2
    papillary, trabeculae = [(0.55, 0.4), (-0.2, 0.66)], [(0.84, -0.1), (0.5, -0.68), (-0.3, -0.83)]
    return [
        Ellipse(fat - lung, centre, y, a + 6, b + 6),
        Ellipse(myocardium - fat, centre, y, a + 3, b + 3),
        Ellipse(blood - myocardium, centre, y, a, b),  # right ventricle, around the left
        Ellipse(myocardium - blood, x, y, wall, wall),
        Ellipse(blood - myocardium, x, y, cavity, 0.94 * cavity, 10),  # left ventricle
        *(Ellipse(myocardium - blood, x + cavity * u, y + cavity * v, 4, 3, 30) for u, v in papillary),
        *(Ellipse(myocardium - blood, x + cavity * u, y + cavity * v, 1.6, 0.9, 60) for u, v in trabeculae),
    ]


def sampled_in_kspace(shapes: list[Ellipse], size: int) -> NDArray[np.complex128]:
    """The complex image of ``size`` x ``size`` pixels reconstructed from exact samples of k-space.

    Args:
        shapes: one or more ellipses; their intensities add.
        size: rows and columns of the image, which covers ``FIELD_OF_VIEW_MM`` in each direction.
    """
    pixel = FIELD_OF_VIEW_MM / size
    order = np.arange(size) - size // 2
    v, u = np.meshgrid(order / FIELD_OF_VIEW_MM, order / FIELD_OF_VIEW_MM, indexing="ij")
    spectrum = sum(_transform(shape, u, v) for shape in shapes)
    spectrum = spectrum * np.exp(-2 * (np.pi * EDGE_BLUR_MM) ** 2 * (u**2 + v**2))
    first = (0.5 - size / 2) * pixel  # centre of the first pixel: the field of view is the same at every size
    spectrum = spectrum * np.exp(2j * np.pi * (u + v) * first)
    return np.fft.ifft2(np.fft.ifftshift(spectrum)) * (size / FIELD_OF_VIEW_MM) ** 2


def _transform(shape: Ellipse, u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Fourier transform of an ellipse at spatial frequencies ``u``, ``v`` in cycles per mm."""
    turn = np.deg2rad(shape.angle)
    along, across = u * np.cos(turn) + v * np.sin(turn), -u * np.sin(turn) + v * np.cos(turn)
    q = np.hypot(shape.a * along, shape.b * across)
    safe = np.where(q > 0, q, 1.0)
    disk = np.where(q > 0, _bessel_j1(2 * np.pi * safe) / safe, np.pi)
    return shape.intensity * shape.a * shape.b * disk * np.exp(-2j * np.pi * (u * shape.x + v * shape.y))


def _bessel_j1(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bessel function J1 for x >= 0, error below 1e-7 (M. Abramowitz, I. Stegun, 9.4.4 and 9.4.6)."""
    t = (x / 3) ** 2
    small = x * np.polyval([0.00001109, -0.00031761, 0.00443319, -0.03954289, 0.21093573, -0.56249985, 0.5], t)
    far = np.maximum(x, 3.0)
    t = 3 / far
    size = np.polyval([-0.00020033, 0.00113653, -0.00249511, 0.00017105, 0.01659667, 0.00000156, 0.79788456], t)
    phase = np.polyval([-0.00029166, 0.00079824, 0.00074348, -0.00637879, 0.00005650, 0.12499612, -2.35619449], t)
    return np.where(x <= 3, small, size * np.cos(far + phase) / np.sqrt(far))
