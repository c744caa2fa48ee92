"""The command's process keeps the memory that it frees, so that the next slice needs no page faults."""

from __future__ import annotations

import subprocess
import sys

import pytest

FAULTS = """
import resource
from DURNSuperResLib.core.network.memory import keep_freed_memory
kept = {keep} and keep_freed_memory()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    b"x" * (64 * 2**20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(int(kept), faults())
"""


def _second_block(*, keep: bool) -> tuple[bool, int]:
    """Whether freed memory is kept, and the page faults of a second block of 64 MiB, in a process of its own."""
    script = FAULTS.format(keep=keep)
    words = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()
    return bool(int(words[0])), int(words[1])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_a_block_that_was_freed_is_used_again_without_page_faults() -> None:
    kept, with_kept = _second_block(keep=True)
    if not kept:
        pytest.skip("no glibc here")
    assert with_kept < _second_block(keep=False)[1] / 4
