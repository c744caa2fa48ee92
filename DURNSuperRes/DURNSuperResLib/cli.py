"""The command ``durn-superres``. Exit codes: 0 done, 1 failed, 2 wrong usage.

Each command imports what it needs when it runs, so ``--help`` and wrong usage answer at once.
"""

from __future__ import annotations

import argparse
import atexit
import io
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from .commands import arguments, batch_options
from .commands.progress import progress_bar
from .core.monitor import Cancelled
from .core.network.memory import keep_freed_memory
from .core.network.models import ModelError
from .core.options import DEGRADATION_NAMES, INTERPOLATED, PHASE_ORDERS, SCALES
from .version import NOTICE, __version__

VIEWER_PACKAGES = ("aiohttp", "PIL", "trame_client", "trame_rca", "trame_server")


def command_and_leave() -> None:
    """Entry of the installed command: :func:`command`, and the end of the process with its exit code."""
    leave(command())


def leave(code: int) -> None:
    """End the process without taking it to pieces first, which takes longer with torch and VTK than a slice does.

    What is registered for the end (``atexit``) is done all the same, and threads that still work are waited for.
    """
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        sys.exit(code)
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # nobody reads what is written; Python says so in its own way
        sys.exit(code)
    os._exit(code)


def command() -> int:
    """:func:`main`, with native libraries' own messages off the terminal.

    ITK and VTK write reports of failures to the process's standard error, beside the one line that says what was wrong.
    """
    if "--verbose" not in sys.argv:
        sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, encoding=sys.stderr.encoding, errors="backslashreplace")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    if isinstance(sys.stdout, io.TextIOWrapper):  # whose encoding may not have all letters of names and descriptions
        sys.stdout.reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does, nothing left behind
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:  # not so under nohup
        signal.signal(signal.SIGHUP, signal.default_int_handler)  # a terminal that closes
    keep_freed_memory()
    return main()


def main(words: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    options = command_parser().parse_args(words)
    level = logging.WARNING if options.quiet else logging.DEBUG if options.verbose else logging.INFO
    logging.basicConfig(level=level, format="%(message)s", stream=sys.stderr, force=True)
    try:
        options.run(options)
    except KeyboardInterrupt:
        return _failed("cancelled")
    except ModuleNotFoundError as error:
        return _failed(_missing(error.name))
    except (ValueError, OSError, ModelError, RuntimeError, MemoryError, Cancelled) as error:
        if options.verbose:
            logging.exception("the failure in full:")
        return _failed(str(error))
    except Exception as error:
        if options.verbose:
            logging.exception("the failure in full:")
        return _failed(f"unexpected {type(error).__name__}: {error}; --verbose says where")
    return 0


def _failed(reason: str) -> int:
    print(f"durn-superres: {' '.join(reason.split())}", file=sys.stderr)
    return 1


def _missing(package: str | None) -> str:
    extra = "viewer" if package in VIEWER_PACKAGES else "standalone"
    return f"the Python package {package} is missing; install it with: pip install 'DURNSuperRes[{extra}]'"


def _upscale(options: argparse.Namespace) -> None:
    if options.recursive:
        from .commands.batch import batch

        batch(options)
        return
    from .commands.upscale import upscale

    batch_options.check_single(options)
    upscale(options)


def _info(options: argparse.Namespace) -> None:
    from .commands.info import info

    info(options)


def _compare(options: argparse.Namespace) -> None:
    from .scene import storage, views

    storage.check_output(options.output, options.overwrite, (".png",))
    nodes = [storage.read_volume(path) for path in (options.a, options.b)]
    views.compare_picture(
        nodes,
        options.output,
        labels=options.labels,
        slice_index=options.slice,
        slice_axis=options.slice_axis,
        zoom=options.zoom,
        size=options.size,
        overwrite=options.overwrite,
    )
    logging.info("%s", options.output)


def _view(options: argparse.Namespace) -> None:
    from .commands.view import view

    view(options)


def _models(options: argparse.Namespace) -> None:
    from .commands.models import models

    models(options.cards)


def _demo(options: argparse.Namespace) -> None:
    from .evaluation.demo import OUTPUTS, PICTURE, run_demo
    from .scene.storage import read_volume

    results = {(options.output / name).resolve() for name in (*OUTPUTS, PICTURE)}
    if options.input and options.input.resolve() in results:
        raise ValueError(f"the input {options.input} is one of the results; give another folder with -o")
    source = read_volume(options.input) if options.input else None
    with progress_bar(shown=not options.quiet) as bar:
        figures = run_demo(
            options.output,
            source,
            scale=options.scale,
            device=options.device,
            overwrite=options.overwrite,
            progress=bar,
        )
    print(f"{'method':<10}{'PSNR dB':>9}{'SSIM':>9}")
    for row in figures:
        print(f"{row.method:<10}{row.psnr:>9.2f}{row.ssim:>9.4f}")
    logging.info("in %s: %s. %s", options.output, ", ".join((*OUTPUTS, PICTURE)), NOTICE)


def _evaluate(options: argparse.Namespace) -> None:
    from .commands.evaluate import evaluate

    evaluate(options)


def _evidence(options: argparse.Namespace) -> None:
    from .commands.evidence import evidence

    evidence(options)


def command_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="durn-superres", description=f"Super-resolution of cardiac MR volumes. {NOTICE}"
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (_add_upscale, _add_info, _add_compare, _add_view, _add_models, _add_demo, _add_evaluate, _add_evidence):
        add(commands)
    return parser


def _command(
    commands: argparse._SubParsersAction, name: str, run: Callable[[argparse.Namespace], None], text: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(run=run)
    talk = parser.add_mutually_exclusive_group()
    talk.add_argument("--quiet", action="store_true", help="say nothing but errors")
    talk.add_argument("--verbose", action="store_true", help="say more, tracebacks included")
    return parser


def _add_upscale(commands: argparse._SubParsersAction) -> None:
    parser = _command(commands, "upscale", _upscale, "Upscale a volume or a cine in the plane of its slices.")
    parser.add_argument("input", type=Path, help="NRRD, NIfTI, MetaImage or .seq.nrrd file, or DICOM folder")
    text = ".nrrd, .nii, .nii.gz or .mha file; .seq.nrrd or .nii.gz of a cine; DICOM folder for DICOM input"
    parser.add_argument("-o", "--output", type=Path, required=True, help=text)
    parser.add_argument("--series", help="number, view or description of a stack of the folder, as info lists them")
    _add_order(parser)
    arguments.add_options(parser, *arguments.ARGUMENTS)
    text = "write the half-width of each voxel's error bar to this file, .nrrd or the like"
    parser.add_argument("--uncertainty", type=Path, metavar="FILE", help=text)
    parser.add_argument("--modality", help="of the input, where its files do not say it; MR is assumed")
    text = "CPU, float32: the same output bytes in each run (of DICOM the same voxels)"
    parser.add_argument("--deterministic", action="store_true", help=text)
    parser.add_argument(
        "--report", type=Path, metavar="FILE.json", help="what was done, and how far to trust it; also .html"
    )
    parser.add_argument("--single-slice", action="store_true", help="accept a volume of one slice")
    parser.add_argument("--repair", action="store_true", help="set NaN and infinite voxels to the smallest finite one")
    parser.add_argument("--overwrite", action="store_true", help="replace an output that exists")
    parser.set_defaults(cancelled=None, images=None)
    batch_options.add_options(parser)


def _add_info(commands: argparse._SubParsersAction) -> None:
    parser = _command(commands, "info", _info, "Say what a DICOM folder or a file holds.")
    parser.add_argument("input", type=Path, help="DICOM folder of any depth and mixture, or a file that upscale takes")
    parser.add_argument("--json", action="store_true", help="as JSON, for scripts")
    _add_order(parser)


def _add_order(parser: argparse.ArgumentParser) -> None:
    text = "what orders the phases of a DICOM cine: TriggerTime, time of acquisition, or InstanceNumber (auto)"
    parser.add_argument("--order", choices=PHASE_ORDERS, default="auto", help=text)


def _add_compare(commands: argparse._SubParsersAction) -> None:
    parser = _command(
        commands, "compare", _compare, "Picture of two volumes side by side, linked and equally windowed."
    )
    parser.add_argument("a", type=Path, help="first volume; decides plane, window and level")
    parser.add_argument("b", type=Path, help="second volume")
    parser.add_argument("-o", "--output", type=Path, required=True, help=".png file")
    parser.add_argument("--slice", type=int, help="slice of the first volume, from 0; its middle one by default")
    arguments.add_options(parser, "slice_axis")
    parser.add_argument(
        "--zoom", type=arguments.above_zero(float), default=1.0, help="magnification over the whole field of view"
    )
    parser.add_argument("--size", type=arguments.above_zero(int), default=640, help="edge of each view in pixels")
    parser.add_argument("--labels", nargs=2, metavar=("A", "B"), help="what to write on the views")
    parser.add_argument("--overwrite", action="store_true", help="replace a picture that exists")


def _add_view(commands: argparse._SubParsersAction) -> None:
    text = "Show a volume or cine, and its upscaled one, in linked views in the browser."
    parser = _command(commands, "view", _view, text)
    parser.add_argument("a", type=Path, help="the original: a file that upscale takes, or a DICOM folder")
    parser.add_argument("b", type=Path, nargs="?", help="the upscaled one; without, the page offers to make it")
    parser.add_argument("--uncertainty", type=Path, metavar="U", help="map of B's uncertainty to lay over it")
    parser.add_argument("--series", help="stack of a DICOM folder, as for upscale")
    _add_order(parser)
    arguments.add_options(parser, "slice_axis")
    arguments.add_options(parser, "device")
    parser.add_argument("--host", default="127.0.0.1", help="address to serve at; other machines reach none but this")
    parser.add_argument("--port", type=int, default=0, help="port to serve at; any free one by default")
    parser.add_argument("--upload-limit", type=int, default=1024, metavar="MIB", help="largest file to take (1024 MiB)")
    parser.add_argument("--open", action="store_true", help="open the page in the default browser")


def _add_models(commands: argparse._SubParsersAction) -> None:
    parser = _command(commands, "models", _models, "List the bundled models.")
    parser.add_argument("--cards", type=Path, metavar="FOLDER", help="also write each model's card as a page to print")


def _add_demo(commands: argparse._SubParsersAction) -> None:
    parser = _command(
        commands, "demo", _demo, "Upscale a heart phantom, or a volume made coarse, whose truth is known."
    )
    parser.add_argument("-o", "--output", type=Path, default=Path("demo"), help="folder for the results (demo)")
    parser.add_argument("--input", type=Path, help="a volume to take as the truth instead of the phantom")
    arguments.add_options(parser, "scale", "device")
    parser.add_argument("--overwrite", action="store_true", help="replace results that exist")


def _add_evaluate(commands: argparse._SubParsersAction) -> None:
    parser = _command(commands, "evaluate", _evaluate, "Score all methods on slices with known truth.")
    parser.add_argument("volumes", type=Path, nargs="*", help="volumes of your own, taken as the truth")
    parser.add_argument("--data", type=Path, help="folder that holds cmr/: the project's validation sets")
    parser.add_argument("--set", choices=("sunnybrook", "cine_dicom"), default="sunnybrook", help="which of them")
    parser.add_argument("--protocol", choices=("targets",), help="all tables A, B and C, and the calibration by them")
    parser.add_argument(
        "--degradation",
        choices=(*DEGRADATION_NAMES, INTERPOLATED),
        action="append",
        help="repeatable; bicubic by default",
    )
    parser.add_argument("--scale", type=int, choices=SCALES, action="append", help="repeatable; all by default")
    arguments.add_options(parser, "slice_axis", "model")
    text = "also score the mean over eight orientations, and hold the error bars against the true errors"
    parser.add_argument("--uncertainty", action="store_true", help=text)
    parser.add_argument("--per-patient", action="store_true", help="also a line for each patient or volume")
    parser.add_argument("--json", type=Path, help="write the figures to this file, .json")
    text = "label file of each volume, in their order, such as Slicer saves: how borders and areas change; repeatable"
    parser.add_argument("--segmentation", type=Path, action="append", metavar="FILE", help=text)
    parser.add_argument("--segment", metavar="NAME", help="which segment or label value of it; all by default")
    parser.add_argument("--report", type=Path, metavar="FILE.json", help="figures and pictures; also .html")
    parser.add_argument("--overwrite", action="store_true", help="replace figures or a report that exist")


def _add_evidence(commands: argparse._SubParsersAction) -> None:
    text = "Write the page of evidence: borders, areas, invented detail, patients, time."
    parser = _command(commands, "evidence", _evidence, text)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder that holds cmr/: the project's validation sets"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for EVIDENCE.md and its pictures")
    parser.add_argument("--scale", type=int, choices=SCALES, action="append", help="repeatable; all by default")
    text = "take one slice in N, to try it out (1)"
    parser.add_argument("--every", type=arguments.above_zero(int), default=1, metavar="N", help=text)


if __name__ == "__main__":
    command_and_leave()
