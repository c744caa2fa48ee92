"""What an image is by its header: magnitude or phase, grey or colour, one slice or a mosaic of many.

Each frame of an enhanced image is asked, then the data set (PS3.3 C.8.13.3.1: ImageType, FrameType and
ComplexImageComponent; MIXED says to ask the frames).
"""

from __future__ import annotations

import re

from pydicom.dataset import Dataset, FileDataset
from pydicom.uid import UID

from .tags import Tags

MR_CLASSES = (
    "1.2.840.10008.5.1.4.1.1.4",  # MR Image Storage
    "1.2.840.10008.5.1.4.1.1.4.1",  # Enhanced MR Image Storage
    "1.2.840.10008.5.1.4.1.1.4.4",  # Legacy Converted Enhanced MR Image Storage
)
NO_IMAGES = re.compile(
    r"Segmentation|Presentation State|Parametric Map|Dose|Directory|Surface|Waveform|Report|SR |Spectroscopy"
)
PLACELESS = re.compile(r"Secondary Capture|Ultrasound|X-Ray|Radiography|VL ")  # that need not lie anywhere in space
LOCALISER = re.compile(r"locali[sz]er|(?<!\bti.)scout|survey|plan.?scan", re.IGNORECASE)
COMPONENTS = {"MAGNITUDE": "M", "PHASE": "P", "REAL": "R", "IMAGINARY": "I"}
PHASES = ("P", "PHASE", "PHASE MAP", "PHASE_MAP", "VELOCITY", "VELOCITY MAP", "VELOCITY_MAP")
REALS, IMAGINARIES = ("R", "REAL", "R_FFE", "R_IR", "R_SE"), ("I", "IMAGINARY", "I_FFE", "I_IR", "I_SE")
SAY_NOTHING = ("", "NONE", "MIXED")
GE_CREATOR, GE_KIND = (0x0043, 0x0010), (0x0043, 0x102F)
GE_KINDS = {"0": "M", "1": "P", "2": "R", "3": "I"}
SIEMENS_COUNT, CSA_HEADER = (0x0019, 0x100A), (0x0029, 0x1010)
PRIVATE_TAGS = (0x00430010, 0x0043102F, 0x00190010, 0x0019100A, 0x00291010)  # that are looked at here
CSA_COUNT, CSA_ITEM = b"NumberOfImagesInMosaic\0", 84
NO_MAGNITUDES = ("P", "R", "I")
GREY = ("MONOCHROME1", "MONOCHROME2")
MOSAIC = "a mosaic: the slices of a volume as tiles of one image; convert it with dcm2niix"


def component_of(tags: Tags, data: Dataset) -> str:
    """What a frame shows, as the third value of ImageType says it: M, P, R, I or the name of another quantity."""
    stated = COMPONENTS.get(tags.text("ComplexImageComponent").upper(), "")
    frame_type, image_type = (tags.text(name).upper().split("\\")[2:] for name in ("FrameType", "ImageType"))
    values = frame_type if any(value not in SAY_NOTHING for value in frame_type) else image_type
    by_type = next((letter for names, letter in _NAMES if any(value in names for value in values)), "")
    maker = GE_KINDS.get(str(data[GE_KIND].value), "") if GE_KIND in data and _is_ge(data) else ""
    if stated in ("", "M") and by_type:
        return by_type
    flavour = next((value for value in values if value not in SAY_NOTHING), "")
    return stated if stated not in ("", "M") else maker if maker not in ("", "M") else flavour or stated or "M"


_NAMES = ((PHASES, "P"), (REALS, "R"), (IMAGINARIES, "I"))


def _is_ge(data: Dataset) -> bool:
    return GE_CREATOR in data and str(data[GE_CREATOR].value).startswith("GEMS")


def why_no_image(data: FileDataset) -> str:
    """Why an object is not an image to upscale; empty if it is one.

    Raises:
        ValueError: an MR image that has lost its size.
    """
    stated = data.get("SOPClassUID") or data.file_meta.get("MediaStorageSOPClassUID")  # a DICOMDIR has the second alone
    sop_class = UID(str(stated or ""))
    if sop_class not in MR_CLASSES and ("Rows" not in data or NO_IMAGES.search(sop_class.name)):
        return f"no image ({sop_class.name or 'of unknown kind'})"
    placed = "ImagePositionPatient" in data or "PerFrameFunctionalGroupsSequence" in data
    if PLACELESS.search(sop_class.name) and not placed:
        return f"no slice of a volume ({sop_class.name})"
    if not data.get("Rows") or not data.get("Columns"):
        raise ValueError("is an image without a number of rows or columns")
    colours = str(data.get("PhotometricInterpretation") or GREY[1]).upper()
    if int(data.get("SamplesPerPixel") or 1) != 1 or colours not in GREY:
        return "a colour image; grey levels are needed"
    if sop_class == MR_CLASSES[0] and _is_mosaic(data):
        return MOSAIC
    if int(data.get("BitsAllocated") or 0) not in (8, 16, 32):
        found = data.get("BitsAllocated")
        raise ValueError(
            f"has {found} bits allocated for a pixel" if found else "does not say how many bits a pixel has"
        )
    return ""


def is_localiser(tags: Tags, description: str) -> bool:
    """Whether an image is for planning."""
    return "LOCALIZER" in tags.text("ImageType").split("\\") or LOCALISER.search(description) is not None


def _is_mosaic(data: Dataset) -> bool:
    """Whether one image has many slices as tiles: by ImageType, or by what Siemens writes where that was taken away."""
    if "MOSAIC" in [str(value).upper() for value in data.get("ImageType") or []]:
        return True
    try:
        if SIEMENS_COUNT in data and "SIEMENS" in str(data.get_item((0x0019, 0x0010))):
            return int(str(data[SIEMENS_COUNT].value)) > 1
    except ValueError:
        return False
    header = data[CSA_HEADER].value if CSA_HEADER in data else b""
    place = header.find(CSA_COUNT) if isinstance(header, bytes) else -1
    number = re.search(rb"\d+", header[place + CSA_ITEM : place + CSA_ITEM + 64]) if place >= 0 else None
    return number is not None and int(number[0]) > 1
