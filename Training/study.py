"""The architecture study: train each variant of a study file for the same number of steps, then print one table.

    python -m Training.study Training/study.yaml --data DATA --output RUNS --table Training/STUDY.md

A variant whose run is complete is not trained again, so a stopped study goes on where it was.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch
import yaml

from DURNSuperResLib.core.signal.quality import psnr
from Training.cost import milliseconds, multiply_adds
from Training.data import VALIDATED, validation_pairs
from Training.task import steps_of, trained_network
from Training.train import train

INTRODUCTION = """# Architecture study

Every variant of [study.yaml](study.yaml) trained alike: {max_steps} steps of {batch} patches of {patch} x {patch}
pixels, {optimizer}. So few steps tell which variant learns faster, not which is better in the end. PSNR on the
validation patients' cine slices; multiply-adds of a 128 x 128 slice; time of a 256 x 256 slice in float32 on {threads}
threads, the network as it is trained. Written by

```bash
python -m Training.study Training/study.yaml --data DATA --output RUNS --table Training/STUDY.md
```
"""


def main(arguments: list[str] | None = None) -> None:
    """Command line entry."""
    parser = argparse.ArgumentParser(description="Train variants of DURN at an equal budget and compare them.")
    parser.add_argument("study", type=Path, help="YAML file with the common settings and the variants")
    parser.add_argument("--data", type=Path, required=True, help="folder with cmr/ and pretrain/")
    parser.add_argument("--output", type=Path, required=True, help="folder for one run a variant")
    parser.add_argument("--table", type=Path, help="Markdown file to write the table to, as well")
    options = parser.parse_args(arguments)
    study = yaml.safe_load(options.study.read_text())
    scale, common = study["scale"], study["common"]
    lines = [
        INTRODUCTION.format(**common, threads=torch.get_num_threads()),
        f"| x{scale} | parameters | GMACs | " + " | ".join(f"{name} dB" for name in VALIDATED) + " | ms a slice |",
        "|---" * (4 + len(VALIDATED)) + "|",
    ]
    print("\n".join(lines))
    for name, architecture in study["variants"].items():
        config = {**common, "architecture": {"scale": scale, **architecture}}
        lines.append(row(name, config, options.data, options.output / name))
        print(lines[-1], flush=True)
    if options.table:
        options.table.write_text("\n".join(lines) + "\n")


def row(name: str, config: dict[str, Any], data: Path, run: Path) -> str:
    """Train one variant, unless its run is complete, and describe it as a row of the table."""
    checkpoint = run / "last.ckpt"
    if not checkpoint.exists() or steps_of(checkpoint) < config["max_steps"]:
        train(config, data, run, resume=True)
    network = trained_network(checkpoint)
    scale = network.config.scale
    figures = []
    for degradation in VALIDATED:
        low, truth = validation_pairs(data, scale, degradation)
        with torch.inference_mode():
            image = torch.cat([network(batch) for batch in low.split(10)])
        inside = (slice(None), 0, slice(scale, -scale), slice(scale, -scale))
        figures.append(f"{psnr(image[inside].numpy().clip(0, 1), truth[inside].numpy()).mean():.2f}")
    parameters = sum(p.numel() for p in network.parameters())
    cells = [name, f"{parameters:,}", f"{multiply_adds(network) / 1e9:.2f}", *figures, f"{milliseconds(network):.0f}"]
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
