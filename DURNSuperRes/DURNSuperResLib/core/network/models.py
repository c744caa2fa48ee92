"""Bundled weights and their model cards: what there is, what it was trained on, and safe loading.

A model is two files in ``weights/``: ``NAME.json``, its card, and ``NAME.pt``, a plain state dict of tensors whose
SHA-256 the card states. What users choose is a family, such as ``durn-light``: one network at one or more scales, whose
models are named ``durn-light-x2`` and so on. Adding a model is adding its two files.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..options import DEFAULT_MODEL

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS_FOLDER = Path(__file__).resolve().parents[2] / "weights"
ERROR_PREFIX = "error."  # of the error head's tensors, beside the network's in one file


class ModelError(RuntimeError):
    """A model that is not there, or whose files cannot be trusted; the message says which and what to do."""


@dataclass(frozen=True)
class ModelCard:
    """Immutable description of one bundled model.

    Attributes:
        name: as in ``durn-light-x2``; also the stem of both files, with underscores.
        scale: in-plane magnification.
        architecture: options of :class:`~.network.DurnConfig`.
        sha256: of the state dict's file, in hexadecimal.
        details: everything else on the card: grid, intensity rule, training, quality, domain, licence, date.
        path: the state dict's file.
    """

    name: str
    scale: int
    architecture: Mapping[str, Any]
    sha256: str
    details: Mapping[str, Any]
    path: Path

    @property
    def family(self) -> str:
        """What the models of all scales of this network are called together, such as ``durn-light``."""
        return self.name.removesuffix(f"-x{self.scale}")

    @classmethod
    def read(cls, path: Path) -> ModelCard:
        """Read a card.

        Raises:
            ModelError: a card that is not JSON or lacks an entry.
        """
        try:
            entries = json.loads(path.read_text(encoding="utf-8"))
            name, architecture, sha256 = (entries.pop(key) for key in ("name", "architecture", "sha256"))
            return cls(name, int(architecture["scale"]), architecture, sha256, entries, path.with_suffix(".pt"))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelError(f"the model card {path} cannot be used ({error!r}); reinstall DURNSuperRes") from error

    @property
    def decibels(self) -> float:
        """Mean of the PSNR in dB that the card states of patients and a scanner not trained on; 0 if it states none."""
        stated = [of["durn"][0] for name, of in self.details.get("quality", {}).items() if name != "command"]
        return sum(stated) / len(stated) if stated else 0.0

    @property
    def error_head(self) -> Mapping[str, Any] | None:
        """Architecture, training and calibration of the error head in the same file; None for a model without one."""
        return self.details.get("error_head")

    def load_state_dict(self) -> dict[str, Tensor]:
        """The network's tensors, as :meth:`load_tensors` without those of the error head."""
        return {name: tensor for name, tensor in self.load_tensors().items() if not name.startswith(ERROR_PREFIX)}

    def load_error_head(self) -> dict[str, Tensor]:
        """The error head's tensors, as :meth:`load_tensors`, their prefix taken off."""
        own = {name: tensor for name, tensor in self.load_tensors().items() if name.startswith(ERROR_PREFIX)}
        return {name.removeprefix(ERROR_PREFIX): tensor for name, tensor in own.items()}

    def load_tensors(self) -> dict[str, Tensor]:
        """All tensors, after the file's hash was found right; loads tensors only, never code.

        Raises:
            ModelError: a missing, truncated or altered file, or one of something else than tensors.
        """
        import torch

        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise ModelError(f"the weights {self.path} cannot be read ({error}); reinstall DURNSuperRes") from error
        found = hashlib.sha256(content).hexdigest()
        if found != self.sha256:
            raise ModelError(
                f"the weights {self.path} are damaged or altered (SHA-256 {found[:12]}..., the card says "
                f"{self.sha256[:12]}...); reinstall DURNSuperRes"
            )
        try:
            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        except Exception as error:  # torch's reader raises nearly anything
            reason = f"{type(error).__name__}; reinstall DURNSuperRes"
            raise ModelError(f"the weights {self.path} hold something else than tensors: {reason}") from error


def available_models(folder: Path = WEIGHTS_FOLDER) -> tuple[ModelCard, ...]:
    """The bundled models, by scale and name; needs no torch.

    >>> sorted({card.scale for card in available_models()})
    [2, 3, 4]

    Raises:
        ModelError: a card that cannot be used.
    """
    cards = (ModelCard.read(path) for path in folder.glob("*.json"))
    return tuple(sorted(cards, key=lambda card: (card.scale, card.name)))


def families(scale: int, folder: Path = WEIGHTS_FOLDER) -> tuple[str, ...]:
    """The names of the models that are there for ``scale``, the default first.

    >>> model_for(2).name
    'durn-light-x2'

    Raises:
        ModelError: a card that cannot be used.
    """
    names = (card.family for card in available_models(folder) if card.scale == scale)
    return tuple(sorted(names, key=lambda name: (name != DEFAULT_MODEL, name)))


def model_for(scale: int, name: str = DEFAULT_MODEL, *, folder: Path = WEIGHTS_FOLDER) -> ModelCard:
    """The model of the family ``name`` for ``scale``.

    Raises:
        ModelError: no such family is bundled, or not for that scale; the message lists what is there.
    """
    scales: dict[str, list[str]] = {}
    for card in available_models(folder):
        if (card.family, card.scale) == (name, scale):
            return card
        scales.setdefault(card.family, []).append(f"x{card.scale}")
    bundled = "; ".join(f"{family} {', '.join(scales[family])}" for family in sorted(scales)) or "none"
    if name not in scales:
        raise ModelError(f"there is no model {name!r} (bundled: {bundled})")
    raise ModelError(f"no {name} weights for x{scale} are bundled (bundled: {bundled}); take another scale or bicubic")
