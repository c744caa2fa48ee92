"""How close to the machine's ceiling the network runs, what a slice and a whole run cost, and what others cost.

    python -m Testing.Benchmarks.benchmark [--quick] [--json FILE] [--output Testing/Benchmarks/RESULTS.md]

Timings hold for the machine and the moment; the ratios within one run are what counts. Run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import functools
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # as the engine does, before torch is imported
import torch
from numpy.typing import NDArray
from torch import nn

from DURNSuperResLib import upscale_slices
from DURNSuperResLib.core.network.fused import FusedDurn
from DURNSuperResLib.core.network.inference import BATCH_PIXELS, _load
from DURNSuperResLib.core.network.models import model_for
from DURNSuperResLib.core.network.network import Durn, DurnConfig, in_channels_last
from DURNSuperResLib.core.options import SCALES
from Testing.Benchmarks import rivals, whole_runs
from Testing.Benchmarks.timing import best_seconds, hand_out, table

CPU = torch.device("cpu")
SIZE = 256  # rows and columns of the slice that everything is timed on
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
LAYOUTS = {"channels-last": torch.channels_last, "default": torch.contiguous_format}
BORDER = 8  # mirrored pixels around a slice that SimpleITK resamples
STACK = 8  # slices that the engine enlarges in one call


def main(arguments: list[str] | None = None) -> None:
    """Command line entry."""
    parser = argparse.ArgumentParser(description="Measure the network, the engine and whole runs on this machine.")
    parser.add_argument("--quick", action="store_true", help="few rounds, small images, no RCAN: only a trial")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--output", type=Path, help="write the tables to this file")
    options = parser.parse_args(arguments)
    figures = measure(quick=options.quick)
    hand_out(figures, report(figures), options)


def measure(*, quick: bool = False) -> dict[str, Any]:
    """All figures, in seconds, multiply-adds and bytes."""
    rounds, size = (2, 48) if quick else (12, SIZE)
    version = torch.__version__.partition("+")[0]
    return {
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, torch {version}",
        "size": size,
        "layers": layer_figures(rounds, size),
        "slice": slice_figures(rounds, size, with_rcan=not quick),
        "batch": batch_figures(rounds, size // 2),
        **whole_runs.measure(quick=quick),
    }


@torch.inference_mode()
def layer_figures(rounds: int, size: int) -> dict[str, float]:
    """Multiply-adds a second of one 64-channel 3 x 3 convolution, by precision and memory layout: the ceiling."""
    actions: dict[str, Callable[[], object]] = {}
    for precision, dtype in PRECISIONS.items():
        for layout, memory in LAYOUTS.items():
            conv = nn.Conv2d(64, 64, 3, padding=1).to(dtype).to(memory_format=memory)  # type: ignore[call-overload]
            image = torch.rand(1, 64, size, size).to(dtype).contiguous(memory_format=memory)
            actions[f"{precision} {layout}"] = functools.partial(conv, image)
    return {name: 64 * 64 * 9 * size**2 / seconds for name, seconds in best_seconds(actions, 4 * rounds).items()}


@torch.inference_mode()
def slice_figures(rounds: int, size: int, *, with_rcan: bool) -> dict[str, dict[str, float]]:
    """Seconds and multiply-adds of one slice, for networks, the engine around them, rivals and resampling filters."""
    image = torch.rand(1, 1, size, size)
    actions = {f"SimpleITK {name}": _resampling(image[0, 0].numpy(), kind) for name, kind in FILTERS.items()}
    counts: dict[str, int] = {}
    plain: dict[str, nn.Module] = {"literal durn x2, as written": in_channels_last(Durn(DurnConfig(2)).eval())}
    plain |= {"LKMN-T x2": rivals.lkmn_tiny(2), "LKFMixer-T x2": rivals.lkfmixer_tiny(2)}
    plain |= {"EDSR-baseline x2": rivals.edsr_baseline(2)} | ({"RCAN x2": rivals.rcan(2)} if with_rcan else {})
    for name, network in plain.items():
        counts[f"{name}, float32"] = multiply_adds(network, image)
        actions[f"{name}, float32"] = functools.partial(network, image)
    durns = {"literal durn x2": Durn(DurnConfig(2)), **{f"shipped x{s}": _load(model_for(s)) for s in SCALES}}
    for name, durn in durns.items():
        for precision, dtype in PRECISIONS.items():
            counts[f"{name}, {precision}"] = multiply_adds(durn, image)
            actions[f"{name}, {precision}"] = functools.partial(FusedDurn(durn, CPU, dtype), image)
            if name.endswith("x2"):
                alone = f"{name}, its convolutions alone, {precision}"
                counts[alone] = counts[f"{name}, {precision}"]
                actions[alone] = convolutions_alone(durn, image, dtype)
    seconds = best_seconds(actions, rounds)
    stack = torch.rand(STACK, size, size).numpy()
    for precision in PRECISIONS:  # one after the other, since the engine keeps one network ready
        name = f"engine with shipped x2, {STACK} slices, each, {precision}"
        counts[name] = counts[f"shipped x2, {precision}"]
        options = {"device": "cpu", "precision": precision}
        whole = best_seconds({name: functools.partial(upscale_slices, stack, 2, **options)}, rounds)
        seconds[name] = whole[name] / STACK
    return {name: {"seconds": seconds[name], "multiply_adds": counts.get(name, 0)} for name in seconds}


def batch_figures(rounds: int, size: int) -> dict[str, dict[int, float]]:
    """Seconds a slice of ``size`` rows and columns with the shipped x2 model, by precision and slices a batch."""
    network = _load(model_for(2))
    figures = {}
    for precision, dtype in PRECISIONS.items():
        fused = FusedDurn(network, CPU, dtype)
        batches = {str(n): functools.partial(fused, torch.rand(n, 1, size, size)) for n in (1, 2, 4, 8)}
        figures[precision] = {int(n): seconds / int(n) for n, seconds in best_seconds(batches, rounds).items()}
    return figures


FILTERS = {"B-spline": sitk.sitkBSpline3, "Lanczos": sitk.sitkLanczosWindowedSinc}


def _resampling(pixels: NDArray, kind: int) -> Callable[[], object]:
    padded = sitk.GetImageFromArray(np.pad(pixels, BORDER, mode="symmetric"))
    start = BORDER - 0.25  # the first fine pixel's centre
    grid = [2 * size for size in pixels.shape], sitk.Transform(), kind, [start, start], [0.5, 0.5], [1, 0, 0, 1]
    return functools.partial(sitk.Resample, padded, *grid)


def convolutions_alone(network: nn.Module, image: torch.Tensor, dtype: torch.dtype) -> Callable[[], object]:
    """The convolutions of a network one after another, on features that are there: its layer mix."""
    calls: list[Callable[[], object]] = []
    features: dict[torch.Size, torch.Tensor] = {}

    def note(module: nn.Module, inputs: tuple[torch.Tensor], _: torch.Tensor) -> None:
        assert isinstance(module, (nn.Conv2d, nn.ConvTranspose2d))
        weight = module.weight.transpose(0, 1) if isinstance(module, nn.ConvTranspose2d) else module.weight
        weight = weight.to(dtype).contiguous(memory_format=torch.channels_last)
        shape = inputs[0].shape
        given = torch.rand(shape).to(dtype).contiguous(memory_format=torch.channels_last)
        calls.append(functools.partial(nn.functional.conv2d, features.setdefault(shape, given), weight, padding=1))

    _visit(network, image, note)

    def run() -> None:
        for call in calls:
            call()

    return run


def multiply_adds(network: nn.Module, image: torch.Tensor) -> int:
    """Of all convolutions of a network for one image, each transposed one counted at its input."""
    total = 0

    def count(module: nn.Module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        nonlocal total
        assert isinstance(module, (nn.Conv2d, nn.ConvTranspose2d))
        pixels = inputs[0] if isinstance(module, nn.ConvTranspose2d) else output
        total += module.weight.numel() * pixels.shape[2] * pixels.shape[3]

    _visit(network, image, count)
    return total


def _visit(network: nn.Module, image: torch.Tensor, look: Callable[..., None]) -> None:
    """Run a network and call ``look`` with each convolution, its inputs and its output."""
    layers = [layer for layer in network.modules() if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d))]
    hooks = [layer.register_forward_hook(look) for layer in layers]
    network(image)
    for hook in hooks:
        hook.remove()


def report(figures: dict[str, Any]) -> str:
    """The tables as Markdown."""
    size, layers, slices = figures["size"], figures["layers"], figures["slice"]
    ceiling = {precision: max(v for k, v in layers.items() if k.startswith(precision)) for precision in PRECISIONS}
    spline = slices["SimpleITK B-spline"]["seconds"]
    rows = []
    for name, entry in slices.items():
        precision = name.rpartition(" ")[2]
        rate = entry["multiply_adds"] / entry["seconds"]
        rows.append(
            [
                name,
                f"{1000 * entry['seconds']:.1f}",
                f"{entry['seconds'] / spline:.1f}",
                f"{entry['multiply_adds'] / 1e9:.1f}" if rate else "",
                f"{rate / ceiling[precision]:.0%}" if rate else "",
            ]
        )
    return "\n\n".join(
        [
            "# What a run costs",
            f"`python -m Testing.Benchmarks.benchmark --output Testing/Benchmarks/RESULTS.md` on {figures['machine']}. "
            "Timings are the best of several turns; compare them within this page.",
            f"## The ceiling\n\nOne 3 x 3 convolution of 64 to 64 channels, {size} x {size} pixels:",
            table(["layout", "GMAC/s"], [[name, f"{rate / 1e9:.0f}"] for name, rate in layers.items()]),
            f"## One slice of {size} x {size}\n\nMultiply-adds are those of the network as written.",
            table(["", "ms", "x B-spline", "GMAC", "of the ceiling"], rows),
            f"## Slices a batch\n\nMilliseconds a slice of {size // 2} x {size // 2}; the engine takes "
            f"{BATCH_PIXELS['cpu'] // (size // 2) ** 2} of this size at once.",
            table(
                ["precision", *map(str, next(iter(figures["batch"].values())))],
                [[name, *(f"{1000 * s:.1f}" for s in row.values())] for name, row in figures["batch"].items()],
            ),
            whole_runs.report(figures),
        ]
    )


if __name__ == "__main__":
    main()
