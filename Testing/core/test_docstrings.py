"""The examples in the docstrings of ``core`` run and print what they say."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import DURNSuperResLib.core

CORE = Path(DURNSuperResLib.core.__file__).parent
MODULES = sorted(
    ".".join(("DURNSuperResLib", "core", *path.relative_to(CORE).with_suffix("").parts))
    for path in CORE.rglob("*.py")
    if path.name != "__init__.py"
)
WITH_EXAMPLES = {
    "engine",
    "geometry",
    "intensity",
    "measured",
    "models",
    "monitor",
    "options",
    "quality",
    "resampling",
    "upscaling",
}


@pytest.mark.parametrize("name", MODULES)
def test_examples_print_what_they_say(name: str) -> None:
    found = doctest.testmod(importlib.import_module(name))
    assert found.failed == 0
    assert found.attempted or name.rpartition(".")[2] not in WITH_EXAMPLES
