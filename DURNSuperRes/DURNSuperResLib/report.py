"""The report of a run: a JSON file for scripts and one self-contained HTML page for people, from plain values.

The page loads nothing: style and pictures (PNG as data URIs) are in it. It states names of files, not of patients.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .version import NOTICE

LABELS = {
    "input": "Input",
    "output": "Output",
    "uncertainty": "Error bars",
    "run": "Run",
    "consistency": "Consistency",
    "domain": "Domain",
    "versions": "Versions",
}
STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; color: #1a1a1a; max-width: 62em; margin: 1.5em auto; padding: 0 1em; }
h1 { font-size: 1.5em; margin: 0 0 .3em; }
.notice { border: 1px solid #a33; color: #822; padding: .4em .8em; margin: .6em 0 1em; }
.warning { color: #a33; }
main { columns: 2; column-gap: 2em; }
section { break-inside: avoid; margin-bottom: 1em; }
h2 { font-size: 1em; margin: 0; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .15em .6em .15em 0; overflow-wrap: anywhere; }
th { width: 9em; font-weight: normal; color: #555; }
.figures { margin: .6em 0; }
.figures th { width: auto; }
.figures th, .figures td { overflow-wrap: normal; }
figure { margin: 1em 0 0; display: grid; gap: 6px; }
figure img { width: 100%; display: block; background: #000; }
figcaption { color: #555; }
@page { margin: 10mm; }
@media print {
  body { font-size: 7.5pt; margin: 0; }
  main { columns: 3; }
  section { margin-bottom: .4em; }
  th { width: 7em; }
  figure { width: 55%; margin-top: 4px; }
}
"""


@dataclass(frozen=True)
class Row:
    """One slice for the page's strip: ``(rows, columns)`` before, ``scale`` times that after, and its uncertainty."""

    label: str
    before: NDArray
    after: NDArray
    uncertainty: NDArray | None


def write_report(path: Path, entries: Mapping[str, Mapping[str, Any]], rows: Sequence[Row]) -> None:
    """Write ``entries`` (sections of names and values) to ``path`` as JSON, and the page beside it as ``.html``."""
    write_json(path, entries)
    page_of(path).write_text(page(entries, rows), encoding="utf-8", errors="backslashreplace")


def write_json(path: Path, entries: Mapping[str, Any]) -> None:
    """Write ``entries`` to ``path`` as JSON, the notice first."""
    text = json.dumps({"notice": NOTICE, **entries}, indent=2, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def page_of(path: Path) -> Path:
    """Where the page of a report lies."""
    return path.with_suffix(".html")


def page(entries: Mapping[str, Mapping[str, Any]], rows: Sequence[Row]) -> str:
    """The HTML page."""
    sections = "".join(section(LABELS.get(name, name), values) for name, values in entries.items() if values)
    return document("DURNSuperRes report", f"{_strip(rows)}<main>\n{sections}</main>")


def document(title: str, body: str) -> str:
    """An HTML page with the notice, in the style of all reports."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{html.escape(title)}</title><style>{STYLE}</style></head><body>\n"
        f'<h1>{html.escape(title)}</h1>\n<p class="notice">{html.escape(NOTICE)}</p>\n'
        f"{body}\n</body></html>\n"
    )


def table(rows: Sequence[Sequence[str]]) -> str:
    """A table in HTML, its first row the head."""
    lines = [f'<table class="figures"><tr>{"".join(f"<th>{html.escape(text)}</th>" for text in rows[0])}</tr>']
    lines += [f"<tr>{''.join(f'<td>{html.escape(text)}</td>' for text in row)}</tr>" for row in rows[1:]]
    return "\n".join([*lines, "</table>\n"])


def sha256_of(path: Path, without: Iterable[Path] = ()) -> str:
    """Hash of a file, or of all files below a folder, each with its place in it, but for those in or at ``without``."""
    if not path.is_dir():
        return _hash_of_file(path).hexdigest()
    whole, apart = hashlib.sha256(), {other.resolve() for other in without}
    for file in sorted(file for file in path.rglob("*") if file.is_file()):
        if not apart.isdisjoint((file.resolve(), *file.resolve().parents)):
            continue
        whole.update(os.fsencode(f"{file.relative_to(path).as_posix()}\0") + _hash_of_file(file).digest())
    return whole.hexdigest()


def sha256_of_voxels(items: Iterable[NDArray]) -> str:
    """Hash of voxels, little-endian, ``k`` slowest, phase after phase."""
    whole = hashlib.sha256()
    for item in items:
        whole.update(np.ascontiguousarray(item).astype(item.dtype.newbyteorder("<"), copy=False).tobytes())
    return whole.hexdigest()


def png(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG file of ``(rows, columns)`` grey or ``(rows, columns, 3)`` RGB pixels."""
    rows, columns = pixels.shape[:2]
    lines = np.zeros((rows, 1 + pixels[0].size), dtype=np.uint8)  # each line begins with its filter: none
    lines[:, 1:] = pixels.reshape(rows, -1)
    header = struct.pack(">2I5B", columns, rows, 8, 2 if pixels.ndim == 3 else 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def _hash_of_file(path: Path) -> Any:
    with path.open("rb") as file:
        found = hashlib.sha256()
        while block := file.read(2**20):
            found.update(block)
    return found


def section(title: str, values: Mapping[str, Any]) -> str:
    """A section of names and values in HTML."""
    lines = [f"<section><h2>{html.escape(title)}</h2><table>"]
    for name, value in values.items():
        if value is not None:
            emphasis = ' class="warning"' if name == "outside" else ""
            cells = html.escape(name.replace("_", " ")), html.escape(_text(value))
            lines.append(f"<tr><th>{cells[0]}</th><td{emphasis}>{cells[1]}</td></tr>")
    return "\n".join([*lines, "</table></section>\n"])


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return " x ".join(_text(part) for part in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _strip(rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    low, high = np.percentile(np.stack([row.before for row in rows]), (0.1, 99.9))
    maps = [row.uncertainty for row in rows if row.uncertainty is not None]
    top = float(np.percentile(np.stack(maps), 99.5)) if maps else 0.0
    figures = []
    for row in rows:
        factor = row.after.shape[0] // row.before.shape[0]
        enlarged = np.repeat(np.repeat(row.before, factor, axis=0), factor, axis=1)
        pictures = [_grey(enlarged, low, high), _grey(row.after, low, high)]
        if row.uncertainty is not None:
            pictures.append(_heat(row.uncertainty / (top or 1.0)))
        names = ("before", "after", "uncertainty")
        images = "".join(image(data, f"{row.label}, {name}") for data, name in zip(pictures, names, strict=False))
        figures.append(f'<figure style="grid-template-columns: repeat({len(pictures)}, 1fr)">{images}</figure>\n')
    caption = "From left to right: before (pixels as they are), after"
    caption += (
        f", half-width of the error bars (black: none, white: {top:.3g} intensity units and more)" if maps else ""
    )
    labels = ", ".join(row.label for row in rows)
    return (
        f"{''.join(figures)}<p><small>{html.escape(caption)}. From top to bottom: {html.escape(labels)}.</small></p>\n"
    )


def image(pixels: NDArray[np.uint8], label: str) -> str:
    """A picture in HTML, its PNG within."""
    data = base64.b64encode(png(pixels)).decode("ascii")
    return f'<img alt="{html.escape(label)}" src="data:image/png;base64,{data}">'


def _grey(image: NDArray, low: float, high: float) -> NDArray[np.uint8]:
    return np.rint(255 * np.clip((image - low) / ((high - low) or 1.0), 0, 1)).astype(np.uint8)


def _heat(share: NDArray) -> NDArray[np.uint8]:
    """Black over red and yellow to white."""
    return np.rint(255 * np.clip(3 * share[..., None] - np.arange(3), 0, 1)).astype(np.uint8)
