"""Print the lowest versions that pyproject.toml allows of what reads and computes, as pip takes them.

    python -m pip install $(python Testing/packaging/lowest.py)

torch is not among them, since its builds for the CPU come from an index of their own; slicer-core neither, since it has
one release a version of Slicer.
"""

from __future__ import annotations

import re
from pathlib import Path

PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"
TESTED = ("numpy", "SimpleITK", "pydicom", "tqdm")


def lowest(text: str) -> list[str]:
    """The pins, such as ``numpy==1.26``.

    Raises:
        ValueError: a package of ``TESTED`` has no lower bound.
    """
    bounds = dict(re.findall(r'"([\w-]+)>=([\d.]+)"', text))
    missing = set(TESTED) - bounds.keys()
    if missing:
        raise ValueError(f"{PYPROJECT.name} has no lower bound for {', '.join(sorted(missing))}")
    return [f"{name}=={bounds[name]}" for name in TESTED]


if __name__ == "__main__":
    print(*lowest(PYPROJECT.read_text(encoding="utf-8")))
