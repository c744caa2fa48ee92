"""What each image of a DICOM folder says of itself: place, matrix, time, kind. Headers only; pixels stay on the disk.

Classic images (one frame a file) and enhanced ones (PS3.3 C.7.6.16, functional groups for each frame) give the same
:class:`Frame`. Whatever cannot be one is an :class:`Aside` with the reason; those that are damaged are marked, so that
a stack they may belong to is not taken without them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.datadict import keyword_for_tag
from pydicom.dataset import Dataset, FileDataset
from pydicom.errors import InvalidDicomError
from pydicom.multival import MultiValue
from pydicom.uid import DeflatedExplicitVRLittleEndian

from .nature import MR_CLASSES, PRIVATE_TAGS, component_of, is_localiser, why_no_image
from .reading import DICOM_ENDINGS, files_below, is_apple_double, quiet_pydicom, read_dataset
from .tags import Tags

__all__ = [
    "MR_CLASSES",
    "Aside",
    "Frame",
    "Stored",
    "Tags",
    "files_below",
    "quiet_pydicom",
    "read_folder",
    "read_frames",
]

TRIGGER_TAGS = ("TriggerTime", "NominalCardiacTriggerDelayTime", "ActualCardiacTriggerDelayTime")
POSITION_TAGS = ("TemporalPositionIdentifier", "TemporalPositionIndex", "TemporalPositionTimeOffset")
CLOCK_TAGS = (
    "FrameReferenceDateTime",
    "FrameAcquisitionDateTime",
    "AcquisitionDateTime",
    "AcquisitionTime",
    "ContentTime",
)
NUMBER_TAGS = ("AcquisitionNumber", "FrameAcquisitionNumber", "InstanceNumber")
OF_SPACE = ("StackID", "InStackPositionNumber", "ImagePositionPatient", "ImageOrientationPatient")
DIMENSION = "DimensionIndexValues"
SEQUENCE_TAGS = ("Modality", "ScanningSequence", "SequenceVariant", "EchoPulseSequence")
ECHO_TAGS = ("EchoNumbers", "EffectiveEchoTime")
ORTHOGONALITY = 0.01
LEADS_BACK = "a link to a folder that holds this one; it was not entered"


READ: tuple[str | int, ...] = (  # of a header; the rest is skipped, which takes a third of the time
    *("SOPClassUID", "SOPInstanceUID", "PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber"),
    *("SeriesDescription", "FrameOfReferenceUID", "ImageType", "FrameType", "ComplexImageComponent", *SEQUENCE_TAGS),
    *(*ECHO_TAGS, *TRIGGER_TAGS, *POSITION_TAGS, *CLOCK_TAGS, *NUMBER_TAGS, *OF_SPACE, DIMENSION),
    *("PixelSpacing", "SliceThickness", "SpacingBetweenSlices", "SliceLocation", "CardiacNumberOfImages"),
    *("NumberOfTemporalPositions", "NumberOfFrames", "Rows", "Columns", "BitsAllocated", "BitsStored"),
    *("PixelRepresentation", "SamplesPerPixel", "PhotometricInterpretation", "RescaleSlope", "RescaleIntercept"),
    *("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence", "DimensionIndexSequence"),
    *PRIVATE_TAGS,
)


@dataclass(frozen=True)
class Stored:
    """How the pixels of an image are stored.

    Attributes:
        dtype: of the stored values.
        bits: that a value uses.
        inverted: low values are bright (MONOCHROME1).
        slope, intercept: of the modality rescaling.
    """

    dtype: np.dtype
    bits: int
    inverted: bool
    slope: float
    intercept: float

    @property
    def rescaled(self) -> bool:
        """Whether there is a rescaling to apply."""
        return (self.slope, self.intercept) != (1.0, 0.0)


@dataclass(frozen=True, eq=False)
class Frame:
    """One slice at one time: what decides to which stack it belongs, and where in it.

    Lengths are in mm, directions and position in DICOM's LPS (PS3.3 C.7.6.2). ``matrix`` is (rows, columns),
    ``spacing`` the distance between rows and between columns. ``kind`` holds what never differs within a stack, the
    component or quantity it shows first; ``echo`` tells the echoes of one series apart. ``times`` has what is stated of
    its place in time, ``stated_location`` the SliceLocation or the place in an enhanced stack; ``one_of_many`` says
    that the header itself speaks of several phases. ``damage`` says what is wrong with the pixels, empty if nothing.
    ``moved_mm`` is how far the far edge has moved where the image was made parallel to the others of its stack.
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
    stated_location: float | None
    one_of_many: bool
    localiser: bool
    times: Mapping[str, float]
    stored: Stored
    damage: str
    moved_mm: float = 0.0

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
    not_entered: list[Path] = []
    for path in files_below(folder, not_entered):
        found = read_frames(path)
        if found is None:
            others += 1
        elif isinstance(found, Aside):
            asides.append(found)
        else:
            frames += found
    asides += [Aside(path, LEADS_BACK, False, label=path.name) for path in not_entered]
    return frames, asides, others


def read_frames(path: Path) -> list[Frame] | Aside | None:
    """The frames of a file, why there are none, or None for a file that has nothing to do with DICOM."""
    with quiet_pydicom():
        try:
            data = read_dataset(path, pixels=False, tags=READ)
        except InvalidDicomError:
            damaged = path.suffix.lower() in DICOM_ENDINGS and not is_apple_double(path)
            return Aside(path, "is damaged: it does not begin as a DICOM file", True) if damaged else None
        except Exception as error:  # a damaged file makes the parser raise nearly anything
            return Aside(path, f"cannot be read ({type(error).__name__})", True)
        series: str | None = None
        label = ""
        try:
            series = str(data.get("SeriesInstanceUID") or "") or None
            label = _label(data)
            reason = why_no_image(data)
            if reason:
                return Aside(path, reason, False, series, label)
            count = _frame_count(data)
            damage = _cut_short(path, data, count)
            return [_frame(path, data, number, damage) for number in range(count)]
        except ValueError as error:
            return Aside(path, str(error), True, series, label)
        except Exception as error:
            return Aside(path, f"cannot be read ({type(error).__name__})", True, series, label)


def _label(data: Dataset) -> str:
    number, description = data.get("SeriesNumber"), str(data.get("SeriesDescription") or "")
    return " ".join(filter(None, (f"series {number}" if number is not None else "", description)))


def _frame_count(data: Dataset) -> int:
    places = len(data.get("PerFrameFunctionalGroupsSequence") or [])
    count = int(data.get("NumberOfFrames") or places or 1)
    if count > 1 and places != count:
        raise ValueError(f"holds {count} frames in one file without a place for each")
    return count


def _cut_short(path: Path, data: FileDataset, count: int) -> str:
    """Why the pixels cannot be whole; empty if they can. Readers of images let such files pass."""
    syntax, rest = data.file_meta.TransferSyntaxUID, data.rest
    if syntax == DeflatedExplicitVRLittleEndian:
        rest = len(read_dataset(path).get("PixelData") or b"") + 12
    wanted = int(data.Rows) * int(data.Columns) * count * int(data.BitsAllocated) // 8
    if rest <= 8 or (rest < wanted + 8 and not (syntax.is_compressed and not syntax.is_deflated)):
        return f"is cut short: {max(0, rest - 8)} of {wanted} bytes of pixels"
    return ""


def _frame(path: Path, data: FileDataset, number: int, damage: str) -> Frame:
    tags = Tags(data, number)
    spacing = tags.numbers("PixelSpacing", 2)
    orientation = np.array(tags.numbers("ImageOrientationPatient", 6))
    position = np.array(tags.numbers("ImagePositionPatient", 3))
    if min(spacing) <= 0:
        raise ValueError(f"has a damaged PixelSpacing ({spacing[0]:g}, {spacing[1]:g})")
    axes = orientation.reshape(2, 3)
    if np.abs(axes @ axes.T - np.eye(2)).max() > ORTHOGONALITY:
        raise ValueError("has a damaged ImageOrientationPatient: not two unit vectors at right angles")
    series_number, phases = tags.number("SeriesNumber"), tags.number("CardiacNumberOfImages")
    description = tags.text("SeriesDescription").strip()
    location = tags.number("SliceLocation")
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
        kind=(component_of(tags, data), *(tags.text(name) for name in SEQUENCE_TAGS)),
        echo=tuple(tags.text(name) for name in ECHO_TAGS),
        matrix=(int(data.Rows), int(data.Columns)),
        spacing=(spacing[0], spacing[1]),
        orientation=orientation,
        position=position,
        thickness=tags.number("SliceThickness"),
        stated_gap=tags.number("SpacingBetweenSlices"),
        stated_phases=None if phases is None else int(phases),
        stated_location=location if location is not None else tags.number("InStackPositionNumber"),
        one_of_many=max(phases or 0, tags.number("NumberOfTemporalPositions") or 0) > 1,
        localiser=is_localiser(tags, description),
        times=_times(tags, data, number),
        stored=_stored(tags, data),
        damage=damage,
    )


def _times(tags: Tags, data: Dataset, number: int) -> dict[str, float]:
    """What tells the frame's place in time, by keyword: times in ms, indices and numbers as they are."""
    found = {name: tags.number(name) for name in (*TRIGGER_TAGS, *POSITION_TAGS, *NUMBER_TAGS)}
    found |= {name: tags.clock_ms(name) for name in CLOCK_TAGS}
    values = tags.get(DIMENSION)
    indices = list(values) if isinstance(values, (list, MultiValue)) else [] if values is None else [values]
    pointers = [
        keyword_for_tag(item.get("DimensionIndexPointer") or 0) for item in data.get("DimensionIndexSequence") or []
    ]
    for n, value in enumerate(indices):
        if n >= len(pointers) or pointers[n] not in OF_SPACE:
            found[f"{DIMENSION}[{n + 1}]"] = float(str(value))
    if "PerFrameFunctionalGroupsSequence" in data:
        found["frame number"] = float(number + 1)
    return {name: value for name, value in found.items() if value is not None}


def _stored(tags: Tags, data: Dataset) -> Stored:
    allocated = int(data.BitsAllocated)
    signed = "int" if int(data.get("PixelRepresentation") or 0) else "uint"
    return Stored(
        dtype=np.dtype(f"{signed}{allocated}"),
        bits=int(data.get("BitsStored") or allocated),
        inverted=str(data.get("PhotometricInterpretation") or "").upper() == "MONOCHROME1",
        slope=tags.stated_number("RescaleSlope") or 1.0,
        intercept=tags.stated_number("RescaleIntercept") or 0.0,
    )
