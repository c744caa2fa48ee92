"""Volume geometries that catch mistakes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def oblique(spacing: tuple[float, float, float], *, left_handed: bool = False) -> NDArray[np.float64]:
    """IJK-to-RAS of a short-axis-like plane, turned about two axes and away from the origin."""
    a, b = np.deg2rad(38), np.deg2rad(-27)
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    directions = about_z @ about_x
    if left_handed:
        directions[:, 2] *= -1
    matrix = np.eye(4)
    matrix[:3, :3] = directions * spacing
    matrix[:3, 3] = (-71.3, 42.9, 15.7)
    return matrix
