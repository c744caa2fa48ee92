"""``durn-superres models``: what is bundled, what it costs, how good it is, and what it was trained on."""

from __future__ import annotations

from ..core.network.models import ModelCard, available_models, model_for
from ..core.options import DEFAULT_MODEL


def models() -> None:
    """Print a paragraph for each model."""
    for card in available_models():
        training = card.details.get("training", {})
        print(f"{card.family}  x{card.scale}  {card.details.get('parameters', '?')} parameters  {card.sha256[:12]}")
        print(f"    {_cost_and_quality(card)}")
        print(f"    trained on: {training.get('data', 'not stated')}")
        domain = card.details.get("domain", {})
        pixels = " to ".join(str(edge) for edge in domain.get("input_pixel_mm", ["not stated"]))
        print(f"    domain: {domain.get('images', 'not stated')}; trained on input pixels of {pixels} mm")
    print("bicubic  x2, x3, x4  needs no torch")


def _cost_and_quality(card: ModelCard) -> str:
    """Multiply-adds beside those of the default model, and dB on patients and a scanner not trained on."""
    own, default = (each.details.get("operations") for each in (card, model_for(card.scale)))
    cost = f"{own / default:.1f} times the operations of {DEFAULT_MODEL}" if own and default else "cost not stated"
    figures = {name: of for name, of in card.details.get("quality", {}).items() if name != "command"}
    quality = ", ".join(f"{name} {of['durn'][0]:.2f} ({of['bicubic'][0]:.2f})" for name, of in figures.items())
    return f"{cost}; PSNR dB (bicubic's): {quality or 'not stated'}"
