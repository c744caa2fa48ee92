"""Set5 and Set14 by the protocol of the paper's table: is the rebuilt DURN as good as the one that was described?

    python -m Training.paper --data DATA [CHECKPOINT CONFIG]

Photographs, so nothing here ships. The image is cropped to a multiple of the scale and reduced by antialiased bicubic
on RGB in floating point. The network enlarges the luma (16 to 235), bicubic enlarges RGB before the luma is taken; what
they give is rounded to 8 bits. PSNR and SSIM of the luma, a border of ``scale`` pixels removed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch
import yaml
from numpy.typing import NDArray

from DURNSuperResLib.core.network import Durn
from DURNSuperResLib.core.quality import psnr, ssim
from DURNSuperResLib.core.resample import bicubic_downscale, bicubic_upscale
from Training.export import trained_network

FloatArray = NDArray[np.float64]

LUMA = np.array([65.481, 128.553, 24.966]) / 255  # ITU-R BT.601, of RGB in 0 to 255
SETS = ("Set5", "Set14")


def main(arguments: list[str] | None = None) -> None:
    """Command line entry."""
    parser = argparse.ArgumentParser(description="Score bicubic, and a trained DURN, on Set5 and Set14.")
    parser.add_argument("checkpoint", type=Path, nargs="?", help="of a run of Training.train; bicubic alone without")
    parser.add_argument("config", type=Path, nargs="?", help="the YAML file it was trained from")
    parser.add_argument("--data", type=Path, required=True, help="folder with natural/")
    options = parser.parse_args(arguments)
    network = None
    if options.checkpoint:
        network = trained_network(options.checkpoint, yaml.safe_load(options.config.read_text())).eval()
    for name in SETS:
        paths = sorted((options.data / "natural" / name).glob("*.png"))
        images = [sitk.GetArrayFromImage(sitk.ReadImage(str(path))).astype(np.float64) for path in paths]
        for scale in (2, 3, 4) if network is None else (network.config.scale,):
            print(f"{name} x{scale}  bicubic  {_line([bicubic_figures(image, scale) for image in images])}")
            if network is not None:
                print(f"{name} x{scale}  durn     {_line([network_figures(image, network) for image in images])}")


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


def _line(figures: list[tuple[float, float]]) -> str:
    decibels, similarity = np.mean(figures, axis=0)
    return f"{decibels:.2f} dB  {similarity:.4f}"


if __name__ == "__main__":
    main()
