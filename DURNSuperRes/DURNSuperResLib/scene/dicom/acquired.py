"""How many lines of k-space a DICOM header says were measured, along the rows and along the columns of an image.

AcquisitionMatrix (PS3.3 C.8.3.1.1) is frequency rows, frequency columns, phase rows, phase columns, of which two are
zero; InPlanePhaseEncodingDirection says along which axis the phase encoding went. Makers do not agree on the rest: some
put the numbers where the direction does not have them, some count the lines of the whole field of view and some those
of the part that PercentPhaseFieldOfView tells, before or after PercentSampling. So all that a header may mean is given,
and the spectrum of the image decides. Enhanced MR has attributes of its own (PS3.3 C.8.13.5.2).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from ...core.signal.measured import Statement

KEYWORDS = (
    "AcquisitionMatrix",
    "InPlanePhaseEncodingDirection",
    "PercentSampling",
    "PercentPhaseFieldOfView",
    "MRAcquisitionFrequencyEncodingSteps",
    "MRAcquisitionPhaseEncodingStepsInPlane",
)
ALONG_ROW, ALONG_COLUMN = ("ROW",), ("COL", "COLUMN")


def header_of(path: Path, number: int = 0) -> dict[str, str]:
    """What frame ``number`` of an image says of its acquisition, by DICOM keyword, values joined by a backslash.

    Empty for a file that cannot be read: whoever reads its pixels says so.
    """
    from .frames import Tags
    from .reading import quiet_pydicom, read_dataset

    try:
        with quiet_pydicom():
            tags = Tags(read_dataset(path, pixels=False), number)
            found = {keyword: tags.text(keyword) for keyword in KEYWORDS}
    except Exception:  # a damaged file makes the parser raise nearly anything
        return {}
    return {keyword: text for keyword, text in found.items() if text}


def statement_of(stated: Mapping[str, str], rows: int, columns: int) -> Statement:
    """What a header may mean for an image of ``rows`` x ``columns``; nothing where it makes no sense.

    Args:
        stated: values by DICOM keyword, as :func:`header_of` gives them.
        rows, columns: of the image.
    """
    frequency, phase = _encodings(stated)
    direction = stated.get("InPlanePhaseEncodingDirection", "").strip().upper()
    if not frequency or not phase or direction not in (*ALONG_ROW, *ALONG_COLUMN):
        return Statement()
    along_row = direction in ALONG_ROW  # phase encoding along a row tells columns apart
    phase_size, frequency_size = (columns, rows) if along_row else (rows, columns)
    sampled = _share(stated.get("PercentSampling"))
    field = _share(stated.get("PercentPhaseFieldOfView"))
    meanings = {
        phase * by_sampling * by_field for by_sampling in (1.0, sampled) for by_field in (1.0, field, 1 / field)
    }
    phases = tuple(sorted(lines for lines in meanings if 1 <= lines <= phase_size))
    frequencies = (frequency,) if frequency <= frequency_size else ()
    return Statement(frequencies, phases) if along_row else Statement(phases, frequencies)


def _encodings(stated: Mapping[str, str]) -> tuple[float, float]:
    """Numbers of frequency and of phase encodings; 0 for one that is not stated."""
    steps = [_number(stated.get(keyword)) for keyword in KEYWORDS[4:]]
    if all(steps):
        return steps[0], steps[1]
    matrix = [_number(part) for part in stated.get("AcquisitionMatrix", "").split("\\")]
    if len(matrix) != 4:
        return 0.0, 0.0
    frequencies, phases = ([number for number in pair if number] for pair in (matrix[:2], matrix[2:]))
    return (frequencies[0], phases[0]) if len(frequencies) == len(phases) == 1 else (0.0, 0.0)


def _number(text: str | None) -> float:
    """A positive finite number; 0 for anything else."""
    try:
        value = float(text or 0)
    except ValueError:
        return 0.0
    return value if math.isfinite(value) and value > 0 else 0.0


def _share(percent: str | None) -> float:
    """Of a percentage from 1 to 100; 1 for anything else."""
    value = _number(percent) / 100
    return value if 0.01 <= value <= 1 else 1.0
