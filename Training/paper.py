"""Set5 and Set14 by the protocol of the paper's table: is the rebuilt DURN as good as the one that was described?

    python -m Training.paper [CHECKPOINT ...] --data DATA [--table Training/PAPER.md]

Photographs, so nothing here ships. The image is cropped to a multiple of the scale and reduced by antialiased bicubic
on RGB in floating point. The network enlarges the luma (16 to 235), bicubic enlarges RGB before the luma is taken; what
they give is rounded to 8 bits. PSNR and SSIM of the luma, a border of ``scale`` pixels removed.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch
from numpy.typing import NDArray

from DURNSuperResLib.core.network.network import Durn
from DURNSuperResLib.core.signal.quality import psnr, ssim
from DURNSuperResLib.core.signal.resampling import bicubic_downscale, bicubic_upscale
from Training.results import markdown
from Training.task import trained_network

FloatArray = NDArray[np.float64]

LUMA = np.array([65.481, 128.553, 24.966]) / 255  # ITU-R BT.601, of RGB in 0 to 255
SETS = ("Set5", "Set14")
SCALES = (2, 3, 4)
PUBLISHED = {  # PSNR in dB on Set5 at x2, x3 and x4; VDSR: arXiv 1511.04587
    "DURN as published (Qiu et al. 2022)": (37.86, 33.96, 31.65),
    "VDSR as published (Kim et al. 2016)": (37.53, 33.66, 31.35),
}
INTRODUCTION = """# The literal network against the paper

The literal `durn` trained on 291 photographs (T91 and BSD200) by the files of `configs/paper`, with SOAP in place of
the paper's Adam; the paper does not name its training set. Each run was lengthened once with these figures in view, so
Set5 is no unseen test of its length. PSNR in dB and SSIM on the luma by the paper's protocol, as `Training/paper.py`
states it. These weights do not ship. Trained (x2 first, the others start from it) and written by

```bash
python -m Training.train Training/configs/paper/durn-x2.yaml --data DATA --output runs/paper/x2  # likewise x3, x4
python -m Training.paper runs/paper/x?/last.ckpt --data DATA --table Training/PAPER.md
```
"""


def main(arguments: list[str] | None = None) -> None:
    """Command line entry."""
    parser = argparse.ArgumentParser(description="Score bicubic, and networks trained here, on Set5 and Set14.")
    parser.add_argument("checkpoints", type=Path, nargs="*", help="of runs of Training.train, one a scale")
    parser.add_argument("--data", type=Path, required=True, help="folder with natural/")
    parser.add_argument("--table", type=Path, help="Markdown file to write the tables to, as well")
    options = parser.parse_args(arguments)
    networks = [trained_network(checkpoint) for checkpoint in options.checkpoints]
    by_scale = {network.config.scale: network for network in networks}
    parts = [INTRODUCTION]
    for name in SETS:
        paths = sorted((options.data / "natural" / name).glob("*.png"))
        images = [sitk.GetArrayFromImage(sitk.ReadImage(str(path))).astype(np.float64) for path in paths]
        parts.append(_table(name, images, by_scale))
        print(parts[-1], flush=True)
    parts.append("\n".join(map(_run, networks, options.checkpoints)))
    print(parts[-1])
    if options.table:
        options.table.write_text("\n".join(parts) + "\n", encoding="utf-8")


def bicubic_figures(rgb: FloatArray, scale: int) -> tuple[float, float]:
    """PSNR in dB and SSIM of bicubic on ``(rows, columns, 3)`` in 0 to 255."""
    truth, low = _reduced(rgb, scale)
    enlarged = np.moveaxis(bicubic_upscale(np.moveaxis(low, -1, 0), scale), 0, -1)
    return _figures(luma(np.rint(enlarged).clip(0, 255)), luma(truth), scale)


def network_figures(rgb: FloatArray, network: Durn) -> tuple[float, float]:
    """PSNR in dB and SSIM of ``network`` on ``(rows, columns, 3)`` in 0 to 255."""
    scale = network.config.scale
    truth, low = _reduced(rgb, scale)
    image = torch.from_numpy(luma(low) / 255).float()[None, None]
    with torch.inference_mode():
        enlarged = network(image)[0, 0].double().numpy() * 255
    return _figures(np.rint(enlarged), luma(truth), scale)


def luma(rgb: FloatArray) -> FloatArray:
    """Luma in 16 to 235 of ``(rows, columns, 3)`` in 0 to 255."""
    return 16 + rgb @ LUMA


def _reduced(rgb: FloatArray, scale: int) -> tuple[FloatArray, FloatArray]:
    rows, columns = (size // scale * scale for size in rgb.shape[:2])
    truth = rgb[:rows, :columns]
    return truth, np.moveaxis(bicubic_downscale(np.moveaxis(truth, -1, 0), scale), 0, -1)


def _figures(image: FloatArray, truth: FloatArray, border: int) -> tuple[float, float]:
    a, b = (x.clip(0, 255)[border:-border, border:-border] for x in (image, truth))
    return float(psnr(a, b, 255)), float(ssim(a, b, 255))


def _table(name: str, images: list[FloatArray], networks: dict[int, Durn]) -> str:
    rows = [[name, *(f"x{scale}" for scale in SCALES)]]
    rows += [["bicubic", *(_mean([bicubic_figures(image, scale) for image in images]) for scale in SCALES)]]
    trained = [
        _mean([network_figures(image, networks[scale]) for image in images]) if scale in networks else ""
        for scale in SCALES
    ]
    if networks:
        rows.append(["**durn, trained here**", *trained])
    if name == "Set5":
        rows += [[source, *(f"{decibels:.2f}" for decibels in row)] for source, row in PUBLISHED.items()]
    return markdown(rows)


def _mean(figures: list[tuple[float, float]]) -> str:
    decibels, similarity = np.mean(figures, axis=0)
    return f"{decibels:.2f} / {similarity:.4f}"


def _run(network: Durn, checkpoint: Path) -> str:
    """One line on a run, from the record that it left beside its checkpoint."""
    record = json.loads((checkpoint.parent / "record.json").read_text(encoding="utf-8"))
    where = f"{record['device']}, commit {record['commit']}"
    return f"x{network.config.scale}: {record['steps']} steps in {record['hours']} h, {where}.\n"


if __name__ == "__main__":
    main()
