"""Print the noise level of the cardiac images, in per cent of each slice's 99.9th percentile.

python -m Training.noise --data DATA
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from DURNSuperResLib.core.signal.degradation import noise_level
from DURNSuperResLib.evaluation.protocols import normalised
from DURNSuperResLib.evaluation.test_sets import other_vendor_cine
from Training.data import sunnybrook


def main(arguments: list[str] | None = None) -> None:
    """Command line entry."""
    parser = argparse.ArgumentParser(description="Noise level of the cardiac images.")
    parser.add_argument("--data", type=Path, required=True, help="folder with cmr/")
    data = parser.parse_args(arguments).data
    groups: dict[str, list[NDArray]] = {
        "Sunnybrook cine": [*sunnybrook(data, "train", "cine")],
        "Sunnybrook scout": [*sunnybrook(data, "train", "scout")],
        "3 T cine": [normalised(image) for _, image in other_vendor_cine(data).images],
    }
    for name, images in groups.items():
        levels = 100 * np.array([noise_level(image) for image in images])
        median, high = np.percentile(levels, (50, 90))
        print(f"{name:<17}{len(levels):>4} slices  median {median:.2f} %  90th percentile {high:.2f} %")


if __name__ == "__main__":
    main()
