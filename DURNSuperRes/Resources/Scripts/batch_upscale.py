"""Upscale every volume, cine and DICOM study below a folder inside Slicer, without its main window.

    Slicer --no-splash --no-main-window --python-script batch_upscale.py -- --input DIR --output DIR --scale 2

This is ``durn-superres upscale DIR -o DIR --recursive`` and takes its options: what is done already is skipped, a file
that fails is reported in report.json and the others go on. Slicer ends with 0 if all went well, 1 if a file failed, 2
on wrong usage. The library is taken from where this script lies.
"""

import argparse
import sys
from pathlib import Path

import slicer

MODULE_FOLDER = Path(__file__).resolve().parents[2]  # of the clone, or of the installed extension


def main(arguments: list[str]) -> int:
    """Run the batch and return the exit code."""
    if str(MODULE_FOLDER) not in sys.path:
        sys.path.insert(0, str(MODULE_FOLDER))
    try:
        from DURNSuperResLib.cli import main as command
    except ModuleNotFoundError as error:
        print(
            f"batch_upscale.py: {error.name} is not in {MODULE_FOLDER}; keep the script where it lies", file=sys.stderr
        )
        return 1
    try:
        folders, options = _parser().parse_known_args(arguments)
        return command(["upscale", folders.input, "-o", folders.output, "--recursive", *options])
    except SystemExit as stop:  # argparse's own exit would be lost in Slicer
        return stop.code or 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Upscale everything below a folder. Research use only, not for diagnosis.",
        epilog="All further options are those of: durn-superres upscale --recursive",
        allow_abbrev=False,
    )
    parser.add_argument("--input", required=True, help="folder of volumes, cines and DICOM studies, of any depth")
    parser.add_argument("--output", required=True, help="folder for the results")
    return parser


if __name__ == "__main__":
    code = 1
    try:
        code = main(sys.argv[1:])
    finally:
        slicer.util.exit(code)
