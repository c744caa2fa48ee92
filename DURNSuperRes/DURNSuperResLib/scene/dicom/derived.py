"""Writing an enlarged stack as a new DICOM series of MR images, derived from the one that was read.

Each image is DERIVED, SECONDARY with new UIDs, in the study and frame of reference of its source, to which it refers
(SourceImageSequence, PS3.3 C.7.6.1.1.4). Nothing of the source is kept but the attributes of ``COPIED``: those by which
patient and study are filed, how the image was acquired, and how to display it. Everything else is left out, above all
private attributes and the names of persons, institutions and devices. The pixels have 16 bits; RescaleSlope and
RescaleIntercept give the source's units. The folder is written aside, read back, compared and renamed as a whole.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid
from pydicom.valuerep import format_number_as_ds

from ...core.network.models import model_for
from ...core.options import DEFAULT_MODEL
from ...core.upscaling import Upscaling
from ...version import NOTICE, __version__
from .frames import MR_CLASSES, Frame, Tags, quiet_pydicom
from .plain import DicomError
from .reading import read_dataset, write_dataset
from .stacks import Stack

COPIED = {
    "patient": "PatientName PatientID PatientBirthDate PatientSex PatientIdentityRemoved DeidentificationMethod "
    "LongitudinalTemporalInformationModified",
    "study": "StudyInstanceUID StudyDate StudyTime StudyID AccessionNumber StudyDescription",
    "series": "Modality ProtocolName BodyPartExamined Laterality PatientPosition PositionReferenceIndicator",
    "equipment": "Manufacturer ManufacturerModelName MagneticFieldStrength",
    "acquisition": "AcquisitionDate AcquisitionTime ScanningSequence SequenceVariant ScanOptions MRAcquisitionType "
    "SequenceName AngioFlag RepetitionTime EchoTime EchoTrainLength EchoNumbers FlipAngle NumberOfAverages "
    "ImagingFrequency ImagedNucleus PixelBandwidth PercentSampling PercentPhaseFieldOfView AcquisitionMatrix "
    "InPlanePhaseEncodingDirection SliceThickness",
    "heart": "TriggerTime NominalInterval HeartRate CardiacNumberOfImages",
    "display": "PhotometricInterpretation WindowCenter WindowWidth WindowCenterWidthExplanation",
    "quality": "BurnedInAnnotation LossyImageCompression LossyImageCompressionRatio LossyImageCompressionMethod",
}
EMPTY_IF_UNKNOWN = (  # type 2 in PS3.3 C.7.1 to C.8.3: present, be it without a value
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID"),
    *("AccessionNumber", "ReferringPhysicianName", "PositionReferenceIndicator", "Manufacturer", "ScanOptions"),
    *("MRAcquisitionType", "EchoTime", "EchoTrainLength", "SliceThickness", "RepetitionTime"),
)
KNOWN_DEFAULTS = {"ScanningSequence": "RM", "SequenceVariant": "NONE", "PhotometricInterpretation": "MONOCHROME2"}
LONGEST_NUMBER = 16
WINDOW = ("WindowCenter", "WindowWidth", "WindowCenterWidthExplanation")
NAME = "IM_{:04d}_{:04d}.dcm"
OURS = re.compile(r"IM_\d{4,}_\d{4,}\.dcm")
SOURCE_IMAGE = ("121322", "Source image for image processing operation")
PROCESSING = ("109102", "Processing Equipment")
RESAMPLING = ("113085", "Spatial resampling")
MR_IMAGE = MR_CLASSES[0]
FEWEST_LEVELS = 256
UINT16, INT16 = np.iinfo(np.uint16), np.iinfo(np.int16)

Phases = Callable[[], Iterable[NDArray]]


@dataclass(frozen=True)
class Scaling:
    """How values are stored: ``stored * slope + intercept``, in 16 bits, signed or not."""

    slope: float
    intercept: float
    signed: bool

    def stored(self, values: NDArray) -> NDArray:
        """Values as 16-bit integers."""
        limits = INT16 if self.signed else UINT16
        levels = np.rint((values.astype(np.float64) - self.intercept) / self.slope)
        return np.clip(levels, limits.min, limits.max).astype(limits.dtype)


@dataclass(frozen=True)
class Series:
    """What all images of the new series share."""

    uid: str
    number: int
    frame_of_reference: str
    description: str
    scale: int
    method: str
    model: str
    found: str
    scaling: Scaling
    made: datetime


def check_folder(folder: Path, overwrite: bool) -> None:
    """Whether a series can be written to ``folder``, asked before the work starts.

    Raises:
        FileExistsError: the folder is a file, or holds files and ``overwrite`` is not set, or others than images that
            were written here before.
        OSError: its parent is missing or read-only.
    """
    parent = folder.resolve().parent
    if not parent.is_dir():
        raise FileNotFoundError(f"the output folder {parent} does not exist")
    if not os.access(parent, os.W_OK):
        raise PermissionError(f"the output folder {parent} is read-only")
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"the output {folder} is a file, not a folder")
    inside = list(folder.iterdir()) if folder.exists() else []
    if inside and not overwrite:
        raise FileExistsError(f"the output folder {folder} is not empty; give --overwrite to replace it")
    if any(not path.is_file() or not OURS.fullmatch(path.name) for path in inside):
        raise FileExistsError(f"the output folder {folder} holds other files than an earlier result; choose another")


def write_derived(
    stack: Stack,
    phases: Phases,
    folder: Path,
    *,
    scale: int,
    method: str,
    model: str = DEFAULT_MODEL,
    found: str = "",
    overwrite: bool = False,
) -> int:
    """Write the enlarged phases of a stack as one new series; returns how many images it has.

    Args:
        stack: what was enlarged.
        phases: gives the enlarged ``(slices, scale*rows, scale*columns)`` of each phase; called twice.
        folder: where the images go; new or empty, or with ``overwrite`` an earlier result.
        scale, method, model: as they were given to the enlargement.
        found: what it found of itself, in words, for the derivation description.

    Raises:
        DicomError: a source that is no MR image, or pixels that do not fit it.
        OSError: as :func:`check_folder`, or a failed write; what was there before is untouched.
    """
    check_folder(folder, overwrite)
    if stack.first.sop_class not in MR_CLASSES:
        raise DicomError("DICOM output is for MR images; write a volume or a sequence instead")
    series = _series(stack, phases, scale, method, model, found)
    folder = folder.resolve()
    with tempfile.TemporaryDirectory(prefix=".durn-", dir=folder.parent) as private:
        aside = Path(private) / "series"
        aside.mkdir()
        for number, values in enumerate(phases()):
            for place, pixels in enumerate(series.scaling.stored(values)):
                image = _image(stack, number, place, pixels, series)
                _write(image, aside / NAME.format(place + 1, number + 1))
        check_folder(folder, overwrite)  # another run may have been there meanwhile
        _replace(aside, folder, Path(private) / "replaced")
    return stack.phases * stack.slices


def _replace(aside: Path, folder: Path, replaced: Path) -> None:
    """Rename a finished folder into place; an earlier result is kept until that has been done."""
    if folder.exists():
        folder.rename(replaced)
    try:
        aside.rename(folder)
    except OSError:
        if replaced.exists() and not folder.exists():
            replaced.rename(folder)
        raise


def _series(stack: Stack, phases: Phases, scale: int, method: str, model: str, found: str) -> Series:
    references = {image.frame_of_reference for image in stack.every_frame}
    reference = references.pop() if len(references) == 1 else ""
    numbers = stack.series_numbers or [0]
    label = Upscaling(scale=scale, method=method, model=model).label
    name = stack.descriptions[0][:40] if stack.descriptions else stack.view.name
    return Series(
        uid=generate_uid(prefix=None),
        number=min(numbers[0], 10**7) * 100 + scale,
        frame_of_reference=reference or generate_uid(prefix=None),
        description=f"{name} {label}",
        scale=scale,
        method=method,
        model=model,
        found=found,
        scaling=_scaling(stack, phases),
        made=datetime.now(),
    )


def _scaling(stack: Stack, phases: Phases) -> Scaling:
    """The source's own units if 16 bits hold them and they are not too coarse, else steps that are a power of two."""
    slopes = {(image.stored.slope, image.stored.intercept) for images in stack.frames for image in images}
    slope, intercept = slopes.pop() if len(slopes) == 1 else (min(abs(slope) for slope, _ in slopes), 0.0)
    slope = abs(slope)
    low, high = np.inf, -np.inf
    for values in phases():
        low, high = min(low, float(values.min())), max(high, float(values.max()))
    if not np.isfinite(low + high):
        raise DicomError("the enlarged images hold NaN or infinite values")
    while 0 < (high - low) / slope < FEWEST_LEVELS:
        slope /= 2
    while (high - low) / slope >= UINT16.max:
        slope *= 2
    lowest, highest = np.rint((low - intercept) / slope), np.rint((high - intercept) / slope)
    if lowest >= 0 and highest <= UINT16.max:
        return Scaling(slope, intercept, signed=False)
    if lowest >= INT16.min and highest <= INT16.max:
        return Scaling(slope, intercept, signed=True)
    return Scaling(slope, float(np.floor(low)), signed=False)


def _image(stack: Stack, number: int, place: int, pixels: NDArray, series: Series) -> FileDataset:
    """One image of the new series."""
    source = stack.frames[number][place]
    wanted = tuple(extent * series.scale for extent in source.matrix)
    if pixels.shape != wanted:
        raise DicomError(f"the enlarged slices are {pixels.shape}, not {wanted}")
    with quiet_pydicom():
        data = read_dataset(source.path, pixels=False)
        image = _copied(Tags(data, source.number))
        _show_high_values_bright(image)
        _identify(image, source, series)
        _place(image, source, stack, series.scale)
        _time(image, source, stack, number, place)
        _explain(image, source, series)
        _fill(image, pixels, series.scaling)
    return image


def _copied(tags: Tags) -> FileDataset:
    """A new data set with the attributes of the source that are on the list, and no other."""
    meta = FileMetaDataset()
    image = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    image.SpecificCharacterSet = "ISO_IR 192"
    for keyword in " ".join(COPIED.values()).split():
        if (element := _classic(tags, keyword)) is not None:
            image[keyword] = element
    for keyword, value in KNOWN_DEFAULTS.items():
        if keyword not in image:
            setattr(image, keyword, value)
    if methods := tags.get("DeidentificationMethodCodeSequence"):
        image.DeidentificationMethodCodeSequence = [_copied_code(item) for item in methods]  # type: ignore[attr-defined]
    if "EchoTime" not in image and (echo := tags.number("EffectiveEchoTime")) is not None:
        image.EchoTime = format_number_as_ds(echo)
    for keyword in EMPTY_IF_UNKNOWN:
        if keyword not in image:
            setattr(image, keyword, None)
    if "BodyPartExamined" not in image and "Laterality" not in image:
        image.Laterality = None
    sequence = tags.text("ScanningSequence").split("\\")
    if "IR" in sequence and (inversion := tags.number("InversionTime")) is not None:
        image.InversionTime = format_number_as_ds(inversion)
    return image


def _classic(tags: Tags, keyword: str) -> DataElement | None:
    """An attribute as a classic image may hold it; None for one that is missing or damaged."""
    kind = dictionary_VR(keyword)
    try:
        value = tags.get(keyword)
        if kind == "DS" and isinstance(value, float) and len(str(value)) > LONGEST_NUMBER:
            value = format_number_as_ds(value)
        if (keyword, value) == ("InPlanePhaseEncodingDirection", "COLUMN"):
            value = "COL"
        if value is None:
            return None
        value = str(value) if kind == "PN" else value
        return DataElement(tag_for_keyword(keyword), kind, value)  # type: ignore[arg-type]
    except ValueError:  # text in place of a number
        return None


def _show_high_values_bright(image: FileDataset) -> None:
    """What was stored as MONOCHROME1 has been inverted; its window does not fit any more."""
    if image.PhotometricInterpretation != "MONOCHROME2":
        for keyword in WINDOW:
            if keyword in image:
                delattr(image, keyword)
    image.PhotometricInterpretation = "MONOCHROME2"


def _identify(image: FileDataset, source: Frame, series: Series) -> None:
    """New UIDs in the old study; ImageType as PS3.3 C.8.3.1.1.1 wants it."""
    uid = generate_uid(prefix=None)
    image.SOPClassUID, image.SOPInstanceUID, image.SeriesInstanceUID = UID(MR_IMAGE), uid, series.uid
    image.Modality = "MR"
    image.ImageType = ["DERIVED", "SECONDARY", source.kind[0] or "OTHER"]
    image.SeriesNumber, image.SeriesDescription = series.number, series.description
    image.FrameOfReferenceUID = series.frame_of_reference
    image.InstanceCreationDate = image.ContentDate = series.made.strftime("%Y%m%d")
    image.InstanceCreationTime = image.ContentTime = series.made.strftime("%H%M%S")
    image.StudyInstanceUID = source.study or series.uid + ".1"
    image.file_meta.MediaStorageSOPClassUID, image.file_meta.MediaStorageSOPInstanceUID = UID(MR_IMAGE), uid
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian


def _place(image: FileDataset, source: Frame, stack: Stack, scale: int) -> None:
    """Image plane (PS3.3 C.7.6.2): the first pixel's centre moves, since the field of view stays."""
    rows, columns = (extent * scale for extent in source.matrix)
    between_rows, between_columns = source.spacing
    shift = (1 / scale - 1) / 2
    along_row, along_column = source.orientation[:3], source.orientation[3:]
    position = source.position + shift * (between_columns * along_row + between_rows * along_column)
    image.Rows, image.Columns = rows, columns
    image.PixelSpacing = [format_number_as_ds(step / scale) for step in source.spacing]
    image.ImageOrientationPatient = [format_number_as_ds(float(cosine)) for cosine in source.orientation]
    image.ImagePositionPatient = [format_number_as_ds(float(part)) for part in position]
    image.SliceLocation = format_number_as_ds(round(source.depth, 6))
    if stack.slices > 1:
        image.SpacingBetweenSlices = format_number_as_ds(round(stack.gap, 6))


def _time(image: FileDataset, source: Frame, stack: Stack, number: int, place: int) -> None:
    """Numbers in the order of slices, then phases; the slice's own trigger time."""
    image.InstanceNumber = place * stack.phases + number + 1
    if stack.phases > 1:
        image.TemporalPositionIdentifier, image.NumberOfTemporalPositions = number + 1, stack.phases
        image.CardiacNumberOfImages = stack.phases
    delay = source.times.get("NominalCardiacTriggerDelayTime")
    if "TriggerTime" not in image and delay is not None:
        image.TriggerTime = format_number_as_ds(delay)
        image.ScanOptions = image.ScanOptions or "CG"  # cardiac gating, without which there is no trigger time


def _explain(image: FileDataset, source: Frame, series: Series) -> None:
    """What it was made of, by what (PS3.3 C.12.1), and what it is not for."""
    software = f"DURNSuperRes {__version__}"
    how = f"{series.method} x{series.scale} in the plane of the slice"
    versions = [software]
    if series.method == "durn":
        card = model_for(series.scale, series.model)
        how += f", model {card.name}, weights SHA-256 {card.sha256}"
        versions += [card.name, f"SHA-256 {card.sha256[:48]}"]
    image.DerivationDescription = f"{software}: {how}. {series.found and series.found + '. '}{NOTICE}"
    image.ImageComments = NOTICE
    image.DerivationCodeSequence = [_code(*RESAMPLING)]
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = source.sop_class, source.sop_instance
    if source.sop_class != MR_IMAGE:
        reference.ReferencedFrameNumber = source.number + 1
    reference.PurposeOfReferenceCodeSequence = [_code(*SOURCE_IMAGE)]
    image.SourceImageSequence = [reference]
    equipment = Dataset()
    equipment.PurposeOfReferenceCodeSequence = [_code(*PROCESSING)]
    equipment.Manufacturer, equipment.ManufacturerModelName = "DURNSuperRes", "DURNSuperRes"
    equipment.SoftwareVersions = versions
    equipment.ContributionDescription = f"Super-resolution, {how}. {NOTICE}"
    image.ContributingEquipmentSequence = [equipment]


def _copied_code(item: Dataset) -> Dataset:
    code = Dataset()
    for keyword in ("CodeValue", "CodingSchemeDesignator", "CodeMeaning"):
        setattr(code, keyword, str(item.get(keyword, "")))
    return code


def _code(value: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "DCM", meaning
    return code


def _fill(image: FileDataset, pixels: NDArray, scaling: Scaling) -> None:
    """Image pixel (PS3.3 C.7.6.3) and modality rescaling."""
    image.SamplesPerPixel, image.BitsAllocated, image.BitsStored, image.HighBit = 1, 16, 16, 15
    image.PixelRepresentation = int(scaling.signed)
    image.RescaleSlope, image.RescaleIntercept = (format_number_as_ds(v) for v in (scaling.slope, scaling.intercept))
    image.RescaleType = "US"
    image.add_new("PixelData", "OW", np.ascontiguousarray(pixels).astype(pixels.dtype.newbyteorder("<")).tobytes())


def _write(image: FileDataset, path: Path) -> None:
    """Write one image and read it back.

    Raises:
        OSError: a full disk among the reasons.
    """
    with quiet_pydicom():
        try:
            write_dataset(image, path)
            copy = pydicom.dcmread(path)
        except OSError as error:
            raise OSError(f"the DICOM output could not be written ({error.strerror}); is the disk full?") from error
        except Exception as error:  # attributes of the source that no writer takes
            raise DicomError(f"an attribute of the source cannot be written: {type(error).__name__}") from error
    same_place = copy.ImagePositionPatient == image.ImagePositionPatient
    if not same_place or copy.get("PixelData") != image.PixelData:
        raise OSError("the DICOM output could not be written in full; is the disk full?")
