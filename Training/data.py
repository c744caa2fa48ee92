"""Training and validation pairs: high-resolution slices, their degraded copies, and aligned random patches.

The data folder is that of the project's data description: ``cmr/sunnybrook`` with a ``manifest.csv`` that assigns each
patient to one split, and ``pretrain`` with a ``manifest.csv`` that states each file's licence tier.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch
from numpy.typing import ArrayLike, NDArray
from torch.utils.data import IterableDataset

from DURNSuperResLib.core.resample import bicubic_downscale, kspace_truncate
from DURNSuperResLib.evaluation import centre_crop, normalised

Image = NDArray[np.float32]
Degradation = Callable[[ArrayLike, int], NDArray[np.float64]]
DEGRADATIONS: dict[str, Degradation] = {"bicubic": bicubic_downscale, "kspace": kspace_truncate}


def read_image(path: Path) -> Image:
    """One grey image file, divided by its own 99.9th percentile and clipped to [0, 1]."""
    return normalised(sitk.GetArrayFromImage(sitk.ReadImage(str(path)))).astype(np.float32)


def sunnybrook(data: Path, split: str, kind: str) -> list[Image]:
    """Slices of ``kind`` (cine or scout) of the patients of ``split`` (train or val)."""
    folder = data / "cmr" / "sunnybrook"
    with (folder / "manifest.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split and row["kind"] == kind]
    return [read_image(data / row["path"]) for row in rows]


def photographs_and_brain(data: Path) -> tuple[list[Image], list[Image]]:
    """The pretraining images that are CC0 or public domain (tier a): photographs, and brain T1 slices."""
    folder = data / "pretrain"
    with (folder / "manifest.csv").open(newline="") as file:
        paths = [row["path"] for row in csv.DictReader(file) if row["tier"] == "a"]
    photos = [read_image(folder / path) for path in paths if path.startswith("photos")]
    brain = [read_image(folder / path) for path in paths if path.startswith("brain")]
    return photos, brain


@dataclass(frozen=True)
class Pairs:
    """One high-resolution image and its degraded copies, by name of the degradation."""

    truth: Image
    degraded: dict[str, Image]

    @classmethod
    def from_image(cls, image: Image, scale: int) -> Pairs:
        """Degrades ``image``, cropped to a multiple of ``4 * scale``, in each of the known ways."""
        multiple = 4 * scale
        rows, columns = (size // multiple * multiple for size in image.shape)
        truth = image[:rows, :columns]
        return cls(truth, {name: f(truth, scale).astype(np.float32) for name, f in DEGRADATIONS.items()})


class PatchBatches(IterableDataset[tuple[torch.Tensor, torch.Tensor]]):
    """Endless batches of aligned patches: inputs ``(n, 1, p, p)`` and truths ``(n, 1, scale*p, scale*p)``.

    Args:
        sources: groups of images with the share of patches that each contributes.
        shares: probability of each degradation, by name.
        scale: in-plane magnification.
        patch: edge of an input patch in pixels.
        batch: patches a batch.
        seed: seed of the random generator.
    """

    def __init__(
        self,
        sources: list[tuple[list[Image], float]],
        shares: dict[str, float],
        scale: int,
        patch: int,
        batch: int,
        seed: int,
    ) -> None:
        super().__init__()
        groups = [(images, weight) for images, weight in sources if images and weight > 0]
        self._groups = [[Pairs.from_image(image, scale) for image in images] for images, _ in groups]
        self._group_odds = np.array([weight for _, weight in groups]) / sum(weight for _, weight in groups)
        self._names = list(shares)
        self._odds = np.array(list(shares.values())) / sum(shares.values())
        self._scale, self._patch, self._batch = scale, patch, batch
        self._random = np.random.default_rng(seed)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        while True:
            inputs, truths = zip(*(self._sample() for _ in range(self._batch)), strict=True)
            yield torch.from_numpy(np.stack(inputs)[:, None]), torch.from_numpy(np.stack(truths)[:, None])

    def _sample(self) -> tuple[Image, Image]:
        for _ in range(8):  # dark background teaches nothing; try a few places before accepting it
            low, high = self._crop()
            if high.std() > 0.02:
                break
        gain = self._random.uniform(0.5, 1.2)
        turns, flip = int(self._random.integers(4)), self._random.integers(2)
        low, high = (np.rot90(image, turns) for image in (low, high))
        if flip:
            low, high = low[:, ::-1], high[:, ::-1]
        return low * np.float32(gain), high * np.float32(gain)

    def _crop(self) -> tuple[Image, Image]:
        group = self._groups[self._random.choice(len(self._groups), p=self._group_odds)]
        pair = group[self._random.integers(len(group))]
        low = pair.degraded[self._names[self._random.choice(len(self._names), p=self._odds)]]
        p, s = self._patch, self._scale
        row, column = (self._random.integers(size - p + 1) for size in low.shape)
        truth = pair.truth[s * row : s * (row + p), s * column : s * (column + p)]
        return low[row : row + p, column : column + p], truth


def validation_pairs(data: Path, scale: int, degradation: str, size: int = 144) -> tuple[torch.Tensor, torch.Tensor]:
    """Centre crops of the validation patients' cine slices: inputs ``(n, 1, r, c)`` and truths."""
    truth = np.stack([normalised(centre_crop(image, size)) for image in sunnybrook(data, "val", "cine")])
    low = DEGRADATIONS[degradation](truth, scale)
    return torch.from_numpy(low[:, None]).float(), torch.from_numpy(truth[:, None]).float()
