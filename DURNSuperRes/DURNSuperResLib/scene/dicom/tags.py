"""Values of an image or of a frame in one, from where the standard puts them."""

from __future__ import annotations

import functools
import math
import re
from datetime import datetime

import pydicom
from pydicom.datadict import dictionary_description, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

# The functional groups that are looked into (PS3.3 C.7.6.16.2 and C.8.13.5). What private sequences hold is no value of
# the image: some makers keep a whole second header of another object there.
GROUPS = (
    *("PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence", "FrameContentSequence"),
    *("CardiacSynchronizationSequence", "TemporalPositionSequence", "PixelValueTransformationSequence"),
    *("MRImageFrameTypeSequence", "MREchoSequence", "MRTimingAndRelatedParametersSequence", "MRAveragesSequence"),
    *("MRModifierSequence", "MRImagingModifierSequence", "MRMetaboliteMapSequence", "MRFOVGeometrySequence"),
    *("FrameVOILUTSequence", "FrameAnatomySequence", "MRVelocityEncodingSequence"),
    *("UnassignedSharedConvertedAttributesSequence", "UnassignedPerFrameConvertedAttributesSequence"),
)
GROUP_TAGS = frozenset(tag for name in GROUPS if (tag := tag_for_keyword(name)) is not None)
OF_THE_OBJECT = frozenset(
    (
        *("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "PatientID"),
        *("SeriesNumber", "SeriesDescription", "InstanceNumber", "Modality", "Rows", "Columns"),
    )
)
CLOCK = re.compile(r"(\d{8})?(\d{2})(\d{2})?(\d{2})?(?:\.(\d{1,6}))?(?:[+-]\d{4})?")
DAY_MS = 86_400_000.0


class Tags:
    """Values of an image by keyword, from its frame's functional groups, the shared ones, then the data set itself."""

    def __init__(self, data: Dataset, number: int = 0) -> None:
        self._data = data
        self._places = [*_groups(data, "PerFrameFunctionalGroupsSequence", number)]
        self._places += _groups(data, "SharedFunctionalGroupsSequence", 0)
        self._places.append(data)

    def get(self, keyword: str, default: object = None) -> object:
        """The first value that is there and not empty."""
        tag = _tag_of(keyword)
        for place in [self._data] if keyword in OF_THE_OBJECT else self._places:
            if tag not in place:
                continue
            value = place[tag].value
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
            return self.stated_number(keyword)
        except ValueError:
            return None

    def stated_number(self, keyword: str) -> float | None:
        """A finite number, or None where there is none.

        Raises:
            ValueError: any other content.
        """
        try:
            value = self.get(keyword)
            number = None if value is None else float(str(value))
        except ValueError:
            number = math.nan
        if number is not None and not math.isfinite(number):
            raise ValueError(f"has a damaged {keyword}")
        return number

    def numbers(self, keyword: str, count: int) -> tuple[float, ...]:
        """``count`` finite numbers.

        Raises:
            ValueError: any other content.
        """
        value = self.get(keyword)
        if value is None:
            name = dictionary_description(keyword)
            raise ValueError(f"is a DICOM image without {keyword} ({name}): its place in the stack is not known")
        try:
            found = tuple(float(str(part)) for part in value)  # type: ignore[attr-defined]
        except (TypeError, ValueError):
            found = ()
        if len(found) != count or not all(math.isfinite(part) for part in found):
            raise ValueError(f"has a damaged {keyword}")
        return found

    def clock_ms(self, keyword: str) -> float | None:
        """A time (TM) or date and time (DT) in ms since its midnight or since the year 1; None if there is none."""
        match = CLOCK.fullmatch(self.text(keyword).strip().replace(":", ""))
        if match is None:
            return None
        date, hours, minutes, seconds, fraction = match.groups()
        try:
            days = datetime.strptime(date, "%Y%m%d").toordinal() if date else 0
        except ValueError:
            return None
        whole = int(hours) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
        return days * DAY_MS + 1e3 * (whole + float(f"0.{fraction or 0}"))


@functools.cache
def _tag_of(keyword: str) -> BaseTag:
    return Tag(keyword)


def _groups(data: Dataset, keyword: str, number: int) -> list[Dataset]:
    """The macros of one item of a functional groups sequence, each a data set."""
    items = data.get(keyword) or []
    if number >= len(items):
        return []
    found = [element for element in items[number] if element.tag in GROUP_TAGS]
    return [element.value[0] for element in found if element.VR == "SQ" and element.value]
