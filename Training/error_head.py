"""Teach a bundled model what error to expect of each pixel: train its error head, add it to the model's two files.

    python -m Training.error_head durn-light-x2 --data DATA

The network does not change: its features, images and errors on random patches are computed once and kept, and the head
learns from these by the Laplace likelihood. Then the head's tensors go beside the network's in the file of weights, and
its calibration into the card.
"""

from __future__ import annotations

import argparse
import logging
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import yaml
from torch import Tensor

from DURNSuperResLib.core.network.error_head import ErrorHead, ErrorHeadConfig, laplace_loss
from DURNSuperResLib.core.network.inference import _load
from DURNSuperResLib.core.network.models import ModelCard, available_models
from DURNSuperResLib.core.network.network import Durn
from Training.data import SOURCES, PatchBatches
from Training.error_export import add_error_head, calibrate
from Training.foreign import foreign_images

CONFIG = Path(__file__).parent / "configs" / "error-head.yaml"
ALL_SOURCES = SOURCES | {"foreign": lambda _: foreign_images()}
AT_ONCE = 8  # patches
LAST_RATE = 0.01  # of the learning rate


class Seen(NamedTuple):
    """What a head learns from, float16: inputs, features and absolute errors of patches, first axes alike."""

    images: Tensor
    features: Tensor
    errors: Tensor


def main(arguments: list[str] | None = None) -> None:
    """Command line entry."""
    parser = argparse.ArgumentParser(description="Train a bundled model's error head.")
    parser.add_argument("model", help="such as durn-light-x2")
    parser.add_argument("--config", type=Path, default=CONFIG, help="YAML file (configs/error-head.yaml)")
    parser.add_argument("--data", type=Path, required=True, help="folder with cmr/ and pretrain/")
    parser.add_argument("--calibrate", action="store_true", help="only find the factors of the head that is there anew")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if options.calibrate:
        calibrate(_bundled(options.model), options.data)
    else:
        make(options.model, options.config, options.data)


def _bundled(name: str) -> ModelCard:
    """The card of a bundled model.

    Raises:
        ValueError: there is no such model.
    """
    card = next((card for card in available_models() if card.name == name), None)
    if card is None:
        raise ValueError(f"no bundled model is called {name}")
    return card


def make(name: str, config_file: Path, data: Path) -> None:
    """Train the error head of the bundled model ``name``, and add it to the model's files.

    Raises:
        ValueError: there is no such model.
    """
    card = _bundled(name)
    config = yaml.safe_load(config_file.read_text())
    start = time.monotonic()
    head = train(_load(card), config, data)
    add_error_head(card, head, config, data, hours=(time.monotonic() - start) / 3600)


def train(network: Durn, config: dict[str, Any], data: Path) -> ErrorHead:
    """The trained head of ``network``."""
    torch.manual_seed(config["seed"])
    seen = observed(network, config, data)
    head = ErrorHead(ErrorHeadConfig(network.config.scale, network.config.channels[0], config["width"]))
    head = head.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(head.parameters(), lr=config["learning_rate"])
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, config))
    lately = 0.0
    for step, (images, features, errors) in enumerate(_crops(seen, config, network.config.scale), start=1):
        loss = laplace_loss(head(features, images), errors)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(head.parameters(), config["gradient_clip"])
        optimizer.step()
        scheduler.step()
        lately += loss.item()
        if step % 500 == 0:
            logging.info("step %d: loss %.4f", step, lately / 500)
            lately = 0.0
    return head


def observed(network: Durn, config: dict[str, Any], data: Path) -> Seen:
    """Inputs, features and errors of ``config``'s patches."""
    scale = network.config.scale
    patch = config["patch"][scale]
    largest = scale * (patch + 4)
    sources = []
    for name, share in config["sources"].items():
        images = ALL_SOURCES[name](data)
        sources.append(([image for image in images if min(image.shape) >= largest], share))
    batches = PatchBatches(sources, config["degradations"], scale, patch, AT_ONCE, config["seed"])
    parts = []
    with torch.inference_mode():
        for _, (low, truth) in zip(range(math.ceil(config["patches"] / AT_ONCE)), batches, strict=False):
            features = network.features(low)
            error = (network.image_of(features, low) - truth).abs()
            parts.append([part.half() for part in (low, features, error)])
    return Seen(*(torch.cat(part) for part in zip(*parts, strict=True)))


def _crops(seen: Seen, config: dict[str, Any], scale: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """A batch a step: random crops of random patches, float32, channels last."""
    random = np.random.default_rng(config["seed"])
    count, edge, crop = len(seen.images), seen.images.shape[-1], config["crop"]
    for _ in range(config["max_steps"]):
        chosen = torch.from_numpy(random.integers(count, size=config["batch"]))
        row, column = (int(first) for first in random.integers(edge - crop + 1, size=2))
        images, features = (_cut(part[chosen], row, column, crop) for part in (seen.images, seen.features))
        errors = _cut(seen.errors[chosen], scale * row, scale * column, scale * crop)
        yield images, features.contiguous(memory_format=torch.channels_last), errors


def _cut(patches: Tensor, row: int, column: int, size: int) -> Tensor:
    return patches[:, :, row : row + size, column : column + size].float()


def _rate(step: int, config: dict[str, Any]) -> float:
    cosine = 0.5 * (1 + math.cos(math.pi * step / config["max_steps"]))
    return min(1.0, (step + 1) / config["warmup_steps"]) * (LAST_RATE + (1 - LAST_RATE) * cosine)


if __name__ == "__main__":
    main()
