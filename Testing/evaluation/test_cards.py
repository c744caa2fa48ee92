"""Model cards as pages: all that the JSON states, and nothing loaded from elsewhere."""

from __future__ import annotations

import html
from pathlib import Path

from DURNSuperResLib import cli
from DURNSuperResLib.core.network.models import available_models
from DURNSuperResLib.evaluation.cards import card_page
from DURNSuperResLib.version import NOTICE


def test_a_card_states_model_training_domain_and_quality() -> None:
    for card in available_models():
        text = html.unescape(card_page(card))
        assert card.name in text
        assert card.sha256 in text
        assert NOTICE in text
        assert card.details["training"]["data"] in text
        assert card.details["domain"]["images"] in text
        figures = [values for name, values in card.details["quality"].items() if name != "command"]
        assert all(f"{of['durn'][0]:.2f}" in text for of in figures)
        assert "http://" not in text
        assert "<script" not in text


def test_the_command_writes_a_page_for_each_model(tmp_path: Path) -> None:
    assert cli.main(["models", "--cards", str(tmp_path / "cards")]) == 0
    names = sorted(path.name for path in (tmp_path / "cards").iterdir())
    assert names == sorted(f"{card.name}.html" for card in available_models())
