"""The options of ``durn-superres upscale --recursive``; imports nothing heavy, so that ``--help`` answers at once."""

from __future__ import annotations

import argparse

OF_THE_BATCH = ("recursive", "as_dicom", "dry_run", "dask", "workers")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that belong to ``--recursive``."""
    group = parser.add_argument_group("many inputs")
    group.add_argument(
        "--recursive",
        action="store_true",
        help="all volumes, cines and DICOM studies below the input folder, into an output folder of the same "
        "structure; what is done already is skipped",
    )
    group.add_argument("--as-dicom", action="store_true", help="stacks of DICOM images as derived DICOM series")
    group.add_argument("--dry-run", action="store_true", help="only list what would be done or skipped, and why")
    group.add_argument("--dask", metavar="ADDRESS", help="on the Dask cluster of this scheduler; local starts one here")
    group.add_argument("--workers", type=int, metavar="N", help="for --dask local; one on each GPU or core by default")


def check_single(options: argparse.Namespace) -> None:
    """Refuse the options of a batch where there is none.

    Raises:
        ValueError: one of them was given.
    """
    for name in OF_THE_BATCH[1:]:
        value = getattr(options, name)
        if value is not None and value is not False:
            raise ValueError(f"--{name.replace('_', '-')} goes with --recursive")
