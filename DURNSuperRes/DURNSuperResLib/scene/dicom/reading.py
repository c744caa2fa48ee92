"""Finding the DICOM files below a folder, and reading them: with or without preamble and file meta information. What
differs between pydicom 2 and 3 in reading and writing is here.

Linked folders are entered as Slicer's import enters them, once each. What a Mac leaves beside its files (names that
begin with ``._``) is no DICOM.
"""

from __future__ import annotations

import logging
import os
import struct
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pydicom
from pydicom import encaps
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.tag import Tag
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from ...version import LEDGER_FOLDER

DICOM_ENDINGS = (".dcm", ".ima")
DOUBLE_NAME, DOUBLE_MARK = "._", bytes.fromhex("00051607")
PRIVATE_FOLDER = ".durn-"
FIRST_GROUPS = (0x0002, 0x0004, 0x0008)
LONGEST_ELEMENT = 2**16
PYDICOM = int(pydicom.__version__.partition(".")[0])


@contextmanager
def quiet_pydicom() -> Iterator[None]:
    """Reading and writing without pydicom's messages on odd values, which would quote them, patient data included."""
    logger = logging.getLogger("pydicom")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), pydicom.config.disable_value_validation():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def files_below(folder: Path, not_entered: list[Path] | None = None) -> Iterator[Path]:
    """All files below a folder, sorted, without those in folders of batch results, which are never input.

    Args:
        folder: links to other folders in it are followed, each folder is entered once.
        not_entered: receives links to a folder that holds ``folder`` itself.
    """
    root = folder.resolve()
    seen: set[Path] = set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if _is_input(Path(parent) / name, root, seen, not_entered))
        yield from (Path(parent) / name for name in sorted(names))


def _is_input(folder: Path, root: Path, seen: set[Path], not_entered: list[Path] | None) -> bool:
    if folder.name.startswith(PRIVATE_FOLDER) or (folder / LEDGER_FOLDER).is_dir():
        return False
    if not folder.is_symlink():
        return not seen or folder.resolve() not in seen
    target = folder.resolve()
    if root.is_relative_to(target):
        if not_entered is not None:
            not_entered.append(folder)
        return False
    if any(target.is_relative_to(other) for other in (root, *seen)):
        return False
    seen.add(target)
    return True


def is_apple_double(path: Path) -> bool:
    """Whether a file is what a Mac keeps beside another one on a file system of others: no image of any kind."""
    if path.name.startswith(DOUBLE_NAME):
        return True
    try:
        with path.open("rb") as file:
            return file.read(4) == DOUBLE_MARK
    except OSError:
        return False


def read_dataset(path: Path, *, pixels: bool = True, tags: Sequence[str | int] | None = None) -> FileDataset:
    """A file's data set, with a transfer syntax where it states none.

    Args:
        path: with or without preamble and file meta information.
        pixels: read the pixels as well.
        tags: keywords or numbers of the elements to read; all if None.

    Raises:
        InvalidDicomError: no DICOM file.
        Exception: a damaged file makes the parser raise nearly anything.
    """
    wanted = None if tags is None else [Tag(tag) for tag in tags]
    with path.open("rb") as file:
        begin = file.read(132)
        file.seek(0)
        bare = begin[128:] != b"DICM"
        if bare and not _begins_with_an_element(begin):
            raise InvalidDicomError("no DICOM file")
        data = pydicom.dcmread(file, stop_before_pixels=not pixels, force=bare, specific_tags=wanted)
        if bare and (not data.get("SOPClassUID") or not data.get("Rows")):
            raise InvalidDicomError("no DICOM image")
        _complete_meta(data)
        data.rest = os.fstat(file.fileno()).st_size - file.tell() if not pixels else 0
    return data


def write_dataset(data: FileDataset, path: Path) -> None:
    """Write a data set that has its file meta information, in explicit little endian.

    Raises:
        OSError: a failed write.
        Exception: attributes that no writer takes.
    """
    if PYDICOM >= 3:
        pydicom.dcmwrite(path, data, enforce_file_format=True)
    else:
        data.is_little_endian, data.is_implicit_VR = True, False
        pydicom.dcmwrite(path, data, write_like_original=False)


def compressed_frames(data: FileDataset) -> Iterator[bytes]:
    """The compressed pixels of each frame of a data set."""
    count = int(data.get("NumberOfFrames") or 1)
    if PYDICOM >= 3:
        return encaps.generate_frames(data.PixelData, number_of_frames=count)
    return encaps.generate_pixel_data_frame(data.PixelData, count)


def _begins_with_an_element(begin: bytes) -> bool:
    """Whether the first bytes are an element that a data set can begin with, in either byte order."""
    for order in "<>":
        if len(begin) < 8:
            return False
        group, _ = struct.unpack(order + "2H", begin[:4])
        explicit = begin[4:6].isalpha() and begin[4:6].isupper()
        length = struct.unpack(order + "H", begin[6:8])[0] if explicit else struct.unpack(order + "I", begin[4:8])[0]
        if group in FIRST_GROUPS and length < LONGEST_ELEMENT:
            return True
    return False


def _complete_meta(data: FileDataset) -> None:
    if getattr(data, "file_meta", None) is None:
        data.file_meta = FileMetaDataset()
    if not data.file_meta.get("TransferSyntaxUID"):
        data.file_meta.TransferSyntaxUID = _guessed_syntax(data)


def _guessed_syntax(data: FileDataset) -> UID:
    known = getattr(data, "original_encoding", None)  # since pydicom 3
    implicit, little = known if known else (data.is_implicit_VR, data.is_little_endian)
    if implicit:
        return ImplicitVRLittleEndian
    return ExplicitVRLittleEndian if little else ExplicitVRBigEndian
