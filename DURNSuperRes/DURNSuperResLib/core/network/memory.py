"""Memory of a process that upscales: what torch and the process keep of what they free, and the most that was held."""

from __future__ import annotations

import ctypes
import math
import mmap
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Parameters of glibc's mallopt, see its manual page.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
MOST_KEPT = 2**31 - 1  # bytes; the greatest value that mallopt takes
LARGEST_KEPT = 2**30


def before_torch() -> None:
    """Set what torch looks at when it is imported, unless the user has set it otherwise."""
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # huge pages on Linux: page faults took a quarter
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # a thread that spins holds the core another one waits for


def keep_freed_memory() -> bool:
    """Keep freed blocks of up to 1 GiB for the next ones; whether the system can.

    Otherwise glibc gives the feature maps of slices from about 512 x 512 pixels on back to the system, and page faults
    for the next ones take a third of the time. Not for Slicer, whose memory the network would hold on to.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # not Linux, or not with glibc
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT)) and bool(mallopt(M_TRIM_THRESHOLD, MOST_KEPT))


def given_back(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Zeros that the system gets back when they are freed, even where :func:`keep_freed_memory` keeps the rest.

    Results that come and go between the network's maps would leave holes in what is kept, into which none of them fits.

    Raises:
        MemoryError: the system has not so much.
    """
    import numpy as np  # not at the top, since the command line answers without numpy

    size = 4 * math.prod(shape)
    try:
        return np.frombuffer(mmap.mmap(-1, size), np.float32).reshape(shape)
    except OSError as error:
        raise MemoryError(f"not enough memory for a result of {size / 2**20:.0f} MiB") from error


def peak_memory_mib() -> float | None:
    """The largest resident set of this process in MiB; None where the system does not tell.

    Linux's ``getrusage`` would count the process that started this one, too.
    """
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        if found:
            return int(found[1]) / 2**10
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
