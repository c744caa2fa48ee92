"""Picture of an interpolated cine as its scanner stored it, enlarged as stored, and enlarged from what was measured.

python -m Training.measured_picture --data DATA --output Resources/measured.png
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from matplotlib.figure import Figure
from numpy.typing import NDArray

from DURNSuperResLib import upscale_slices
from DURNSuperResLib.core.signal.intensity import IntensityMap
from DURNSuperResLib.core.signal.kspace import zero_fill
from DURNSuperResLib.core.signal.measured import Measured, Resolution
from DURNSuperResLib.core.signal.quality import gradient_magnitude
from DURNSuperResLib.scene.dicom.acquired import header_of, statement_of

SCALE = 2
SHOWN = (slice(100, 146), slice(88, 134))  # rows and columns of stored pixels: the septum
STEEPEST = 2  # per cent of the pixels shown


def main(arguments: list[str] | None = None) -> None:
    """Command line entry."""
    parser = argparse.ArgumentParser(description="Picture of what undoing a scanner's interpolation brings.")
    parser.add_argument("--data", type=Path, required=True, help="folder with cmr/")
    parser.add_argument("--output", type=Path, required=True, help=".png file")
    parser.add_argument("--place", type=int, default=10, help="which of the stack's slices")
    options = parser.parse_args(arguments)
    files = sorted((options.data / "cmr" / "ep_shortaxis").glob("*.dcm"))
    images = [pydicom.dcmread(file) for file in files]
    places = sorted({float(image.SliceLocation) for image in images})
    slice_ = next(image for image in images if float(image.SliceLocation) == places[options.place])
    stack = np.stack([image.pixel_array for image in images[:: len(places)]])
    statement = statement_of(header_of(files[0]), *stack.shape[1:])
    measured = Measured.of([stack], stated=statement)
    row, column = (float(size) for size in slice_.PixelSpacing)
    stored = slice_.pixel_array[None].astype(np.float32)
    intensity = IntensityMap.of(stack)
    shown: dict[str, NDArray] = {
        "as stored, zero-filled": zero_fill(stored, SCALE),
        "enlarged as stored": upscale_slices(stored, SCALE, acquired="full", keep_measured=False, intensity=intensity),
        "enlarged from what was measured": upscale_slices(stored, SCALE, measured=measured, intensity=intensity),
    }
    place = tuple(slice(SCALE * part.start, SCALE * part.stop) for part in SHOWN)
    title = str(Resolution((column, row), measured))
    _draw({name: image[0][place] for name, image in shown.items()}, title, options.output)


def _draw(images: dict[str, NDArray], title: str, output: Path) -> None:
    """The images side by side, each with the steepness of its steepest edges, that of the first being 1."""
    first = next(iter(images.values()))
    low, high = np.percentile(first, (1, 99.7))
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    figure.suptitle(title, fontsize=9)
    axes: Any = figure.subplots(1, len(images))
    for axis, (name, image) in zip(axes, images.items(), strict=True):
        steepness = _steepest(image) / _steepest(first)
        axis.set_title(f"{name}\nedges x {steepness:.2f}", fontsize=9)
        axis.axis("off")
        axis.imshow(image, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
    figure.savefig(output, dpi=90, pil_kwargs={"optimize": True})


def _steepest(image: NDArray) -> float:
    steepness = gradient_magnitude(image)
    return float(steepness[steepness >= np.percentile(steepness, 100 - STEEPEST)].mean())


if __name__ == "__main__":
    main()
