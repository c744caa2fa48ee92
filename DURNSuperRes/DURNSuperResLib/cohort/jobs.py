"""What a folder of images holds to be upscaled: volumes, cines and the stacks of its DICOM studies, one job each.

A study is looked for in the smallest folder that holds all its images, and its stacks are those that
``durn-superres info`` lists for that folder. Headers only are read here.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from ..scene.dicom.frames import Aside, Frame
    from ..scene.dicom.stacks import Stack

DATA_FILE = re.compile(r"^(?:data ?file|ElementDataFile)\s*[:=]\s*(.+)$", re.IGNORECASE | re.MULTILINE)
IN_ONE_FILE = {".nhdr": ".nrrd", ".mhd": ".mha"}
LONGEST_NAME = 60

File = TypeVar("File", bound="Frame | Aside")


@dataclass(frozen=True)
class Job:
    """One output to be made.

    Attributes:
        name: of the input, relative to the folder of all inputs; with the number of the stack for DICOM.
        source: volume or cine file, or DICOM folder.
        series: number of the stack in the DICOM folder, as ``info`` lists it; empty for a file.
        files: all files whose content decides over the result.
        output: relative to the folder of all outputs; a file, or a folder of a DICOM series.
        voxels: of the input over all phases, 0 if its header cannot be read.
        refusal: why the input must not be upscaled; empty if it may.
    """

    name: str
    source: Path
    series: str
    files: tuple[Path, ...]
    output: Path
    voxels: int
    refusal: str = ""


@dataclass(frozen=True)
class Cohort:
    """The jobs of a folder, sorted by name, and what is no image to upscale: how many files for each reason."""

    jobs: tuple[Job, ...]
    set_aside: dict[str, int]


def find_jobs(folder: Path, output: Path, *, to_dicom: bool = False, order: str = "auto") -> Cohort:
    """Find everything below ``folder`` that can be upscaled.

    Args:
        folder: of any depth and mixture.
        output: where the results go; not searched, nor is any other folder of batch results.
        to_dicom: write stacks of DICOM images as DICOM series, one folder each, not as files.
        order: what orders the phases of DICOM cines, as :func:`~..scene.dicom.stacks.contents_of`.
    """
    from ..scene.dicom.frames import LEADS_BACK, Aside, read_frames
    from ..scene.dicom.reading import files_below, is_apple_double
    from ..scene.door import READABLE

    jobs: list[Job] = []
    frames: list[Frame] = []
    asides: list[Aside] = []
    inside = output.is_relative_to(folder) and output != folder
    not_entered: list[Path] = []
    for path in files_below(folder, not_entered):
        if (inside and path.is_relative_to(output)) or is_apple_double(path):
            continue
        if path.name.lower().endswith(READABLE):
            jobs.append(_file_job(path, folder))
            continue
        found = read_frames(path)
        if isinstance(found, Aside):
            asides.append(found)
        else:
            frames += found or []
    asides += [Aside(path, LEADS_BACK, False) for path in not_entered]
    studies, set_aside = _dicom_jobs(folder, frames, asides, to_dicom, order)
    every = _inputs_spared(_told_apart(jobs + studies), output)
    return Cohort(tuple(sorted(every, key=lambda job: job.name)), set_aside)


def digest_of(files: Sequence[Path]) -> str:
    """SHA-256 of the content of files, whatever their order and names.

    Raises:
        OSError: a file that is missing or cannot be read.
    """
    digests = []
    for path in files:
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(2**20):
                digest.update(block)
        digests.append(digest.hexdigest())
    return digests[0] if len(digests) == 1 else hashlib.sha256(" ".join(sorted(digests)).encode()).hexdigest()


def _file_job(path: Path, folder: Path) -> Job:
    from ..scene.door import READABLE, InputError
    from ..scene.headers import facts_of

    cine, voxels = False, 0
    try:
        facts = facts_of(path)
        cine, voxels = facts.is_cine, math.prod(facts.size) * facts.phases
    except InputError:
        pass  # whoever reads the file says what is wrong with it
    name = path.relative_to(folder)
    nameless = path.name.lower() in READABLE
    return Job(
        name=name.as_posix(),
        source=path,
        series="",
        files=(path, *_data_files(path)),
        output=name if nameless else name.with_name(output_name(path.name, cine=cine)),
        voxels=voxels,
        refusal=f"{path} has an ending and no name; rename it" if nameless else "",
    )


def output_name(name: str, *, cine: bool = False) -> str:
    """The name of the output for a file: its own, with an ending that holds a volume or a cine in one file."""
    from ..scene.sequence_storage import SEQUENCE_ENDING, WRITABLE, ending

    known = ending(Path(name))
    wanted = IN_ONE_FILE.get(known, ".nrrd" if known == SEQUENCE_ENDING and not cine else known)
    return name[: -len(known)] + (SEQUENCE_ENDING if cine and wanted not in WRITABLE else wanted)


def _data_files(header: Path) -> list[Path]:
    """The files in which a detached header (.nhdr, .mhd) has its voxels."""
    if header.suffix.lower() not in IN_ONE_FILE:
        return []
    text = os.fsdecode(header.read_bytes())
    found = DATA_FILE.search(text)
    value = found[1].strip() if found else "LOCAL"
    if found and value.upper().startswith("LIST"):
        names = [line.strip() for line in text[found.end() :].splitlines()]
        return [header.parent / name for name in names if name]
    if "%" in value:
        return sorted(header.parent.glob(re.sub(r"%\d*d", "*", value.split()[0])))
    return [] if value.upper() == "LOCAL" else [header.parent / value]


def _dicom_jobs(
    folder: Path, frames: list[Frame], asides: list[Aside], to_dicom: bool, order: str
) -> tuple[list[Job], dict[str, int]]:
    from ..scene.dicom.stacks import contents_from

    jobs: list[Job] = []
    set_aside: Counter[str] = Counter()
    units = study_folders(frames)
    images, beside = _by_folder(frames, units), _by_folder(asides, units)
    for unit in units:
        contents = contents_from(unit, images[unit], beside[unit], 0, order)
        jobs += [_stack_job(stack, unit, folder, to_dicom) for stack in contents.stacks]
        set_aside.update(aside.reason for aside in contents.asides if not aside.damaged)
    left = beside[None]
    set_aside.update(aside.reason for aside in left if not aside.damaged)
    return jobs + [_damaged_job(aside, folder) for aside in left if aside.damaged], dict(set_aside)


def _by_folder(files: Sequence[File], folders: Sequence[Path]) -> dict[Path | None, list[File]]:
    """Files by which of some folders they lie in, none of which lies in another; those that lie in none at None.

    Each file is asked for its folders, not each folder for its files, of which there may be thousands.
    """
    found: dict[Path | None, list[File]] = {folder: [] for folder in (None, *folders)}
    for file in files:
        place = next((place for place in (file.path, *file.path.parents) if place in found), None)
        found[place].append(file)
    return found


def study_folders(frames: Sequence[Frame]) -> list[Path]:
    """The smallest folders that hold each study whole; one that lies within another is part of that one."""
    places: dict[tuple[str, ...], list[Path]] = {}
    for image in frames:
        key = (image.patient, image.study) if image.study else ("", "", str(image.path.parent))
        places.setdefault(key, []).append(image.path.parent)
    folders = {Path(os.path.commonpath(parents)) for parents in places.values()}
    return sorted(place for place in folders if not folders.intersection(place.parents))


def _stack_job(stack: Stack, unit: Path, folder: Path, to_dicom: bool) -> Job:
    text = "-".join([*map(str, stack.series_numbers[:1]), *(stack.descriptions[:1] or [stack.view.name])])
    stem = re.sub(r"[^\w.+-]+", "_", text)[:LONGEST_NAME].strip("._") or "stack"
    stem = stem.replace(".", "_") if to_dicom else stem  # no ending, which would make it a file
    kind = "" if to_dicom else ".seq.nrrd" if stack.phases > 1 else ".nrrd"
    place, (rows, columns) = unit.relative_to(folder), stack.first.matrix
    return Job(
        name=f"{place.as_posix()} #{stack.number}",
        source=unit,
        series=str(stack.number),
        files=tuple(sorted({image.path for image in stack.every_frame})),
        output=place / (stem + kind),
        voxels=rows * columns * stack.slices * stack.phases,
        refusal=stack.refusal,
    )


def _damaged_job(aside: Aside, folder: Path) -> Job:
    """A damaged DICOM file of no study: nothing can be done with it, but it must not go unnoticed."""
    name = aside.path.relative_to(folder)
    return Job(name.as_posix(), aside.path, "", (aside.path,), name, 0, f"{aside.path.name} {aside.reason}")


def _told_apart(jobs: list[Job]) -> list[Job]:
    """The jobs with an output of its own for each, whatever else is in the folder, on every file system."""
    for mark in (_kind_of, _hash_of):
        count = Counter(str(job.output).lower() for job in jobs)
        jobs = [_marked(job, mark(job)) if count[str(job.output).lower()] > 1 else job for job in jobs]
    return jobs


def _marked(job: Job, mark: str) -> Job:
    """The job with a mark at the end of its output's name."""
    from ..scene.sequence_storage import ending

    kind = ending(job.output) if job.output.suffix in (".nrrd", ".nii", ".gz", ".mha") else ""
    stem = job.output.name[: len(job.output.name) - len(kind)]
    return replace(job, output=job.output.with_name(f"{stem}-{mark}{kind}"))


def _kind_of(job: Job) -> str:
    """The ending of the input's own name, or for a stack a number that its images alone decide."""
    if not job.series:
        return job.source.suffix.lstrip(".")
    return _short_hash(" ".join(path.relative_to(job.source.parent).as_posix() for path in job.files))


def _hash_of(job: Job) -> str:
    """A number that the input's place among all inputs decides, which no other one has."""
    return _short_hash(job.name)


def _short_hash(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:8]


def _inputs_spared(jobs: list[Job], output: Path) -> list[Job]:
    """The jobs, those refused whose output would take the place of an input."""
    inputs = {_place_of(path) for job in jobs for path in job.files}
    taken = [_place_of(output / job.output) in inputs for job in jobs]
    return [
        replace(job, refusal=job.refusal or f"its output {output / job.output} is an input; give another output folder")
        if is_input
        else job
        for job, is_input in zip(jobs, taken, strict=True)
    ]


def _place_of(path: Path) -> Path:
    """Where a file lies, by whatever links it was reached; a link in its place is told from what it names."""
    return path.parent.resolve() / path.name
