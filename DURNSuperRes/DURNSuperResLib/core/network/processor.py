"""What the processor computes in by itself."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import torch

# What torch can be asked, from some version on, and the flag of Linux that says the same.
BFLOAT16_UNITS = {"_is_avx512_bf16_supported": "avx512_bf16", "_is_amx_tile_supported": "amx_bf16"}
CPUINFO = Path("/proc/cpuinfo")


@functools.lru_cache(maxsize=1)
def has_bfloat16() -> bool:
    """Whether the processor multiplies in bfloat16 (AVX-512 or AMX), and torch has what makes use of it.

    Others compute in it by way of float32, which is slower than float32. False where nothing tells, ARM among it.
    """
    return torch.backends.mkldnn.is_available() and any(map(_told, BFLOAT16_UNITS, BFLOAT16_UNITS.values()))


def _told(question: str, flag: str) -> bool:
    """What torch says of a unit; without an answer, what Linux says."""
    ask = getattr(torch.cpu, question, None)
    return bool(ask()) if ask is not None else flag in _flags()


def _flags() -> set[str]:
    """The units of the first processor that Linux lists; none on other systems."""
    try:
        found = re.search(r"^flags\s*:(.*)$", CPUINFO.read_text(encoding="ascii", errors="replace"), re.MULTILINE)
    except OSError:
        return set()
    return set(found[1].split()) if found else set()
