"""Upscale every volume of a folder inside Slicer, without its main window.

    Slicer --no-splash --no-main-window --python-script batch_upscale.py -- --input DIR --output DIR --scale 2

Each NRRD, NIfTI and MetaImage file of the input folder is written under its own name into the output folder. A file
that fails is reported and the others go on. Slicer ends with 0 if all went well, 1 if a file failed, 2 on wrong usage.
"""

import argparse
import logging
import sys
from pathlib import Path

import slicer


def main(arguments: list[str]) -> int:
    """Run the batch and return the exit code."""
    try:
        options = _parser().parse_args(arguments)
    except SystemExit as stop:  # argparse's own exit would be lost in Slicer
        return stop.code or 0
    from DURNSuperResLib.scene.storage import READABLE

    volumes = sorted(path for path in options.input.glob("*") if path.name.lower().endswith(READABLE))
    if not volumes:
        logging.error("%s holds no volume (%s)", options.input, ", ".join(READABLE))
        return 1
    options.output.mkdir(parents=True, exist_ok=True)
    return 1 if [path for path in volumes if not _upscale(path, options)] else 0


def _upscale(path: Path, options: argparse.Namespace) -> bool:
    from DURNSuperRes import DURNSuperResLogic
    from DURNSuperResLib.cohort.jobs import output_name
    from DURNSuperResLib.scene.storage import read_volume, write_volume

    target = options.output / output_name(path.name)
    try:
        source = read_volume(path)
        result = DURNSuperResLogic().process(source, scale=options.scale, method=options.method, device=options.device)
        write_volume(result, target, overwrite=options.overwrite)
    except Exception as error:  # one bad file must not stop the others
        logging.error("%s: %s", path.name, error)
        return False
    finally:
        slicer.mrmlScene.Clear(False)
    print(f"{path.name} -> {target}")
    return True


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Upscale every volume of a folder. Research use only, not for diagnosis."
    )
    parser.add_argument("--input", type=Path, required=True, help="folder with volumes")
    parser.add_argument("--output", type=Path, required=True, help="folder for the results")
    parser.add_argument("--scale", type=int, choices=(2, 3, 4), default=2)
    parser.add_argument("--method", choices=("durn", "bicubic"), default="durn")
    parser.add_argument("--device", choices=("auto", "cuda", "cpu"), default="auto")
    parser.add_argument("--overwrite", action="store_true", help="replace results that exist")
    return parser


if __name__ == "__main__":
    code = 1
    try:
        code = main(sys.argv[1:])
    finally:
        slicer.util.exit(code)
