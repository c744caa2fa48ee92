"""Voxels that wait in a file while others are worked on, so that memory holds one item of a cine and not all of them.

The file has no name, and is gone with the last node over it or with the process, however that ends.
"""

from __future__ import annotations

import mmap
import tempfile
import weakref
from pathlib import Path

import numpy as np
import vtk
from numpy.typing import NDArray
from vtk.util.numpy_support import numpy_to_vtk

_shelved: weakref.WeakValueDictionary[int, mmap.mmap] = weakref.WeakValueDictionary()  # by the address of the voxels


def shelved(voxels: NDArray, folder: Path) -> vtk.vtkImageData:
    """An image of ``(k, j, i)`` voxels that are in a nameless file of ``folder``, and in memory when looked at.

    Raises:
        OSError: no room in the folder, or no right to write there.
    """
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(np.ascontiguousarray(voxels).data)
            file.flush()
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_WRITE)  # what is changed later stays
    except OSError as error:
        raise OSError(f"{folder} has no room for what waits there ({error.strerror}); is the disk full?") from error
    flat = np.frombuffer(mapped, voxels.dtype)
    _shelved[flat.ctypes.data] = mapped
    image = vtk.vtkImageData()
    image.SetDimensions(*reversed(voxels.shape))
    image.GetPointData().SetScalars(numpy_to_vtk(flat))
    return image


def let_go(voxels: NDArray) -> None:
    """Give the memory back that shelved ``voxels`` took when they were looked at; nothing for others, or on Windows."""
    mapped = _shelved.get(voxels.ctypes.data)
    if mapped is not None and hasattr(mapped, "madvise"):
        mapped.madvise(mmap.MADV_DONTNEED)
