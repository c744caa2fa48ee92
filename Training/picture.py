"""Picture of one validation slice: truth, bicubic and DURN, and where each of them errs.

python -m Training.picture --data DATA --output Resources/validation.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from DURNSuperResLib.core.signal.degradation import DEGRADATIONS
from DURNSuperResLib.core.signal.quality import psnr
from DURNSuperResLib.evaluation.methods import CLASSICAL, durn
from DURNSuperResLib.evaluation.protocols import centre_crop, normalised
from DURNSuperResLib.evaluation.test_sets import sunnybrook_validation

ERROR_RANGE = 0.1  # of the 99.9th percentile
SHOWN = 112  # pixels, around the heart


def main(arguments: list[str] | None = None) -> None:
    """Command line entry."""
    parser = argparse.ArgumentParser(description="Picture of one validation slice with error maps.")
    parser.add_argument("--data", type=Path, required=True, help="folder with cmr/")
    parser.add_argument("--output", type=Path, required=True, help=".png file")
    parser.add_argument("--slice", type=int, default=40, help="of the 90 validation slices")
    parser.add_argument("--scale", type=int, choices=(2, 3, 4), default=3)
    options = parser.parse_args(arguments)
    patient, image = sunnybrook_validation(options.data).images[options.slice]
    truth = normalised(centre_crop(image, 144))
    low = DEGRADATIONS["bicubic"](truth, options.scale)
    enlarged = {"bicubic": CLASSICAL["bicubic"](low, options.scale), "DURN": durn(low, options.scale)}
    figure = Figure(figsize=(9, 6.4), layout="constrained")
    axes = figure.subplots(2, 3)
    _show(axes[0, 0], truth, f"truth ({patient}, not trained on)")
    _show(
        axes[1, 0], np.kron(low, np.ones((options.scale, options.scale))), f"input, 1/{options.scale} of the resolution"
    )
    for column, (name, result) in enumerate(enlarged.items(), start=1):
        _show(axes[0, column], result, f"{name} x{options.scale}, {psnr(result.clip(0, 1), truth):.2f} dB")
        error = axes[1, column].imshow(
            centre_crop(result - truth, SHOWN), cmap="RdBu_r", vmin=-ERROR_RANGE, vmax=ERROR_RANGE
        )
        axes[1, column].set_title(f"error of {name}", fontsize=10)
    figure.colorbar(error, ax=axes[1, 2], shrink=0.8)
    for axis in axes.flat:
        axis.set_axis_off()
    figure.savefig(options.output, dpi=80)


def _show(axis: object, image: np.ndarray, title: str) -> None:
    axis.imshow(centre_crop(image, SHOWN), cmap="gray", vmin=0, vmax=0.6, interpolation="nearest")  # type: ignore[attr-defined]
    axis.set_title(title, fontsize=10)  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
