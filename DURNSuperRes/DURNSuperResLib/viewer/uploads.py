"""Files that the browser sends: limited in size, into a private folder that is gone at the end."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType

import numpy as np

from ..scene.headers import facts_of
from ..scene.nrrd import NrrdError, read_header
from ..scene.sequence_storage import ending
from ..scene.storage import InputError, suffix

ACCEPTED = (".seq.nrrd", ".nrrd", ".nii.gz", ".nii", ".mha")
LONGEST_NAME = 60
UPLOADED = "upload"  # folder within the private one
MOST_VOXELS = 2**30
LONGEST_HEADER = 2**16


class TooLarge(InputError):
    """A file over the limit."""


class PrivateFolder:
    """A folder that only this user may enter (mode 0700), removed at the end with all that is in it.

    Args:
        limit: the most bytes of an upload.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.path = Path(tempfile.mkdtemp(prefix="durn-viewer-"))

    def __enter__(self) -> PrivateFolder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

    async def receive(self, name: str, size: int | None, blocks: AsyncIterator[bytes]) -> Path:
        """Write an upload; what was uploaded before is removed.

        Args:
            name: what the browser calls the file; decides its ending, and a tame form of it is kept.
            size: how many bytes the browser promises, if it does.
            blocks: the bytes.

        Raises:
            InputError: a kind of file that is not read, one whose voxels are elsewhere or too many.
            TooLarge: more bytes than the limit.
        """
        path = self._place(name)
        try:
            if size is not None and size > self.limit:
                raise self._too_large()
            with path.open("xb") as file:
                written = 0
                async for block in blocks:
                    written += len(block)
                    if written > self.limit:
                        raise self._too_large()
                    file.write(block)
            check_self_contained(path)
        except BaseException:  # a connection that broke among them
            path.unlink(missing_ok=True)
            raise
        return path

    def _place(self, name: str) -> Path:
        name = name.replace("\\", "/").rpartition("/")[2]
        kind = ending(Path(name))
        if kind not in ACCEPTED:
            raise InputError(f"{_tame(name)} is none of {', '.join(ACCEPTED)}")
        folder = self.path / UPLOADED
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        return folder / f"{_tame(name[: -len(kind)])}{kind}"

    def _too_large(self) -> TooLarge:
        return TooLarge(f"the file is larger than the {self.limit / 2**20:.0f} MiB that this viewer takes")


def check_self_contained(path: Path) -> None:
    """Whether an uploaded file holds its voxels itself, where a header could name any file of this machine.

    Raises:
        InputError: a header that names other files, a damaged one, or one that promises too many voxels.
    """
    if suffix(path) == ".nrrd":
        try:
            whole = not {"data file", "datafile"} & {key.lower() for key in read_header(path).fields}
        except NrrdError as error:
            raise InputError(f"{path.name} {error}") from error
    elif suffix(path) == ".mha":
        with path.open("rb") as file:
            place = re.search(rb"(?im)^\s*ElementDataFile\s*=\s*(\S+)", file.read(LONGEST_HEADER))
        whole = place is not None and place[1] == b"LOCAL"
    else:
        whole = True  # NIfTI
    if not whole:
        raise InputError(f"{path.name} has its voxels in other files; send one file that holds all")
    facts = facts_of(path)
    if int(np.prod(facts.size, dtype=np.int64)) * facts.phases > MOST_VOXELS:
        raise InputError(f"{path.name} promises more than {MOST_VOXELS} voxels")


def _tame(name: str) -> str:
    """A name of letters, digits and ``_.-`` that begins with none of the latter."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", name).lstrip("._-")[-LONGEST_NAME:].lstrip("._-") or "upload"
