"""What each image of a DICOM folder says of itself: place, matrix, time, kind. Headers only; pixels stay on the disk.

Classic images (one frame a file) and enhanced ones (PS3.3 C.7.6.16, functional groups for each frame) give the same
:class:`Frame`. Whatever cannot be one is an :class:`Aside` with the reason; those that are damaged are marked, so that
a stack they may belong to is not taken without them.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import UID

from ...version import LEDGER_FOLDER
from .plain import DICOM_ENDINGS, quiet_pydicom

TIME_TAGS = ("TriggerTime", "NominalCardiacTriggerDelayTime", "TemporalPositionIdentifier", "TemporalPositionIndex")
SEQUENCE_TAGS = ("Modality", "ScanningSequence", "SequenceVariant", "EchoPulseSequence")
ECHO_TAGS = ("EchoNumbers", "EffectiveEchoTime")
MR_CLASSES = (
    "1.2.840.10008.5.1.4.1.1.4",  # MR Image Storage
    "1.2.840.10008.5.1.4.1.1.4.1",  # Enhanced MR Image Storage
    "1.2.840.10008.5.1.4.1.1.4.4",  # Legacy Converted Enhanced MR Image Storage
)
NO_IMAGES = re.compile(r"Segmentation|Presentation State|Parametric Map|Dose|Directory|Surface|Waveform|Report|SR ")
LOCALISER = re.compile(r"locali[sz]er|(?<!\bti.)scout|survey|plan.?scan", re.IGNORECASE)
ORTHOGONALITY = 1e-3


class Tags:
    """Values of an image by keyword, from its frame's functional groups, the shared ones, then the data set itself."""

    def __init__(self, data: Dataset, number: int = 0) -> None:
        self._places = [*_groups(data, "PerFrameFunctionalGroupsSequence", number)]
        self._places += _groups(data, "SharedFunctionalGroupsSequence", 0)
        self._places.append(data)

    def get(self, keyword: str, default: object = None) -> object:
        """The first value that is there and not empty."""
        for place in self._places:
            value = place.get(keyword)
            if value is not None and value != "" and value != []:
                return value
        return default

    def text(self, keyword: str) -> str:
        """A value as text, multiple ones joined by a backslash; empty if there is none."""
        value = self.get(keyword, "")
        return "\\".join(map(str, value)) if isinstance(value, (list, pydicom.multival.MultiValue)) else str(value)

    def number(self, keyword: str) -> float | None:
        """A finite number, or None."""
        try:
            value = float(str(self.get(keyword)))
        except ValueError:
            return None
        return value if math.isfinite(value) else None

    def numbers(self, keyword: str, count: int) -> tuple[float, ...]:
        """``count`` finite numbers.

        Raises:
            ValueError: any other content.
        """
        value = self.get(keyword)
        if value is None:
            raise ValueError(f"is a DICOM image without {keyword}: its place in the stack is not known")
        try:
            found = tuple(float(str(part)) for part in value)  # type: ignore[attr-defined]
        except (TypeError, ValueError):
            found = ()
        if len(found) != count or not all(math.isfinite(part) for part in found):
            raise ValueError(f"has a damaged {keyword}")
        return found


@dataclass(frozen=True, eq=False)
class Frame:
    """One slice at one time: what decides to which stack it belongs, and where in it.

    Lengths are in mm, directions and position in DICOM's LPS (PS3.3 C.7.6.2). ``matrix`` is (rows, columns),
    ``spacing`` the distance between rows and between columns. ``kind`` holds what never differs within a stack, the
    third value of ImageType first; ``echo`` tells the echoes of one series apart. ``times`` has those of ``TIME_TAGS``
    that are there, and InstanceNumber. ``damage`` says what is wrong with the pixels, empty if nothing.
    """

    path: Path
    number: int
    sop_class: str
    sop_instance: str
    patient: str = field(repr=False)
    study: str
    series: str
    series_number: int | None
    description: str
    frame_of_reference: str
    kind: tuple[str, ...]
    echo: tuple[str, ...]
    matrix: tuple[int, int]
    spacing: tuple[float, float]
    orientation: NDArray[np.float64]
    position: NDArray[np.float64]
    thickness: float | None
    stated_gap: float | None
    stated_phases: int | None
    localiser: bool
    times: Mapping[str, float]
    damage: str

    @property
    def normal(self) -> NDArray[np.float64]:
        """Unit vector across the slice."""
        across = np.cross(self.orientation[:3], self.orientation[3:])
        return across / np.linalg.norm(across)

    @property
    def depth(self) -> float:
        """Position along the slice normal in mm."""
        return float(self.position @ self.normal)


@dataclass(frozen=True)
class Aside:
    """A file that is no slice of a stack, and why; ``series`` is None where even that cannot be read."""

    path: Path
    reason: str
    damaged: bool
    series: str | None = None
    label: str = ""


def read_folder(folder: Path) -> tuple[list[Frame], list[Aside], int]:
    """All frames below a folder, what is set aside, and how many other files there are."""
    frames: list[Frame] = []
    asides: list[Aside] = []
    others = 0
    for path in files_below(folder):
        found = read_frames(path)
        if found is None:
            others += 1
        elif isinstance(found, Aside):
            asides.append(found)
        else:
            frames += found
    return frames, asides, others


def files_below(folder: Path) -> Iterator[Path]:
    """All files below a folder, sorted, without those in folders of batch results, which are never input."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not (Path(parent) / name / LEDGER_FOLDER).is_dir())
        yield from (Path(parent) / name for name in sorted(names))


def read_frames(path: Path) -> list[Frame] | Aside | None:
    """The frames of a file, why there are none, or None for a file that has nothing to do with DICOM."""
    with quiet_pydicom():
        try:
            data, rest = _header(path)
        except InvalidDicomError:
            damaged = path.suffix.lower() in DICOM_ENDINGS
            return Aside(path, "is damaged: it does not begin as a DICOM file", True) if damaged else None
        except Exception as error:  # a damaged file makes the parser raise nearly anything
            return Aside(path, f"cannot be read ({type(error).__name__})", True)
        series: str | None = None
        label = ""
        try:
            series = str(data.get("SeriesInstanceUID") or "") or None
            label = _label(data)
            reason = _no_image(data)
            if reason:
                return Aside(path, reason, False, series, label)
            count = _frame_count(data)
            damage = _cut_short(data, rest, count)
            return [_frame(path, data, number, damage) for number in range(count)]
        except ValueError as error:
            return Aside(path, str(error), True, series, label)
        except Exception as error:
            return Aside(path, f"cannot be read ({type(error).__name__})", True, series, label)


def _header(path: Path) -> tuple[FileDataset, int]:
    """A file's data set up to its pixels, and how many bytes follow."""
    with path.open("rb") as file:
        data = pydicom.dcmread(file, stop_before_pixels=True)
        rest = path.stat().st_size - file.tell()
    if data.file_meta.get("TransferSyntaxUID") == pydicom.uid.DeflatedExplicitVRLittleEndian:
        rest = len(pydicom.dcmread(path).get("PixelData") or b"") + 12
    return data, rest


def _groups(data: Dataset, keyword: str, number: int) -> list[Dataset]:
    """The macros of one item of a functional groups sequence, each a data set."""
    items = data.get(keyword) or []
    if number >= len(items):
        return []
    return [element.value[0] for element in items[number] if element.VR == "SQ" and element.value]


def _label(data: Dataset) -> str:
    number, description = data.get("SeriesNumber"), str(data.get("SeriesDescription") or "")
    return " ".join(filter(None, (f"series {number}" if number is not None else "", description)))


def _no_image(data: Dataset) -> str:
    """Why an object is not an image to upscale; empty if it is one.

    Raises:
        ValueError: an MR image that has lost its size.
    """
    sop_class = UID(str(data.get("SOPClassUID") or ""))
    if sop_class not in MR_CLASSES and ("Rows" not in data or NO_IMAGES.search(sop_class.name)):
        return f"no image ({sop_class.name or 'of unknown kind'})"
    if not data.get("Rows") or not data.get("Columns"):
        raise ValueError("is an image without Rows or Columns")
    if int(data.get("SamplesPerPixel") or 1) != 1:
        return "a colour image; grey levels are needed"
    if int(data.get("BitsAllocated") or 0) not in (8, 16, 32):
        raise ValueError(f"has {data.get('BitsAllocated')} bits allocated for a pixel")
    return ""


def _frame_count(data: Dataset) -> int:
    count = int(data.get("NumberOfFrames") or 1)
    if count > 1 and len(data.get("PerFrameFunctionalGroupsSequence") or []) != count:
        raise ValueError(f"holds {count} frames in one file without a place for each")
    return count


def _cut_short(data: FileDataset, rest: int, count: int) -> str:
    """Why the pixels cannot be whole; empty if they can. Readers of images let such files pass."""
    syntax = data.file_meta.get("TransferSyntaxUID")
    wanted = int(data.Rows) * int(data.Columns) * count * int(data.BitsAllocated) // 8
    if rest <= 8 or (rest < wanted + 8 and not (syntax and syntax.is_compressed and not syntax.is_deflated)):
        return f"is cut short: {max(0, rest - 8)} of {wanted} bytes of pixels"
    return ""


def _frame(path: Path, data: Dataset, number: int, damage: str) -> Frame:
    tags = Tags(data, number)
    rows, columns = int(data.Rows), int(data.Columns)
    spacing = tags.numbers("PixelSpacing", 2)
    orientation = np.array(tags.numbers("ImageOrientationPatient", 6))
    position = np.array(tags.numbers("ImagePositionPatient", 3))
    if min(spacing) <= 0:
        raise ValueError(f"has a damaged PixelSpacing ({spacing[0]:g}, {spacing[1]:g})")
    axes = orientation.reshape(2, 3)
    if np.abs(axes @ axes.T - np.eye(2)).max() > ORTHOGONALITY:
        raise ValueError("has a damaged ImageOrientationPatient: not two unit vectors at right angles")
    names = (*TIME_TAGS, "InstanceNumber")
    times = {name: value for name in names if (value := tags.number(name)) is not None}
    image_type = tags.text("ImageType").split("\\")
    series_number = tags.number("SeriesNumber")
    phases = tags.number("CardiacNumberOfImages")
    description = tags.text("SeriesDescription").strip()
    return Frame(
        path=path,
        number=number,
        sop_class=tags.text("SOPClassUID"),
        sop_instance=tags.text("SOPInstanceUID"),
        patient=tags.text("PatientID"),
        study=tags.text("StudyInstanceUID"),
        series=tags.text("SeriesInstanceUID"),
        series_number=None if series_number is None else int(series_number),
        description=description,
        frame_of_reference=tags.text("FrameOfReferenceUID"),
        kind=(image_type[2] if len(image_type) > 2 else "", *(tags.text(name) for name in SEQUENCE_TAGS)),
        echo=tuple(tags.text(name) for name in ECHO_TAGS),
        matrix=(rows, columns),
        spacing=(spacing[0], spacing[1]),
        orientation=orientation,
        position=position,
        thickness=tags.number("SliceThickness"),
        stated_gap=tags.number("SpacingBetweenSlices"),
        stated_phases=None if phases is None else int(phases),
        localiser="LOCALIZER" in image_type or LOCALISER.search(description) is not None,
        times=times,
        damage=damage,
    )
