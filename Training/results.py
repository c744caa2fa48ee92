"""Score the bundled models against the classical methods and write the tables.

python -m Training.results --data DATA --output Training/RESULTS.md
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from DURNSuperResLib.core.network.models import ModelCard, available_models
from DURNSuperResLib.core.signal.degradation import DEGRADATIONS
from DURNSuperResLib.evaluation.methods import METHODS, NOTHING_KEPT
from DURNSuperResLib.evaluation.scores import Score, score
from DURNSuperResLib.evaluation.test_sets import TestSet, other_vendor_cine, sunnybrook_validation

INTRODUCTION = """# Results

Mean PSNR in dB, SSIM and edge sharpness (1 is as steep as the truth) of the bundled models, on patients and a scanner
that they were not trained on. No validation image was trained on; the configurations were not tuned on the other
vendor's cine. Written by

```bash
python -m Training.results --data DATA --output Training/RESULTS.md
```

[STUDY.md](STUDY.md) compares variants of the network, [PAPER.md](PAPER.md) holds the literal one against the paper.
`durn-superres evaluate --data DATA --protocol targets` prints the same figures for A, B and C, and then checks that the
classical methods come out as they must.

**A** and **B**: a centre crop (144 x 144 of the 90 cine slices of five Sunnybrook patients; 192 x 192 of 28 slices of a
Siemens 3 T cine), divided by its 99.9th percentile and clipped to [0, 1], reduced by antialiased bicubic; figures with
peak 1 after clipping, a border of `scale` pixels removed. **C**: the whole slice reduced by k-space truncation, as a
scanner loses resolution; figures on the same centre crop. Other ways to lose resolution, all after k-space truncation:
a Hamming or Tukey window, partial Fourier acquisition (0.75, rows), Rician noise of 1 % of the 99.9th percentile.

In all but A and B, DURN keeps what was measured, as the software does unless told otherwise. A scanner's window is part
of what is kept: with nothing kept the network sharpens what the window has weakened, and comes closer to the truth.
"""

OTHER_METHODS = ("bicubic", "zero-filled", NOTHING_KEPT, "durn")
Figures = dict[tuple[str, str, str], list[Score]]  # by set, degradation and model


def main(arguments: list[str] | None = None) -> None:
    """Command line entry."""
    parser = argparse.ArgumentParser(description="Write the tables of all bundled models.")
    parser.add_argument("--data", type=Path, required=True, help="folder with cmr/")
    parser.add_argument("--output", type=Path, required=True, help="Markdown file")
    options = parser.parse_args(arguments)
    logging.getLogger("DURNSuperResLib").setLevel(logging.WARNING)
    sets = (sunnybrook_validation(options.data), other_vendor_cine(options.data))
    cards = list(available_models())
    figures = {key: value for card in cards for key, value in _scored(sets, card).items()}
    parts = [INTRODUCTION]
    for card in cards:
        training = card.details["training"]
        start = " from earlier weights" if "start_from" in training["configuration"] else ""
        parts += [
            f"## x{card.scale}: `{card.name}`, {training['steps']} steps{start}\n",
            _methods(figures, sets, card),
        ]
        parts += ["Other ways to lose resolution, Sunnybrook:\n", _others(figures, sets[0].name, card)]
    smallest = min(gain for card in cards for gain in _gains(figures, sets, card))
    parts += [f"## Patient by patient\n\nPSNR of DURN less that of bicubic, in dB; the smallest is {smallest:+.2f}.\n"]
    for card in cards:
        parts += [f"`{card.name}`:\n", _patients(figures, sets, card)]
    options.output.write_text("\n".join(parts), encoding="utf-8")


def _scored(sets: tuple[TestSet, ...], card: ModelCard) -> Figures:
    found: Figures = {}
    for test_set in sets:
        for degradation in DEGRADATIONS:
            main_table = degradation in ("bicubic", "kspace")
            if main_table or test_set is sets[0]:
                methods = METHODS if main_table else OTHER_METHODS
                rows = score(test_set, card.scale, degradation, methods, card.family)
                found[test_set.name, degradation, card.name] = rows
                print(f"{card.name} {test_set.name} {degradation}", flush=True)
    return found


def _columns(sets: tuple[TestSet, ...]) -> list[tuple[str, str, str]]:
    letters = zip("AB", sets, strict=True)
    return [
        (test_set.name, degradation, f"{letter if degradation == 'bicubic' else 'C on ' + letter}: {test_set.name}")
        for letter, test_set in letters
        for degradation in ("bicubic", "kspace")
    ]


def _methods(figures: Figures, sets: tuple[TestSet, ...], card: ModelCard) -> str:
    columns = _columns(sets)
    rows = [["method", *(title for *_, title in columns)]]
    for index, method in enumerate(METHODS):
        cells = [_cell(figures[name, degradation, card.name][index]) for name, degradation, _ in columns]
        rows.append(_bold([method, *cells]))
    return markdown(rows)


def _others(figures: Figures, name: str, card: ModelCard) -> str:
    others = [degradation for degradation in DEGRADATIONS if degradation not in ("bicubic", "kspace")]
    rows = [["method", *others]]
    for index, method in enumerate(OTHER_METHODS):
        rows.append(_bold([method, *(_cell(figures[name, degradation, card.name][index]) for degradation in others)]))
    return markdown(rows)


def _patients(figures: Figures, sets: tuple[TestSet, ...], card: ModelCard) -> str:
    tables = []
    for test_set in sets:
        ways = [way for way in DEGRADATIONS if (test_set.name, way, card.name) in figures]
        gains = [_gain_by_patient(figures[test_set.name, way, card.name]) for way in ways]
        rows = [[test_set.name, *ways]]
        rows += [[patient, *(f"{gain[patient]:+.2f}" for gain in gains)] for patient in gains[0]]
        tables.append(markdown(rows))
    return "\n".join(tables)


def _gains(figures: Figures, sets: tuple[TestSet, ...], card: ModelCard) -> list[float]:
    names = [test_set.name for test_set in sets]
    return [
        gain
        for (name, _, model), scores in figures.items()
        if name in names and model == card.name
        for gain in _gain_by_patient(scores).values()
    ]


def _gain_by_patient(scores: list[Score]) -> dict[str, float]:
    by_method = {row.method: row.by_patient() for row in scores}
    return {
        patient: own.means[0] - by_method["bicubic"][patient].means[0] for patient, own in by_method["durn"].items()
    }


def _cell(row: Score) -> str:
    decibels, similarity, sharpness = row.means
    return f"{decibels:.2f} / {similarity:.4f} / {sharpness:.2f}"


def _bold(cells: list[str]) -> list[str]:
    return [f"**{cell}**" for cell in ("DURN", *cells[1:])] if cells[0] == "durn" else cells


def markdown(rows: list[list[str]]) -> str:
    """A Markdown table whose first row is its heading."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]]) + "\n"


if __name__ == "__main__":
    main()
