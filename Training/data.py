"""Training and validation pairs: high-resolution slices, their degraded copies, and aligned random patches.

The data folder is that of the project's data description: ``cmr/sunnybrook`` with a ``manifest.csv`` that assigns each
patient to one split, and ``pretrain`` with a ``manifest.csv`` that states each file's licence tier.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch
from numpy.typing import NDArray
from torch.utils.data import IterableDataset

from DURNSuperResLib.core.signal.degradation import DEGRADATIONS, NOISE_SIGMA, rician
from DURNSuperResLib.evaluation.protocols import centre_crop, normalised
from Training.looks import Looks, reduced
from Training.shapes import ellipses

Image = NDArray[np.float32]
VALIDATED = ("bicubic", "kspace")  # the degradations that a run is validated on
COARSE = 0.7  # of the validation slices' size: as sharp as another scanner's, whose truth fills its grid
GAIN = (0.4, 2.0)  # a slice may be dark, and its brightest fat twice as bright as its heart
MAGNITUDES = 0.5  # share of truncated patches that are magnitudes, as scanners store them: beside a bright rim
# the undershoot of truncation turns positive there, while the protocol of evaluation keeps its sign


def read_image(path: Path) -> Image:
    """One grey image file, divided by its own 99.9th percentile and clipped to [0, 1]."""
    return normalised(sitk.GetArrayFromImage(sitk.ReadImage(str(path)))).astype(np.float32)


def sunnybrook(data: Path, split: str, kind: str) -> list[Image]:
    """Slices of ``kind`` (cine or scout) of the patients of ``split`` (train or val)."""
    folder = data / "cmr" / "sunnybrook"
    with (folder / "manifest.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split and row["kind"] == kind]
    return [read_image(data / row["path"]) for row in rows]


def pretraining(data: Path, folder: str) -> list[Image]:
    """The pretraining images of a folder (photos, brain_t1) that are CC0 or in the public domain (tier a)."""
    with (data / "pretrain" / "manifest.csv").open(newline="") as file:
        paths = [row["path"] for row in csv.DictReader(file) if row["tier"] == "a"]
    return [read_image(data / "pretrain" / path) for path in paths if path.startswith(folder)]


def luma_of_photographs(data: Path) -> list[Image]:
    """The 291 photographs that the check against the paper trains on, 0 to 255 brought to [0, 1]; never for a model."""
    paths = sorted((data / "natural" / "train291").glob("*.png"))
    return [np.float32(sitk.GetArrayFromImage(sitk.ReadImage(str(path)))) / np.float32(255) for path in paths]


SOURCES: dict[str, Callable[[Path], list[Image]]] = {
    "cine": lambda data: sunnybrook(data, "train", "cine"),
    "scout": lambda data: sunnybrook(data, "train", "scout"),
    "photos": lambda data: pretraining(data, "photos"),
    "brain": lambda data: pretraining(data, "brain"),
    "shapes": lambda _: [normalised(image).astype(np.float32) for image in ellipses()],
    "train291": luma_of_photographs,
}


@dataclass(frozen=True)
class Pairs:
    """One high-resolution image and its degraded copies, by name of the degradation."""

    truth: Image
    degraded: dict[str, Image]

    @classmethod
    def from_image(cls, image: Image, scale: int, degradations: Iterable[str] = DEGRADATIONS) -> Pairs:
        """Degrades ``image``, cropped to a multiple of ``4 * scale``, in the named ways.

        The copy named ``noise`` is still free of it; each patch gets noise of its own.
        """
        multiple = 4 * scale
        rows, columns = (size // multiple * multiple for size in image.shape)
        truth = image[:rows, :columns]
        ways = {name: DEGRADATIONS["kspace" if name == "noise" else name] for name in degradations}
        return cls(truth, {name: way(truth, scale).astype(np.float32) for name, way in ways.items()})


class PatchBatches(IterableDataset[tuple[torch.Tensor, torch.Tensor]]):
    """Endless batches of aligned patches: inputs ``(n, 1, p, p)`` and truths ``(n, 1, scale*p, scale*p)``.

    Args:
        sources: groups of images with the share of patches that each contributes.
        shares: probability of each degradation, by name.
        scale: in-plane magnification.
        patch: edge of an input patch in pixels; may be changed between batches, as may ``batch``.
        batch: patches a batch.
        seed: seed of the random generator, or several numbers that make one.
        looks: how copies of the images may differ from them.
        copies: how many copies of each image are kept beside it.
        renewed: copies that are made anew before each batch.
    """

    def __init__(
        self,
        sources: list[tuple[list[Image], float]],
        shares: dict[str, float],
        scale: int,
        patch: int,
        batch: int,
        seed: int | list[int],
        looks: Looks | None = None,
        copies: int = 0,
        renewed: int = 0,
    ) -> None:
        super().__init__()
        self.patch, self.batch = patch, batch
        self._random = np.random.default_rng(seed)
        self._names = list(shares)
        self._looks, self._renewed, self._scale = looks or Looks(), renewed if copies else 0, scale
        groups = [(images, weight) for images, weight in sources if images and weight > 0]
        self._images = [images for images, _ in groups]
        self._groups = [[self._pairs(i, copy) for copy in range(1 + copies) for i in images] for images, _ in groups]
        self._group_odds = np.array([weight for _, weight in groups]) / sum(weight for _, weight in groups)
        self._odds = np.array(list(shares.values())) / sum(shares.values())

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        while True:
            for _ in range(self._renewed):
                self._renew()
            inputs, truths = zip(*(self._sample() for _ in range(self.batch)), strict=True)
            yield torch.from_numpy(np.stack(inputs)[:, None]), torch.from_numpy(np.stack(truths)[:, None])

    def _pairs(self, image: Image, copy: int) -> Pairs:
        """``image`` itself for copy 0, a new look of it for all others."""
        least = self._scale * (self.patch + 4)
        seen = self._looks.applied(image, self._random, least) if copy else image
        return Pairs.from_image(seen, self._scale, self._names)

    def _renew(self) -> None:
        group = self._random.choice(len(self._groups), p=self._group_odds)
        images, pairs = self._images[group], self._groups[group]
        index = int(self._random.integers(len(images), len(pairs)))
        pairs[index] = self._pairs(images[index % len(images)], copy=1)

    def _sample(self) -> tuple[Image, Image]:
        for _ in range(8):  # dark background teaches nothing; try a few places before accepting it
            low, high = self._crop()
            if high.std() > 0.02:
                break
        gain = np.float32(np.exp(self._random.uniform(*np.log(GAIN))))
        turns, flip = int(self._random.integers(4)), self._random.integers(2)
        low, high = (np.rot90(image, turns) for image in (low, high))
        if flip:
            low, high = low[:, ::-1], high[:, ::-1]
        return low * gain, high * gain

    def _crop(self) -> tuple[Image, Image]:
        group = self._groups[self._random.choice(len(self._groups), p=self._group_odds)]
        pair = group[self._random.integers(len(group))]
        name = self._names[self._random.choice(len(self._names), p=self._odds)]
        p, s = self.patch, self._scale
        row, column = (self._random.integers(size - p + 1) for size in pair.degraded[name].shape)
        low = pair.degraded[name][row : row + p, column : column + p]
        if name == "noise":
            low = rician(low, self._random.uniform(0, 2 * NOISE_SIGMA), self._random).astype(np.float32)
        elif name != "bicubic" and self._random.random() < MAGNITUDES:
            low = np.abs(low)
        return low, pair.truth[s * row : s * (row + p), s * column : s * (column + p)]


def validation_pairs(data: Path, scale: int, name: str, size: int = 144) -> tuple[torch.Tensor, torch.Tensor]:
    """Centre crops of the validation patients' cine slices: inputs ``(n, 1, r, c)`` and truths.

    Args:
        data: the data folder.
        scale: in-plane magnification.
        name: a degradation, or ``coarse``: every third slice made smaller first, then reduced by ``bicubic``.
        size: rows and columns of the truths.
    """
    images = sunnybrook(data, "val", "cine")
    if name == "coarse":
        images = [reduced(image, COARSE) for image in images[::3]]
    truth = np.stack([normalised(centre_crop(image, size)) for image in images])
    low = DEGRADATIONS["bicubic" if name == "coarse" else name](truth, scale)
    return torch.from_numpy(low[:, None]).float(), torch.from_numpy(truth[:, None]).float()
