"""Whether a cine moves after enlarging as it did before: its flicker, and the way of a border over the phases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from .borders import FloatArray, PixelSize, Rays, border_of
from .methods import Enlarge

HEART_MM = 60.0  # around the mark; what lies further off hardly moves
CLOSED_MM = 4.0  # gaps in the blood that papillary muscles leave
SEED_MM = 3.0


@dataclass(frozen=True)
class Cine:
    """The phases of one slice ``(phases, rows, columns)``, and a mark in the left ventricle, row and column in mm."""

    name: str
    frames: FloatArray
    pixel_mm: PixelSize
    mark: tuple[float, float]


SIEMENS_MARKS = {"Se2": (103, 135), "Se3": (103, 132), "Se4": (103, 130)}  # pixels, by eye: basal to apical
SWINE_SLICE, SWINE_MARK = 10, (134, 148)


def siemens_cines(data: Path) -> list[Cine]:
    """Three short-axis slices of the Siemens 3 T cine, 25 phases each; ``data`` is the folder that holds ``cmr``."""
    return [
        _cine(f"Siemens 3 T, {name}", sorted((data / "cmr" / "cine_dicom" / name).glob("*.dcm"), key=_instance), mark)
        for name, mark in SIEMENS_MARKS.items()
    ]


def swine_cine(data: Path) -> Cine:
    """The middle slice of the GE 1.5 T cine of a pig, 20 phases; ``data`` is the folder that holds ``cmr``."""
    places: dict[float, list[Path]] = {}
    for path in sorted((data / "cmr" / "ep_shortaxis").glob("*.dcm")):
        places.setdefault(float(_header(path, "0020|1041")), []).append(path)
    chosen = places[sorted(places)[SWINE_SLICE]]
    return _cine("GE 1.5 T, pig", sorted(chosen, key=lambda path: float(_header(path, "0018|1060"))), SWINE_MARK)


def _cine(name: str, files: list[Path], mark: tuple[int, int]) -> Cine:
    images = [sitk.ReadImage(str(path)) for path in files]
    column_mm, row_mm = images[0].GetSpacing()[:2]
    frames = np.stack([np.squeeze(sitk.GetArrayFromImage(image)) for image in images]).astype(np.float64)
    scaled = frames / np.percentile(frames, 99.9)  # one factor for all phases
    return Cine(name, scaled, (row_mm, column_mm), ((mark[0] + 0.5) * row_mm, (mark[1] + 0.5) * column_mm))


def _instance(path: Path) -> int:
    return int(_header(path, "0020|0013"))


def _header(path: Path, tag: str) -> str:
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    return reader.GetMetaData(tag)


def flicker(frames: FloatArray, where: NDArray[np.bool_]) -> float:
    """Mean absolute second difference over the phases, which repeat, in the pixels of ``where``."""
    return float(np.abs(_second_difference(frames)[:, where]).mean())


def still_tissue(cine: Cine) -> NDArray[np.bool_]:
    """Where the body is bright enough to see, away from the heart, on the grid of ``cine``."""
    rows, columns = ((np.arange(n) + 0.5) * step for n, step in zip(cine.frames.shape[1:], cine.pixel_mm, strict=True))
    away = np.hypot(rows[:, None] - cine.mark[0], columns[None] - cine.mark[1]) > HEART_MM
    return away & (cine.frames.mean(axis=0) > 0.1)


@dataclass(frozen=True)
class Track:
    """The endocardial border over the phases, ``(phases, rays)`` each: radius in mm, and where it is clear."""

    radius: FloatArray
    clear: NDArray[np.bool_]

    def jitter(self, clear: NDArray[np.bool_]) -> float:
        """Mean absolute second difference of the radius over phases in mm, where three phases in a row are clear."""
        whole = clear & ~np.isnan(self.radius)
        triple = whole & np.roll(whole, 1, axis=0) & np.roll(whole, -1, axis=0)
        return float(np.abs(_second_difference(self.radius)[triple]).mean())

    def travel(self, clear: NDArray[np.bool_]) -> float:
        """Median over the rays, clear in all phases, of the way from the smallest to the largest radius in mm."""
        whole = (clear & ~np.isnan(self.radius)).all(axis=0)
        return float(np.median(np.ptp(self.radius[:, whole], axis=0))) if whole.any() else float("nan")


def outlines(cine: Cine) -> list[Rays]:
    """Rays of each phase from one centre, the mean one of the blood around the mark, moved to the border seen there.

    Raises:
        ValueError: a phase in which no blood pool is found around the mark.
    """
    masks = [_blood(frame, cine) for frame in cine.frames]
    centres = [(np.argwhere(mask).mean(axis=0) + 0.5) * cine.pixel_mm for mask in masks]
    found = []
    for frame, mask in zip(cine.frames, masks, strict=True):
        rays = Rays.of(mask, cine.pixel_mm, np.mean(centres, axis=0))
        if rays is None:
            raise ValueError(f"no blood pool around the mark in {cine.name}")
        found.append(rays.moved_to(border_of(frame, cine.pixel_mm, rays)))
    return found


def track(frames: FloatArray, pixel_mm: PixelSize, rays: list[Rays]) -> Track:
    """The border of ``frames``, a cine of the field of view that the rays were found in."""
    borders = [border_of(frame, pixel_mm, own) for frame, own in zip(frames, rays, strict=True)]
    return Track(np.stack([one.radius for one in borders]), np.stack([one.clear for one in borders]))


@dataclass(frozen=True)
class Steadiness:
    """One cine by one method: flicker relative to the reference, jitter and travel of the border in mm."""

    cine: str
    method: str
    flicker: float
    jitter: float
    travel: float


def steadiness(
    cine: Cine, reference: FloatArray, low: FloatArray, scale: int, ways: Mapping[str, Enlarge]
) -> list[Steadiness]:
    """Enlarge ``low`` by each way and hold flicker and border against those of ``reference``, which comes first.

    Args:
        cine: what both were made of; its frames, on a grid of its own, tell where the heart is.
        reference: frames of the enlarged size.
        low: frames to enlarge.
        scale: of the enlargement.
        ways: from frames to enlarged frames, by name.
    """
    finer = reference.shape[1] / cine.frames.shape[1]
    fine = (cine.pixel_mm[0] / finer, cine.pixel_mm[1] / finer)
    own = Cine(cine.name, reference, fine, cine.mark)
    rays, still = outlines(own), still_tissue(own)
    before, base = track(reference, fine, rays), flicker(reference, still)
    rows = [Steadiness(cine.name, "before", 1.0, before.jitter(before.clear), before.travel(before.clear))]
    for name, way in ways.items():
        frames = way(low, scale)
        found = track(frames, fine, rays)
        figures = flicker(frames, still) / base, found.jitter(before.clear), found.travel(before.clear)
        rows.append(Steadiness(cine.name, name, *figures))
    return rows


def _second_difference(values: FloatArray) -> FloatArray:
    return np.roll(values, 1, axis=0) - 2 * values + np.roll(values, -1, axis=0)


def _blood(frame: FloatArray, cine: Cine) -> NDArray[np.bool_]:
    """The bright region around the mark, closed over papillary muscles."""
    row, column = (int(place / step) for place, step in zip(cine.mark, cine.pixel_mm, strict=True))
    half = max(1, round(SEED_MM / cine.pixel_mm[0]))
    level = float(np.percentile(frame[row - half : row + half + 1, column - half : column + half + 1], 90))
    bright = sitk.GetImageFromArray((frame > level / 2).astype(np.uint8))
    near = np.abs(np.indices(frame.shape) - np.array([row, column])[:, None, None]).max(axis=0) <= half
    seeds = np.argwhere(near & (frame > level / 2))
    pool = sitk.ConnectedThreshold(bright, [(int(c), int(r)) for r, c in seeds], 1, 1)
    opened = sitk.BinaryMorphologicalOpening(pool, (1, 1))
    radius = [max(1, round(CLOSED_MM / step)) for step in cine.pixel_mm]
    closed = sitk.BinaryFillhole(sitk.BinaryMorphologicalClosing(opened, radius))
    parts = sitk.RelabelComponent(sitk.ConnectedComponent(closed))
    return sitk.GetArrayFromImage(parts) == 1
