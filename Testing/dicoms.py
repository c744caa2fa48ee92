"""Small DICOM cines whose pixels tell their slice and phase, and ways to write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

ROWS, COLUMNS, SPACING, GAP, STEP_MS = 20, 24, (1.5, 1.25), 8.0, 40.0
ALONG_ROW = np.array([0.8, 0.0, 0.6])
ALONG_COLUMN = np.array([0.36, 0.8, -0.48])
NORMAL = np.cross(ALONG_ROW, ALONG_COLUMN)
ORIGIN = np.array([-21.5, 13.25, -40.0])
MR_IMAGE, ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1"

AS_A_FILE = (  # with preamble and meta header; the keyword is of pydicom 3, and before it of 2.4
    {"enforce_file_format": True} if int(pydicom.__version__.partition(".")[0]) >= 3 else {"write_like_original": False}
)


def pixels_of(place: int, phase: int) -> NDArray[np.uint16]:
    """A ramp that tells rows, columns, slice and phase apart."""
    rows, columns = np.indices((ROWS, COLUMNS))
    return (1000 * place + 100 * phase + 3 * rows + columns).astype(np.uint16)


def image(place: int, phase: int, series: str, study: str = "1.2.3", **tags: object) -> FileDataset:
    """One valid MR image of slice ``place`` at ``phase``; ``tags`` replace its attributes, None deletes one."""
    data = FileDataset("", {}, file_meta=FileMetaDataset(), preamble=b"\0" * 128)
    data.SpecificCharacterSet, data.Modality, data.Manufacturer = "ISO_IR 192", "MR", "Maker"
    data.SOPClassUID, data.SOPInstanceUID = MR_IMAGE, generate_uid()
    data.StudyInstanceUID, data.SeriesInstanceUID, data.FrameOfReferenceUID = study, series, f"{study}.9"
    data.PatientName, data.PatientID, data.PatientBirthDate, data.PatientSex = "Secret^Person", "secret-id", "", ""
    data.StudyDate, data.StudyTime, data.StudyID, data.AccessionNumber = "20200101", "120000", "1", ""
    data.ReferringPhysicianName, data.InstitutionName = "Secret^Doctor", "Secret Hospital"
    data.PositionReferenceIndicator, data.PatientPosition, data.BodyPartExamined = "", "HFS", "HEART"
    data.SeriesNumber, data.SeriesDescription, data.InstanceNumber = 1, "cine", phase + 1
    data.ImageType = ["ORIGINAL", "PRIMARY", "M"]
    data.ScanningSequence, data.SequenceVariant, data.ScanOptions, data.MRAcquisitionType = "GR", "SS", "CG", "2D"
    data.RepetitionTime, data.EchoTime, data.EchoTrainLength, data.SliceThickness = 40, 1.5, 1, 6
    data.TriggerTime, data.NominalInterval, data.PixelSpacing = phase * STEP_MS, 800, list(SPACING)
    data.ImageOrientationPatient = [round(float(v), 6) for v in (*ALONG_ROW, *ALONG_COLUMN)]
    data.ImagePositionPatient = [round(float(v), 6) for v in ORIGIN + place * GAP * NORMAL]
    data.Rows, data.Columns, data.SamplesPerPixel, data.PhotometricInterpretation = ROWS, COLUMNS, 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 0
    data.PixelData = pixels_of(place, phase).tobytes()
    data.add_new((0x0029, 0x0010), "LO", "MAKER PRIVATE")
    data.add_new((0x0029, 0x1001), "LO", "secret private value")
    for name, value in tags.items():
        if value is None:
            delattr(data, name)
        else:
            setattr(data, name, value)
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return data


def save(data: Dataset, path: Path) -> Path:
    """Write a data set as a DICOM file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pydicom.dcmwrite(path, data, **AS_A_FILE)
    return path


def write_cine(folder: Path, slices: int = 3, phases: int = 4, *, series_a_slice: bool = True, **tags: object) -> Path:
    """A short-axis cine of one series a slice, or of one series."""
    for place in range(slices):
        own = place if series_a_slice else 0
        for phase in range(phases):
            number = phase + 1 if series_a_slice else place * phases + phase + 1
            own_tags = {"SeriesNumber": own + 1, "InstanceNumber": number, "SeriesDescription": "cine sax", **tags}
            save(image(place, phase, f"1.2.3.{own + 1}", **own_tags), folder / f"s{own}" / f"{place}_{phase}.dcm")
    return folder


def enhanced(slices: int = 3, phases: int = 4, **tags: object) -> FileDataset:
    """The same cine as one enhanced multi-frame image, its frames in an order that is neither time nor place."""
    order = [(place, phase) for phase in range(phases) for place in range(slices)]
    order = order[1::2] + order[::2]
    data = image(0, 0, "1.2.3.77", SOPClassUID=ENHANCED_MR, NumberOfFrames=len(order), SeriesDescription="cine sax")
    for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "TriggerTime", "InstanceNumber"):
        delattr(data, name)
    data.InstanceNumber = 1
    shared = Dataset()
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [Dataset()], [Dataset()]
    shared.PlaneOrientationSequence[0].ImageOrientationPatient = [float(v) for v in (*ALONG_ROW, *ALONG_COLUMN)]
    shared.PixelMeasuresSequence[0].PixelSpacing, shared.PixelMeasuresSequence[0].SliceThickness = list(SPACING), 6
    data.SharedFunctionalGroupsSequence = [shared]
    data.PerFrameFunctionalGroupsSequence = [_frame_groups(place, phase) for place, phase in order]
    data.PixelData = np.stack([pixels_of(*item) for item in order]).tobytes()
    for name, value in tags.items():
        setattr(data, name, value)
    return data


def _frame_groups(place: int, phase: int) -> Dataset:
    groups = Dataset()
    groups.PlanePositionSequence, groups.CardiacSynchronizationSequence = [Dataset()], [Dataset()]
    groups.PlanePositionSequence[0].ImagePositionPatient = [float(v) for v in ORIGIN + place * GAP * NORMAL]
    groups.CardiacSynchronizationSequence[0].NominalCardiacTriggerDelayTime = phase * STEP_MS
    return groups
