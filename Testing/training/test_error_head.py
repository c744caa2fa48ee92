"""Training an error head leaves the network as it is, and its export keeps every tensor of it."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from DURNSuperResLib.core.network.error_head import expected_error
from DURNSuperResLib.core.network.inference import _load, load_error_head
from DURNSuperResLib.core.network.models import ModelCard, model_for
from DURNSuperResLib.core.network.network import Durn, DurnConfig
from DURNSuperResLib.core.signal.quality import rank_correlation
from Training import error_export
from Training.error_head import CONFIG, observed, train
from Training.foreign import foreign_images

SHORT = {
    "width": 8,
    "seed": 1,
    "sources": {"shapes": 0.7, "foreign": 0.3},
    "degradations": {"bicubic": 1.0},
    "patch": {2: 32},
    "patches": 48,
    "crop": 16,
    "batch": 8,
    "learning_rate": 5.0e-3,
    "warmup_steps": 5,
    "max_steps": 200,
    "gradient_clip": 1.0,
}


def test_a_short_training_tells_large_errors_from_small_ones(tmp_path: Path) -> None:
    network = _load(model_for(2))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    head = train(network, SHORT, tmp_path)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    seen = observed(network, {**SHORT, "seed": 2}, tmp_path)
    with torch.inference_mode():
        found = expected_error(head(seen.features.float(), seen.images.float()))
    assert rank_correlation(found.numpy(), seen.errors.numpy()) > 0.3
    assert found.mean().item() == pytest.approx(seen.errors.float().mean().item(), rel=0.5)


def test_what_is_observed_is_the_error_of_the_network(tmp_path: Path) -> None:
    network = Durn(DurnConfig(2, (4, 8), bicubic_skip=True))
    seen = observed(network, {**SHORT, "patches": 8}, tmp_path)
    assert seen.features.shape == (8, 4, 32, 32)
    assert seen.errors.shape == (8, 1, 64, 64)
    assert (seen.errors >= 0).all()


def test_the_export_changes_no_tensor_of_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundled = model_for(2)
    for suffix in (".pt", ".json"):
        shutil.copy(bundled.path.with_suffix(suffix), tmp_path)
    card = ModelCard.read(tmp_path / bundled.path.with_suffix(".json").name)
    monkeypatch.setattr(error_export, "calibrate", lambda *_: None)
    head = load_error_head(bundled)
    assert head is not None
    head.last.bias.data += 1
    error_export.add_error_head(card, head, SHORT, tmp_path, hours=0.1)
    found = ModelCard.read(card.path.with_suffix(".json"))
    assert found.sha256 == hashlib.sha256(card.path.read_bytes()).hexdigest() != card.sha256
    before, after = bundled.load_state_dict(), found.load_state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert torch.equal(found.load_error_head()["last.bias"], head.last.bias)
    assert json.loads(found.path.with_suffix(".json").read_text())["architecture"] == dict(bundled.architecture)


def test_foreign_images_fill_their_range_and_differ() -> None:
    images = foreign_images(6)
    assert all(image.min() >= 0 and image.max() <= 1 and image.std() > 0.05 for image in images)
    assert not np.array_equal(images[0], images[3])


def test_the_configuration_has_a_patch_for_every_scale() -> None:
    config = yaml.safe_load(CONFIG.read_text())
    assert set(config["patch"]) == {2, 3, 4}
    assert min(config["patch"].values()) >= config["crop"]
    assert sum(config["sources"].values()) == pytest.approx(1)
    assert sum(config["degradations"].values()) == pytest.approx(1)
