"""What the panel's settings stand for: the options of a run."""

from __future__ import annotations

from typing import Any

from ..core.network.models import available_models
from ..core.options import DEFAULT_MODEL

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
    """The options of the best quality for a scale: the largest network if more than the default one is bundled, else
    the mean over eight orientations.
    """
    cards = [card for card in available_models() if card.scale == scale]
    largest = max(cards, key=lambda card: int(card.details.get("parameters", 0)))
    return {"bestQuality": True} if largest.family == DEFAULT_MODEL else {"model": largest.family}
