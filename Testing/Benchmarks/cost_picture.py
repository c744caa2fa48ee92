"""Picture of what each method costs and how close it comes: dB over the time of a slice.

    python -m Testing.Benchmarks.cost_picture --data DATA --output Resources/cost.png

Quality is the mean PSNR of the Sunnybrook validation patients after k-space truncation, x2; time is that of a slice of
256 x 256 on this machine, all in turns. Networks of others are there with their time alone: it needs no weights.
"""

from __future__ import annotations

import argparse
import functools
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from DURNSuperResLib import upscale_slices
from DURNSuperResLib.core.network.models import families
from DURNSuperResLib.core.network.processor import has_bfloat16
from DURNSuperResLib.evaluation.methods import CLASSICAL, X8
from DURNSuperResLib.evaluation.scores import score
from DURNSuperResLib.evaluation.test_sets import sunnybrook_validation
from Testing.Benchmarks import rivals
from Testing.Benchmarks.timing import best_seconds

SCALE, SIZE, ROUNDS = 2, 256, 8
BEST = "best quality"
OTHERS = {"LKFMixer-T": rivals.lkfmixer_tiny, "LKMN-T": rivals.lkmn_tiny, "EDSR-baseline": rivals.edsr_baseline}
COLOURS = {"float32": "tab:blue", "bfloat16": "tab:green", BEST: "tab:red"}


def main(arguments: list[str] | None = None) -> None:
    """Command line entry."""
    parser = argparse.ArgumentParser(description="Picture of quality over time, all methods at x2.")
    parser.add_argument("--data", type=Path, required=True, help="folder with cmr/")
    parser.add_argument("--output", type=Path, required=True, help=".png file")
    options = parser.parse_args(arguments)
    seconds = {name: seconds for kind in (_classical(), _models(), _others()) for name, seconds in kind.items()}
    decibels = _decibels(options.data)
    for name, time in seconds.items():
        quality = decibels.get(_method(name))
        print(f"{name:<28}{1e3 * time:>8.1f} ms{'' if quality is None else f'{quality:>8.2f} dB'}")
    _draw(seconds, decibels, options.output)


def _method(name: str) -> str:
    """What of a timed name decides on the quality: precision does not, within 0.01 dB."""
    return name.removesuffix(", float32").removesuffix(", bfloat16")


def _classical() -> dict[str, float]:
    image = np.random.default_rng(0).random((SIZE, SIZE))
    return best_seconds({name: functools.partial(way, image, SCALE) for name, way in CLASSICAL.items()}, ROUNDS)


def _models() -> dict[str, float]:
    """Through the engine, the measured band kept; each by itself, since the engine keeps one network ready."""
    image = np.random.default_rng(0).random((1, SIZE, SIZE), dtype=np.float32)
    found = {}
    for model in families(SCALE):
        for precision in ("float32", "bfloat16") if has_bfloat16() else ("float32",):
            action = functools.partial(upscale_slices, image, SCALE, model=model, device="cpu", precision=precision)
            found |= best_seconds({f"{model}, {precision}": action}, ROUNDS)
        found[f"{model}, {BEST}"] = best_seconds(
            {BEST: functools.partial(action, precision="float32", best_quality=True)}, max(1, ROUNDS // 8)
        )[BEST]
    return found


@torch.inference_mode()
def _others() -> dict[str, float]:
    image = torch.rand(1, 1, SIZE, SIZE)
    actions = {name: functools.partial(make(SCALE), image) for name, make in OTHERS.items()}
    return best_seconds(actions, max(1, ROUNDS // 2))


def _decibels(data: Path) -> dict[str, float]:
    patients = sunnybrook_validation(data)
    found = {row.method: row.means[0] for row in score(patients, SCALE, "kspace", CLASSICAL)}
    for model in families(SCALE):
        plain, best = score(patients, SCALE, "kspace", ("durn", X8), model)
        found |= {model: plain.means[0], f"{model}, {BEST}": best.means[0]}
    return found


def _draw(seconds: dict[str, float], decibels: dict[str, float], output: Path) -> None:
    figure = Figure(figsize=(8, 4.2), layout="constrained")
    axes: Axes = figure.subplots()
    lowest = min(decibels.values())
    for name, time in seconds.items():
        if name in OTHERS:
            axes.axvline(1e3 * time, color="0.8", lw=1)
            axes.text(1e3 * time, lowest, f" {name}", rotation=90, va="bottom", ha="right", color="0.5", fontsize=8)
            continue
        kind = name.rpartition(", ")[2]
        axes.scatter(1e3 * time, decibels[_method(name)], color=COLOURS.get(kind, "0.4"), zorder=2)
        words = name.replace(", ", ",\n")
        offset = {"xytext": (0, 7), "textcoords": "offset points", "ha": "center"}
        axes.annotate(words, (1e3 * time, decibels[_method(name)]), **offset, fontsize=8)
    axes.set(
        xscale="log",
        xlabel=f"ms for a slice of {SIZE} x {SIZE} on {torch.get_num_threads()} threads",
        ylabel="PSNR, dB (Sunnybrook, k-space, x2)",
    )
    axes.margins(x=0.12, y=0.16)
    figure.savefig(output, dpi=110)


if __name__ == "__main__":
    main()
