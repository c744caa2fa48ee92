"""Picture of a validation slice: low resolution, DURN's image, the half-width of its error bars, the true error.

python -m Training.error_picture --data DATA --output Resources/error_bars.png
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from DURNSuperResLib.evaluation.calibration import with_half_width
from DURNSuperResLib.evaluation.protocols import cases_of, centre_crop
from DURNSuperResLib.evaluation.test_sets import TestSet, sunnybrook_validation

SHOWN = 112  # pixels, around the heart


def main(arguments: list[str] | None = None) -> None:
    """Command line entry."""
    parser = argparse.ArgumentParser(description="Picture of error bars beside the true error.")
    parser.add_argument("--data", type=Path, required=True, help="folder with cmr/")
    parser.add_argument("--output", type=Path, required=True, help=".png file")
    parser.add_argument("--slice", type=int, default=20, help="which of the validation slices")
    options = parser.parse_args(arguments)
    whole = sunnybrook_validation(options.data)
    (case,) = cases_of(TestSet(whole.name, whole.images[options.slice : options.slice + 1], whole.crop), 2, "kspace")
    image, half_width = with_half_width(case, 2)
    error = np.abs(image - case.truth)
    figure = Figure(figsize=(10, 2.9), layout="constrained")
    axes = figure.subplots(1, 4)
    low = np.kron(case.low, np.ones((2, 2)))
    _show(axes[0], low, "acquired", cmap="gray", vmin=0, vmax=0.8)
    _show(axes[1], image, "DURN x2", cmap="gray", vmin=0, vmax=0.8)
    top = float(np.percentile(centre_crop(half_width, SHOWN), 99.5))
    _show(axes[2], half_width, "half-width of the 90 % interval", cmap="inferno", vmin=0, vmax=top)
    shown = _show(
        axes[3], error, f"true error ({np.mean(error <= half_width):.0%} within)", cmap="inferno", vmin=0, vmax=top
    )
    figure.colorbar(shown, ax=list(axes[2:]), shrink=0.9, label="of the 99.9th percentile")
    figure.savefig(options.output, dpi=90, pil_kwargs={"optimize": True})


def _show(axes: Any, image: NDArray, title: str, **how: Any) -> Any:
    axes.set_title(title, fontsize=9)
    axes.axis("off")
    return axes.imshow(centre_crop(image, SHOWN), interpolation="nearest", **how)


if __name__ == "__main__":
    main()
