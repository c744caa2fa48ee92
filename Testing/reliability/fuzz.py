"""Runs the command line over mutated image files and prints, for each, what came of it as a line of JSON.

    python -m reliability.fuzz FOLDER FIRST_SEED LAST_SEED

In a process of its own, since native readers crash where their door does not hold. A line is printed before each case
and one after it, so the last line names the case that a crash or a hang is due to.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.random import Generator
from numpy.typing import NDArray

from DURNSuperResLib.cli import main
from DURNSuperResLib.core.geometry import slice_axis, slices_back, slices_first, upscaled_ijk_to_ras
from DURNSuperResLib.core.signal.resampling import bicubic_upscale
from DURNSuperResLib.scene.app import current_scene
from DURNSuperResLib.scene.sequence_storage import write_sequence
from DURNSuperResLib.scene.sequences import add_item, new_sequence
from DURNSuperResLib.scene.storage import matrix_of
from geometries import oblique

VOXELS = np.random.default_rng(0).integers(-500, 3000, (3, 6, 7)).astype(np.int16)
PHASES = 3
VOLUMES = ("raw.nrrd", "gzip.nrrd", "raw.mha", "zlib.mha", "raw.nii", "gzip.nii.gz")
CINES = ("cine.seq.nrrd", "cine.nii", "cine.nii.gz")
WORDS = (b"0", b"-1", b"-0.5", b"nan", b"inf", b"1e308", b"1e-320", b"99999999999", b"4294967296", b"", b"x", b"none")
SHORTS = (0, -1, 1, 2, 4, 5, 8, 16, 64, 128, 300, 1792, 32767, -32768)
FLOATS = (0.0, -0.0, -1.0, np.nan, np.inf, 1e30, 1e-30, 0.5, 1.0)
SHORT_PLACES = (0, 2, 40, 42, 44, 46, 48, 50, 70, 72, 252, 254)
FLOAT_PLACES = (*range(76, 120, 4), *range(256, 328, 4))


def sound_files(folder: Path) -> dict[str, bytes]:
    """One sound file of each kind, by its name."""
    matrix = np.diag([-1.0, -1.0, 1.0, 1.0]) @ oblique((1.4, 1.5, 8.0))
    image = sitk.GetImageFromArray(VOXELS)
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((matrix[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(matrix[:3, 3].tolist())
    for name in VOLUMES:
        sitk.WriteImage(image, str(folder / name), not name.startswith("raw"))
    cine = new_sequence("cine", "TriggerTime", "ms")
    for n in range(PHASES):
        add_item(cine, VOXELS + n, oblique((1.4, 1.5, 8.0)), str(30 * n))
    for name in CINES:
        write_sequence(cine, folder / name)
    return {name: (folder / name).read_bytes() for name in (*VOLUMES, *CINES)}


def cut(head: bytes, body: bytes, draw: Generator) -> bytes:
    return (head + body)[: draw.integers(0, len(head) + len(body))]


def garble(head: bytes, body: bytes, draw: Generator) -> bytes:
    spoiled = bytearray(head)
    for place in draw.integers(0, len(head), draw.integers(1, 4)):
        spoiled[place] = draw.integers(0, 256)
    return bytes(spoiled) + body


def flip_bits(head: bytes, body: bytes, draw: Generator) -> bytes:
    spoiled = bytearray(head)
    for place in draw.integers(0, len(head), draw.integers(1, 3)):
        spoiled[place] ^= 1 << int(draw.integers(0, 8))
    return bytes(spoiled) + body


def odd_word(head: bytes, body: bytes, draw: Generator) -> bytes:
    numbers = list(re.finditer(rb"-?\d+\.?\d*(e-?\d+)?", head))
    one = numbers[draw.integers(len(numbers))]
    return head[: one.start()] + WORDS[draw.integers(len(WORDS))] + head[one.end() :] + body


def drop_line(head: bytes, body: bytes, draw: Generator) -> bytes:
    lines = head.split(b"\n")
    del lines[draw.integers(0, len(lines) - 2)]
    return b"\n".join(lines) + body


def mix_up_lines(head: bytes, body: bytes, draw: Generator) -> bytes:
    mark = b":" if head.startswith(b"NRRD") else b"="
    lines = head.split(b"\n")
    one, other = draw.integers(1, len(lines) - 2, 2)
    lines[one] = lines[one].partition(mark)[0] + mark + lines[other].partition(mark)[2]
    return b"\n".join(lines) + body


def odd_short(head: bytes, body: bytes, draw: Generator) -> bytes:
    spoiled = bytearray(head)
    struct.pack_into("<h", spoiled, int(draw.choice(SHORT_PLACES)), int(draw.choice(SHORTS)))
    return bytes(spoiled) + body


def odd_float(head: bytes, body: bytes, draw: Generator) -> bytes:
    spoiled = bytearray(head)
    struct.pack_into("<f", spoiled, int(draw.choice(FLOAT_PLACES)), float(draw.choice(FLOATS)))
    return bytes(spoiled) + body


def garble_voxels(head: bytes, body: bytes, draw: Generator) -> bytes:
    spoiled = bytearray(body)
    spoiled[draw.integers(len(body))] ^= 16
    return head + bytes(spoiled)


EITHER = (cut, garble, flip_bits)
IN_TEXT = (*EITHER, odd_word, odd_word, drop_line, mix_up_lines)
IN_NIFTI = (*EITHER, odd_short, odd_short, odd_float, odd_float)


def mutated(name: str, content: bytes, draw: Generator) -> bytes:
    """A damaged copy of a sound file; where voxels are compressed, these too, which a checksum must tell."""
    if name.endswith(".gz"):
        plain = gzip.decompress(content)
        damage: Callable = IN_NIFTI[draw.integers(len(IN_NIFTI))]
        squeezed = gzip.compress(damage(plain[:352], plain[352:], draw), mtime=0)
        return garble_voxels(b"", squeezed, draw) if draw.integers(8) == 0 else squeezed
    if name.endswith(".nii"):
        return IN_NIFTI[draw.integers(len(IN_NIFTI))](content[:352], content[352:], draw)
    end = content.index(b"\n\n") + 2 if name.endswith(".nrrd") else content.index(b"LOCAL\n") + 6
    damages = IN_TEXT if name.startswith("raw") else (*IN_TEXT, garble_voxels)
    return damages[draw.integers(len(damages))](content[:end], content[end:], draw)


def expected(path: Path) -> list[tuple[NDArray, NDArray]]:
    """Enlarged voxels and IJK-to-RAS of each phase of a file, as SimpleITK reads it and NumPy enlarges it."""
    image = sitk.ReadImage(str(path))
    voxels = sitk.GetArrayFromImage(image)
    if image.GetNumberOfComponentsPerPixel() > 1:  # how SimpleITK takes the list of phases of a NRRD file
        voxels = np.moveaxis(voxels, -1, 0)
    place = matrix_of(image)
    axis = slice_axis(place)
    larger = upscaled_ijk_to_ras(place, 2, axis)
    phases = voxels if voxels.ndim == 4 else voxels[None]
    return [(slices_back(bicubic_upscale(slices_first(phase, axis), 2), axis), larger) for phase in phases]


def same_place_and_voxels(found: tuple[NDArray, NDArray], wanted: tuple[NDArray, NDArray]) -> bool:
    """Whether two volumes are the same in space; Slicer's readers turn left-handed ones over along k."""
    turned = np.diag([1.0, 1.0, -1.0, 1.0])
    turned[2, 3] = len(wanted[0]) - 1
    tolerance = 1e-3 * max(1.0, float(np.abs(wanted[1]).max()) / 1000)
    return any(
        found[0].shape == voxels.shape
        and np.allclose(found[0], voxels, rtol=1e-5, atol=0.01)
        and np.allclose(found[1], place, rtol=0, atol=tolerance)
        for voxels, place in (wanted, (wanted[0][::-1], wanted[1] @ turned))
    )


def is_right(case: Path, output: Path) -> bool:
    """Whether an output is what its input says; phases may be sorted anew by their times."""
    image = sitk.ReadImage(str(output))
    voxels = sitk.GetArrayFromImage(image)
    if image.GetNumberOfComponentsPerPixel() > 1:
        voxels = np.moveaxis(voxels, -1, 0)
    wanted = expected(case)
    found = [(phase, matrix_of(image)) for phase in (voxels if voxels.ndim == 4 else voxels[None])]
    return len(found) == len(wanted) and all(any(same_place_and_voxels(f, w) for w in wanted) for f in found)


def run(arguments: list[str]) -> tuple[int, str]:
    """Exit code and messages of the command line."""
    sys.stderr = io.StringIO()
    sys.stdout = io.StringIO()
    try:
        return main(arguments), sys.stderr.getvalue()
    finally:
        sys.stderr, sys.stdout = sys.__stderr__, sys.__stdout__


def forget(scene: object, before: int) -> None:
    """Remove the nodes that a run has left in the scene."""
    for node in [scene.GetNthNode(n) for n in range(before, scene.GetNumberOfNodes())]:  # type: ignore[attr-defined]
        if scene.IsNodePresent(node):  # type: ignore[attr-defined]
            scene.RemoveNode(node)  # type: ignore[attr-defined]


def fuzz(folder: Path, seeds: range) -> None:
    """Run all cases of some seeds."""
    scene = current_scene()
    before = scene.GetNumberOfNodes()
    out = os.fdopen(os.dup(1), "w", buffering=1)
    for stream in (1, 2):  # native libraries write there
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    files = sound_files(folder)
    for seed in seeds:
        for number, (name, content) in enumerate(files.items()):
            case = folder / f"case{name[name.index('.') :]}"
            output = folder / f"out{'.seq.nrrd' if name in CINES else '.nrrd'}"
            case.write_bytes(mutated(name, content, np.random.default_rng([seed, number])))
            print(json.dumps([seed, name, "begins"]), file=out)
            code, text = run(["upscale", str(case), "-o", str(output), "--method", "bicubic", "--overwrite"])
            info_code, info_text = run(["info", str(case)])
            right = is_right(case, output) if code == 0 else None
            left = sorted(
                path.name for path in folder.iterdir() if path not in (case, output, *map(folder.joinpath, files))
            )
            print(json.dumps([seed, name, "ended", code, text, info_code, info_text, right, left]), file=out)
            forget(scene, before)
            output.unlink(missing_ok=True)
            case.unlink()


if __name__ == "__main__":
    fuzz(Path(sys.argv[1]), range(int(sys.argv[2]), int(sys.argv[3])))
