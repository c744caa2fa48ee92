"""``durn-superres info``: what a DICOM folder or a file holds. Prints nothing that names a patient."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..core.signal.measured import Resolution
    from ..scene.dicom.stacks import Contents, Stack
    from ..scene.headers import FileFacts

COLUMNS = ("#", "view", "matrix", "pixel mm", "slices", "gap mm", "phases", "time ms", "series", "description")


def info(options: argparse.Namespace) -> None:
    """Run the command."""
    if options.input.is_dir():
        from ..scene.dicom.stacks import contents_of

        contents = contents_of(options.input, options.order)
        if options.json:
            print(json.dumps(_of_contents(contents), indent=2))
        else:
            _print_contents(contents)
        return
    from ..scene.headers import facts_of

    facts = facts_of(options.input)
    resolution, refusal = _judged(options.input, facts)
    if options.json:
        found = {
            "file": str(options.input),
            **_of_facts(facts),
            **_of_resolution(resolution),
            "refused": refusal or None,
        }
        print(json.dumps(found, indent=2))
    else:
        _print_facts(str(options.input), facts)
        if resolution is not None and resolution.interpolated:
            print(f"   {resolution}")
        if refusal:
            print(f"   refused: {refusal}")


def _judged(path: Path, facts: FileFacts) -> tuple[Resolution | None, str]:
    """What the spectrum of a file's voxels tells, None where it tells nothing, and why upscale would refuse them."""
    from ..scene.nodes import VolumeError, finite_voxels
    from ..scene.sequence_storage import read_sequence
    from ..scene.sequences import items_of
    from ..scene.storage import InputError, read_volume
    from ..scene.trust import resolution_of_node

    try:
        node = read_sequence(path) if facts.is_cine else read_volume(path)
        for item in items_of(node) if facts.is_cine else [node]:
            finite_voxels(item)
    except (InputError, VolumeError) as error:
        return None, str(error)
    return resolution_of_node(node), ""


def _resolution_of_stack(stack: Stack) -> Resolution | None:
    """What header and spectrum of a stack's first phase tell; None where it is refused or cannot be read."""
    from ..core.signal.measured import Measured, Resolution
    from ..scene.dicom.acquired import header_of, statement_of
    from ..scene.dicom.pixels import PixelReader
    from ..scene.dicom.plain import DicomError

    between_rows, between_columns = stack.first.spacing
    statement = statement_of(header_of(stack.first.path, stack.first.number), *stack.first.matrix)
    try:
        items = None if stack.refusal else [PixelReader(stack).phase(0)]
    except DicomError:
        return None
    if items is None:
        return None
    return Resolution((between_columns, between_rows), Measured.of(items, stated=statement))


def _of_resolution(resolution: Resolution | None) -> dict[str, Any]:
    if resolution is None:
        return dict.fromkeys(("zero_filled", "effective_pixel_mm", "measured_matrix", "measured_from"))
    return {
        "zero_filled": resolution.interpolated,
        "effective_pixel_mm": [round(size, 2) for size in resolution.effective_mm],
        "measured_matrix": list(resolution.measured.lines),
        "measured_from": resolution.source or None,
    }


def _print_contents(contents: Contents) -> None:
    rows = [COLUMNS, *(_row(stack) for stack in contents.stacks)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    for row, stack in zip(rows, (None, *contents.stacks), strict=True):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        for note in stack.notes if stack else ():
            print(f"   note: {note}")
        resolution = _resolution_of_stack(stack) if stack else None
        if resolution is not None and resolution.interpolated:
            print(f"   note: {resolution}")
        if stack and stack.refusal:
            print(f"   refused: {stack.refusal}")
    if any(stack.view.guessed for stack in contents.stacks):
        print("(guess): from the direction of the slices alone; the series description names no view.")
    for (what, reason), count in _asides(contents).items():
        print(f"set aside: {count} {'file' if count == 1 else 'files'}{what}: {reason}")
    if contents.other_files:
        print(f"{contents.other_files} other {'file is' if contents.other_files == 1 else 'files are'} no DICOM.")


def _row(stack: Stack) -> tuple[str, ...]:
    rows, columns = stack.first.matrix
    between_rows, between_columns = stack.first.spacing
    numbers = [str(number) for number in stack.series_numbers]
    return (
        str(stack.number),
        str(stack.view),
        f"{columns} x {rows}",
        f"{between_columns:.3f}" if between_rows == between_columns else f"{between_columns:.3f} x {between_rows:.3f}",
        str(stack.slices),
        f"{stack.gap:.1f}" if stack.slices > 1 else "-",
        str(stack.phases),
        f"{stack.times[0]:.0f} to {stack.times[-1]:.0f}" if stack.timed and stack.phases > 1 else "-",
        f"{numbers[0]} to {numbers[-1]} ({len(numbers)})" if len(numbers) > 2 else " ".join(numbers) or "-",
        ", ".join(stack.descriptions) or "-",
    )


def _asides(contents: Contents) -> Counter[tuple[str, str]]:
    """How many files were set aside, by series and reason; damaged ones by their own name."""
    count: Counter[tuple[str, str]] = Counter()
    for aside in contents.asides:
        what = f" ({aside.path.name})" if aside.damaged else f" of {aside.label}" if aside.label else ""
        count[what, aside.reason] += 1
    return count


def _of_contents(contents: Contents) -> dict[str, Any]:
    return {
        "folder": str(contents.folder),
        "stacks": [_of_stack(stack) for stack in contents.stacks],
        "set_aside": [
            {"what": what.strip(), "reason": reason, "files": count}
            for (what, reason), count in _asides(contents).items()
        ],
        "other_files": contents.other_files,
    }


def _of_stack(stack: Stack) -> dict[str, Any]:
    rows, columns = stack.first.matrix
    return {
        "number": stack.number,
        "view": stack.view.name,
        "view_is_a_guess": stack.view.guessed,
        "columns": columns,
        "rows": rows,
        "pixel_spacing_mm": list(stack.first.spacing),
        **_of_resolution(_resolution_of_stack(stack)),
        "slices": stack.slices,
        "gap_mm": round(stack.gap, 4) if stack.slices > 1 else None,
        "phases": stack.phases,
        "times_ms": list(stack.times) if stack.timed else None,
        "series_numbers": stack.series_numbers,
        "descriptions": stack.descriptions,
        "images_left_out": len(stack.left_out),
        "notes": list(stack.notes),
        "refused": stack.refusal or None,
        "ijk_to_ras": [[round(float(value), 6) for value in row] for row in stack.ijk_to_ras],
    }


def _print_facts(name: str, facts: FileFacts) -> None:
    size, spacing = " x ".join(map(str, facts.size)), " x ".join(f"{step:.3f}" for step in facts.spacing)
    times = f", index {facts.times[0]} to {facts.times[-1]}" if facts.times else ""
    phases = f", {facts.phases} phases{times}" if facts.is_cine else ""
    print(f"{name}: {size} voxels of {spacing} mm{phases}")


def _of_facts(facts: FileFacts) -> dict[str, Any]:
    return {
        "size": list(facts.size),
        "spacing_mm": [round(step, 6) for step in facts.spacing],
        "phases": facts.phases,
        "index_values": list(facts.times) or None,
    }
