"""What every bundled model makes of one small image, value by value: no change of code or torch moves it unseen.

The stored arrays are the float32 results on a CPU. After a model was replaced on purpose, delete its file in
``snapshots`` and run ``python Testing/core/network/test_snapshots.py``, which writes those that are missing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from DURNSuperResLib.core.network.models import ModelCard, available_models

SNAPSHOTS = Path(__file__).parent / "snapshots"
TOLERANCE = 1e-4  # of the intensity range; processors sum in another order


def _image() -> NDArray[np.float32]:
    """``(1, 1, 14, 18)``: a bright disc on a slope with a fine wave, without random numbers."""
    rows, columns = np.mgrid[:14, :18] / 14
    disc = 1 / (1 + np.exp(40 * (np.hypot(rows - 0.5, columns - 0.6) - 0.3)))
    return np.float32(0.2 * columns + 0.6 * disc + 0.05 * np.sin(9 * rows + 14 * columns))[None, None]


def _made_by(card: ModelCard) -> NDArray[np.float32]:
    import torch

    from DURNSuperResLib.core.network.network import Durn, DurnConfig

    network = Durn(DurnConfig.from_dict(dict(card.architecture)))
    network.load_state_dict(card.load_state_dict())
    with torch.inference_mode():
        return network(torch.from_numpy(_image()))[0, 0].numpy()


@pytest.mark.parametrize("card", available_models(), ids=lambda card: card.name)
def test_a_model_makes_of_an_image_what_it_made_when_it_came(card: ModelCard) -> None:
    kept = np.load(SNAPSHOTS / f"{card.name}.npy")
    np.testing.assert_allclose(_made_by(card), kept, rtol=0, atol=TOLERANCE)
    assert np.ptp(kept) > 0.5


def test_every_snapshot_is_of_a_model() -> None:
    assert {path.stem for path in SNAPSHOTS.glob("*.npy")} == {card.name for card in available_models()}


if __name__ == "__main__":
    for model in available_models():
        if not (SNAPSHOTS / f"{model.name}.npy").exists():
            np.save(SNAPSHOTS / f"{model.name}.npy", _made_by(model))
