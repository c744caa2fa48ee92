"""What the panel's settings stand for: the options of a run."""

from __future__ import annotations

from typing import Any

from ..core.network.models import available_models
from ..core.options import DEFAULT_MODEL

EIGHT_PASSES_GAIN = 0.08  # dB, of the default model (Documentation/Physicist.md)
PASSED_ON = ("device", "precision", "sliceAxis", "keepType", "keepMeasured", "wholeCine")


def options_of(parameters: Any) -> dict[str, Any]:
    """The keywords of the logic's ``process`` that a parameter node asks for, in Slicer's spelling."""
    how: dict[str, Any] = {name: getattr(parameters, name) for name in PASSED_ON}
    how["method"] = parameters.method.value
    if how["method"] != "durn":
        return how
    how["uncertainty"] = parameters.uncertainty
    return how | (best_for(parameters.scale) if parameters.quality.value == "best" else {})


def best_for(scale: int) -> dict[str, Any]:
    """The options of the best quality for a scale: the network of the best stated figures if they are better by more
    than the mean over eight orientations of the default one brings, else that mean.
    """
    decibels = {card.family: card.decibels for card in available_models() if card.scale == scale}
    best = max(decibels, key=lambda family: decibels[family])
    gain = decibels[best] - decibels[DEFAULT_MODEL]
    return {"model": best} if gain > EIGHT_PASSES_GAIN else {"bestQuality": True}
