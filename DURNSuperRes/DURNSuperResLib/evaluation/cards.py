"""A model card as people print it: one page of HTML, from the card's JSON."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core.network.models import ModelCard
from ..report import document, section, table

USE = {
    "for": "enlarging short-axis cardiac MR slices in their plane, in research; see the domain below",
    "not for": "diagnosis; images outside the domain; phase images, masks, label maps",
    "how to check": "durn-superres evaluate on volumes of your own; the page of evidence has borders, areas, invention",
}
PRINTED = "<style>@media print { body { font-size: 7pt; } th, td { padding: 0 .4em 0 0; } }</style>"  # on one page
APART = ("architecture", "domain", "training", "quality")  # have sections of their own


def write_cards(cards: tuple[ModelCard, ...], folder: Path) -> list[Path]:
    """Write the page of each card into ``folder``; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{card.name}.html" for card in cards]
    for card, path in zip(cards, paths, strict=True):
        path.write_text(card_page(card), encoding="utf-8")
    return paths


def card_page(card: ModelCard) -> str:
    """The page of one model: all that its card states, in the order in which a reader asks."""
    details = card.details
    training = dict(details.get("training", {}))
    configuration = {**training.pop("configuration", {})}
    configuration.pop("architecture", None)  # stated above
    quality = dict(details.get("quality", {}))
    measured_by = quality.pop("command", None)
    model = {"name": card.name, "magnification": card.scale, "sha256": card.sha256}
    sections = (
        ("Use", USE),
        ("Domain", details.get("domain", {})),
        ("Model", {**model, **{name: value for name, value in details.items() if name not in APART}}),
        ("Architecture", card.architecture),
        ("Training", training),
        ("Configuration", _flat(configuration)),
    )
    body = "".join(section(title, values) for title, values in sections if values)
    figures = f"<section><h2>Quality</h2>{table(_quality(quality))}<p>{_figures_note(measured_by)}</p></section>"
    return document(f"Model card: {card.name}", f"{PRINTED}<main>\n{body}{figures if quality else ''}</main>")


def _quality(quality: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    rows = [["data, degradation", "method", "PSNR, dB", "SSIM"]]
    for place, methods in quality.items():
        for method, figures in methods.items():
            decibels, similarity = figures[:2]
            rows.append([place, method, f"{decibels:.2f}", f"{similarity:.4f}"])
    return rows


def _figures_note(command: str | None) -> str:
    return f"Means over slices, as printed by {command}." if command else "Means over slices."


def _flat(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Nested entries as one level, names joined."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{before}{name}: ")
        else:
            found[before + name] = value
    return found
