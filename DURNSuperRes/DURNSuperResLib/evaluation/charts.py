"""Small charts as SVG text, and marks drawn on grey pictures: enough for a page without a plotting library."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from .borders import FloatArray

WIDTH, HEIGHT, MARGIN = 560, 300, 48
COLOURS = ("#888888", "#b58900", "#6c71c4", "#2aa198", "#268bd2", "#dc322f", "#cb4b16", "#859900", "#d33682")
Line = Sequence[tuple[float, float]]
Limits = tuple[float, float, float, float]  # first and last x, first and last y


def line_chart(lines: Mapping[str, Line], labels: tuple[str, str], limits: Limits) -> str:
    """Lines over one another, named beside the last point.

    Args:
        lines: points by name.
        labels: of the horizontal and the vertical axis.
        limits: first and last x, first and last y.
    """
    parts = []
    for number, (name, points) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (_place(point, limits) for point in points))
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="1.6" points="{path}"/>')
        top = MARGIN + 14 * number
        parts.append(_text(WIDTH - 150, top, name, f'fill="{colour}"'))
    return _svg([*_axes(labels, limits), *parts])


def scatter_chart(
    points: Mapping[str, Line],
    levels: Sequence[float],
    labels: tuple[str, str],
    limits: Limits,
) -> str:
    """Points by name, with horizontal lines at ``levels``."""
    parts = []
    for level in levels:
        (x1, y), (x2, _) = _place((limits[0], level), limits), _place((limits[1], level), limits)
        parts.append(
            f'<line x1="{x1:.1f}" x2="{x2:.1f}" y1="{y:.1f}" y2="{y:.1f}" stroke="#999" stroke-dasharray="4 3"/>'
        )
    for number, (name, places) in enumerate(points.items()):
        colour = COLOURS[-1 - number]
        dots = (_place(point, limits) for point in places)
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.4" fill="{colour}"/>' for x, y in dots]
        parts.append(_text(WIDTH - 150, MARGIN - 30 + 14 * number, name, f'fill="{colour}"'))
    return _svg([*_axes(labels, limits), *parts])


def _place(point: tuple[float, float], limits: Limits) -> tuple[float, float]:
    x = MARGIN + (point[0] - limits[0]) / (limits[1] - limits[0]) * (WIDTH - 160 - MARGIN)
    y = HEIGHT - MARGIN - (point[1] - limits[2]) / (limits[3] - limits[2]) * (HEIGHT - 1.4 * MARGIN)
    return x, y


def _axes(labels: tuple[str, str], limits: Limits) -> list[str]:
    (left, bottom), (right, top) = _place((limits[0], limits[2]), limits), _place((limits[1], limits[3]), limits)
    parts = [f'<path d="M{left:.1f} {top:.1f} V{bottom:.1f} H{right:.1f}" fill="none" stroke="#444"/>']
    for share in np.linspace(0, 1, 5):
        x, y = limits[0] + share * (limits[1] - limits[0]), limits[2] + share * (limits[3] - limits[2])
        across, along = _place((x, limits[2]), limits), _place((limits[0], y), limits)
        parts.append(_text(across[0], bottom + 16, f"{x:g}", 'text-anchor="middle"'))
        parts.append(_text(left - 6, along[1] + 4, f"{y:g}", 'text-anchor="end"'))
    parts.append(_text((left + right) / 2, HEIGHT - 10, labels[0], 'text-anchor="middle"'))
    parts.append(_text(14, HEIGHT / 2, labels[1], f'text-anchor="middle" transform="rotate(-90 14 {HEIGHT / 2})"'))
    return parts


def _text(x: float, y: float, words: str, style: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{html.escape(words)}</text>'


def _svg(parts: Sequence[str]) -> str:
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11">'
    return "\n".join([head, '<rect width="100%" height="100%" fill="#fff"/>', *parts, "</svg>", ""])


def in_colour(image: FloatArray, zoom: int) -> NDArray[np.uint8]:
    """An image in [0, 1] as RGB pixels, each ``zoom`` times as large."""
    grey = np.rint(255 * np.clip(image, 0, 1)).astype(np.uint8)
    large = np.repeat(np.repeat(grey, zoom, axis=0), zoom, axis=1)
    return np.repeat(large[..., None], 3, axis=2)


def draw_points(picture: NDArray[np.uint8], places: FloatArray, colour: tuple[int, int, int]) -> None:
    """Put dots of 2 x 2 pixels at rows and columns ``(n, 2)`` of ``picture``."""
    for row, column in np.rint(places).astype(int):
        if 0 <= row < picture.shape[0] - 1 and 0 <= column < picture.shape[1] - 1:
            picture[row : row + 2, column : column + 2] = colour


def draw_frame(picture: NDArray[np.uint8], first: tuple[int, int], size: int, colour: tuple[int, int, int]) -> None:
    """Draw the outline of a square."""
    row, column = first
    picture[row : row + size, [column, column + size - 1]] = colour
    picture[[row, row + size - 1], column : column + size] = colour
