"""Bundled weights: what is listed loads, and damage is noticed."""

import json
import pickletools
import shutil
import zipfile
from pathlib import Path

import pytest

from DURNSuperResLib.core.network.models import ModelCard, ModelError, available_models, families, model_for
from DURNSuperResLib.core.network.network import Durn, DurnConfig
from DURNSuperResLib.core.options import SCALES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A weights folder with a copy of the bundled x2 model."""
    card = model_for(2)
    for path in (card.path, card.path.with_suffix(".json")):
        shutil.copy(path, tmp_path)
    return tmp_path


@pytest.mark.parametrize("card", available_models(), ids=lambda card: card.name)
def test_every_bundled_model_loads_and_states_its_domain(card: ModelCard) -> None:
    network = Durn(DurnConfig.from_dict(dict(card.architecture)))
    network.load_state_dict(card.load_state_dict())
    assert sum(p.numel() for p in network.parameters()) == card.details["parameters"]
    assert card.path.stat().st_size < 6e6
    assert card.details["grid"] == "half-pixel"
    assert {"data", "command", "steps", "loss", "optimizer"} <= card.details["training"].keys()
    assert card.details["domain"]
    assert card.details["licence"]


@pytest.mark.parametrize("card", available_models(), ids=lambda card: card.name)
def test_every_bundled_model_is_measured_better_than_bicubic(card: ModelCard) -> None:
    quality = {name: figures for name, figures in card.details["quality"].items() if name != "command"}
    assert len(quality) == 4
    assert all(figures["durn"][0] > figures["bicubic"][0] + 1 for figures in quality.values())


@pytest.mark.parametrize("card", available_models(), ids=lambda card: card.name)
def test_weights_are_made_of_what_the_safe_loader_of_torch_2_1_knows(card: ModelCard) -> None:
    with zipfile.ZipFile(card.path) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
        codes = list(pickletools.genops(archive.read(name)))
    assert {argument for code, argument, _ in codes if code.name == "GLOBAL"} == {
        "collections OrderedDict",
        "torch FloatStorage",
        "torch._utils _rebuild_tensor_v2",
    }
    assert "STACK_GLOBAL" not in {code.name for code, _, _ in codes}


def test_an_altered_byte_is_noticed(folder: Path) -> None:
    path = model_for(2, folder=folder).path
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match="damaged or altered"):
        model_for(2, folder=folder).load_state_dict()


def test_a_truncated_file_is_noticed(folder: Path) -> None:
    path = model_for(2, folder=folder).path
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ModelError, match="damaged or altered"):
        model_for(2, folder=folder).load_state_dict()


def test_a_missing_file_is_named(folder: Path) -> None:
    card = model_for(2, folder=folder)
    card.path.unlink()
    with pytest.raises(ModelError, match=card.path.name):
        card.load_state_dict()


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({"name": "a", "architecture": {}, "sha256": ""})])
def test_a_broken_card_is_named(folder: Path, text: str) -> None:
    (folder / "broken.json").write_text(text)
    with pytest.raises(ModelError, match=r"broken\.json"):
        available_models(folder)


def test_a_scale_without_weights_lists_those_there_are(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"no durn-light weights for x4 .*bundled: durn-light x2"):
        model_for(4, folder=folder)


def test_an_unknown_model_lists_those_there_are(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"no model 'durn-heavy' \(bundled: durn-light x2\)"):
        model_for(2, "durn-heavy", folder=folder)


@pytest.mark.parametrize("other", ["durn", "durn-large", "mine"])
def test_adding_a_model_is_adding_two_files(folder: Path, other: str) -> None:
    """The default stays what it is, whatever the others' names."""
    light = model_for(2, folder=folder)
    shutil.copy(light.path, folder / f"{other}_x2.pt")
    card = json.loads(light.path.with_suffix(".json").read_text())
    (folder / f"{other}_x2.json").write_text(json.dumps({**card, "name": f"{other}-x2"}))
    assert model_for(2, folder=folder).family == light.family == "durn-light"
    assert families(2, folder) == ("durn-light", other)
    assert families(3, folder) == ()
    added = model_for(2, other, folder=folder)
    assert (added.name, added.family, added.path.name) == (f"{other}-x2", other, f"{other}_x2.pt")
    assert added.load_state_dict().keys() == light.load_state_dict().keys()


@pytest.mark.parametrize("scale", SCALES)
def test_the_default_model_is_there_at_every_scale(scale: int) -> None:
    assert model_for(scale).name == f"durn-light-x{scale}"


def test_cards_are_immutable() -> None:
    with pytest.raises(AttributeError):
        model_for(2).scale = 3  # type: ignore[misc]
