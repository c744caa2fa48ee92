"""``Documentation/EVIDENCE.md``: the evidence as a page with tables and pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ..report import png
from . import summary
from .claim import checklist
from .evidence import CROPS, DEGRADATION, Evidence
from .evidence_words import COMMAND, HEAD, INTRODUCTION, LIMITS, PROTOCOL, SECTIONS, TRIAL
from .findings import Finding
from .methods import CLASSICAL, Enlarge, compared
from .motion import Steadiness
from .outlined import GROUPS, Outlined, group_of
from .own_page import FIDELITY
from .pictures import agreement_chart, border_picture, patch_picture, ring_chart, typical
from .summary import Findings, Measure

FOLDER = "evidence"
BORDER_SCALE, PATCH_SCALE = 3, 2
JUDGED = (summary.SHIFT, summary.FAR_SHIFT, summary.ADDED_RISE, summary.AREA, summary.PSNR, summary.SSIM, summary.HFEN)
JUDGED_WITHOUT_BORDER = (summary.PSNR, summary.SSIM, summary.HFEN)


def write_page(found: Evidence, folder: Path) -> list[Path]:
    """Write ``EVIDENCE.md`` into ``folder`` and its pictures below it; return the files."""
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    files = [_write(folder / FOLDER / name, content) for name, content in _pictures(found).items()]
    return [_write(folder / "EVIDENCE.md", page(found).encode("utf-8")), *files]


def page(found: Evidence) -> str:
    """The page's text."""
    parts = [
        HEAD,
        COMMAND,
        TRIAL.format(every=found.every) if found.every > 1 else "",
        *_in_short(found),
        PROTOCOL,
        *_borders(found),
        *_areas(found),
        *_invention(found),
        *_who(found),
        *_time(found),
        *_no_better(found),
        LIMITS,
        "## Checklist",
        SECTIONS["Checklist"],
        markdown(checklist()),
    ]
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown, the first row its head."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _models(names: Iterable[str]) -> list[str]:
    return [name for name in names if name not in CLASSICAL]


def _chosen(found: Findings) -> str:
    """The default model with the band kept."""
    return _models(found)[1]


def _in_short(found: Evidence) -> list[str]:
    lines = []
    for scale, methods in found.sunnybrook.items():
        name = _chosen(methods)
        shift, area = (summary.best_interpolation(methods, measure) for measure in (summary.SHIFT, summary.AREA))
        shifts, areas = (
            f"{_plain(methods, name, measure)} {unit} ({rival}: {_plain(methods, rival, measure)} {unit})"
            for measure, rival, unit in ((summary.SHIFT, shift, "mm"), (summary.AREA, area, "%"))
        )
        invented, doubtful = (_plain(methods, name, measure) for measure in (summary.INVENTED, summary.DOUBTFUL))
        lines.append(
            f"- x{scale}: borders are off by {shifts}, areas by {areas}; of the patches with visible added detail "
            f"{invented} % are invented and {doubtful} % less than half right."
        )
    named = _chosen(next(iter(found.sunnybrook.values())))
    return ["## In short", INTRODUCTION.format(model=named), "\n".join(lines)]


def _plain(methods: Findings, name: str, measure: Measure) -> str:
    values = summary.by_patient(methods[name], measure)
    return f"{np.mean(list(values.values())):.{measure.digits}f}" if values else summary.NOTHING


def _borders(found: Evidence) -> list[str]:
    parts = ["## Borders", SECTIONS["Borders"]]
    measures = (summary.SHIFT, summary.FAR_SHIFT, summary.RISE, summary.ADDED_RISE)
    for scale, methods in found.sunnybrook.items():
        parts += [f"### Borders at x{scale}", markdown(summary.table(methods, measures, summary.SHIFT))]
    scale = _nearest(found, BORDER_SCALE)
    names = ", ".join(["truth", *_shown(scale)])
    caption = (
        f"*{_typical(found, scale).name}, the slice with the median displacement at x{scale}. From left: {names}.*"
    )
    return [*parts, f"![Borders of one slice, in the truth and by each method]({FOLDER}/borders.png)", caption]


def _areas(found: Evidence) -> list[str]:
    parts = ["## Areas and volumes", SECTIONS["Areas"]]
    for scale, methods in found.sunnybrook.items():
        parts += [f"### Areas at x{scale}", markdown(summary.area_table(methods))]
        if summary.ejection_fractions(next(iter(methods.values()))):
            parts += [f"Ejection fraction at x{scale}:", markdown(summary.ejection_table(methods))]
    return [*parts, f"![Difference of areas over their mean]({FOLDER}/areas.svg)", SECTIONS["Agreement"]]


def _invention(found: Evidence) -> list[str]:
    parts = ["## Invention", SECTIONS["Invention"]]
    measures = FIDELITY
    for name, sets in (("Sunnybrook", found.sunnybrook), ("Siemens 3 T", found.siemens)):
        for scale, methods in sets.items():
            parts += [f"### {name} at x{scale}", markdown(summary.table(methods, measures))]
    scale = _nearest(found, PATCH_SCALE)
    parts += [f"![Correlation with the truth over frequency]({FOLDER}/rings.svg)", SECTIONS["Rings"]]
    names = ", ".join(_shown(scale))
    caption = f"*The same kind of slice at x{scale}: {_typical(found, scale).name}. From left: {names}.*"
    return [*parts, f"![Patches with added detail]({FOLDER}/patches.png)", caption]


def _who(found: Evidence) -> list[str]:
    parts = ["## Who", SECTIONS["Who"]]
    for scale, methods in found.sunnybrook.items():
        parts += [f"### Who at x{scale}", markdown(_groups(methods))]
    rows = [["scanner", "patients", "scale", "best interpolation", "its PSNR, dB", "model", "its PSNR, dB"]]
    scanners = (("GE 1.5 T (Sunnybrook)", found.sunnybrook), ("Siemens 3 T", found.siemens))
    for name, sets in scanners:
        for scale, methods in sets.items():
            rival, model = summary.best_interpolation(methods, summary.PSNR), _chosen(methods)
            cells = [summary.cell(summary.by_patient(methods[one], summary.PSNR), 2) for one in (rival, model)]
            patients = len(summary.by_patient(methods[rival], summary.PSNR))
            rows.append([name, str(patients), f"x{scale}", rival, cells[0], model, cells[1]])
    return [*parts, "### Scanner and field strength", markdown(rows)]


def _groups(methods: Findings) -> list[list[str]]:
    """A row for each disease group: the best interpolation and the model, in borders, areas and PSNR."""
    model = _chosen(methods)
    measures = (summary.SHIFT, summary.AREA, summary.PSNR)
    rivals = [summary.best_interpolation(methods, measure) for measure in measures]
    head = ["group", "patients"]
    for measure, rival in zip(measures, rivals, strict=True):
        head += [f"{measure.name}: {rival}", model]
    rows = [head]
    for group in GROUPS.values():
        row = [group, str(len({one.patient for one in methods[model] if group_of(one.patient) == group}))]
        for measure, rival in zip(measures, rivals, strict=True):
            for name in (rival, model):
                own = [one for one in methods[name] if group_of(one.patient) == group]
                row.append(summary.cell(summary.by_patient(own, measure), measure.digits))
        rows.append(row)
    return rows


def _time(found: Evidence) -> list[str]:
    rows = [["cine", "method", "flicker, relative", "jitter of the border, mm", "travel of the border, mm"]]
    rows += [_steady_row(one, found) for one in found.cines]
    return ["## Time", SECTIONS["Time"], markdown(rows)]


def _steady_row(one: Steadiness, found: Evidence) -> list[str]:
    stored = one.cine in found.as_stored
    method = ("as stored" if stored else "truth") if one.method == "before" else one.method
    return [one.cine, method, f"{one.flicker:.2f}", f"{one.jitter:.2f}", f"{one.travel:.1f}"]


def _no_better(found: Evidence) -> list[str]:
    rows = [["data", "scale", "model", "measure", "model's mean", "best interpolation", "its mean"]]
    sets = (("Sunnybrook", found.sunnybrook, JUDGED), ("Siemens 3 T", found.siemens, JUDGED_WITHOUT_BORDER))
    judged = 0
    for name, by_scale, measures in sets:
        for scale, methods in by_scale.items():
            for measure in measures:
                for model in _models(methods):
                    judged += 1
                    rows += _if_no_better(name, scale, methods, model, measure)
    for scale, methods in found.sunnybrook.items():
        for what, of in summary.OVER_ALL.items():
            values = {method: of(findings) for method, findings in methods.items()}
            judged += len(_models(methods))
            rows += _if_worse_over_all(scale, what, values)
    count = f"Of {judged} comparisons of a model's mean with the best interpolation's, {len(rows) - 1} are no better:"
    return [
        "## Where DURN is no better",
        SECTIONS["No better"],
        count if len(rows) > 1 else count.replace(" are no better:", " are no better."),
        markdown(rows) if len(rows) > 1 else "",
    ]


def _if_no_better(name: str, scale: int, methods: Findings, model: str, measure: Measure) -> list[list[str]]:
    result = summary.compare(methods, model, measure)
    if result.wins:
        return []
    figures = (_plain(methods, model, measure), result.rival, _plain(methods, result.rival, measure))
    return [[name, f"x{scale}", model, measure.name, *figures]]


def _if_worse_over_all(scale: int, what: str, values: Mapping[str, float]) -> list[list[str]]:
    """Rows for the models whose figure is not below that of the best interpolation."""
    rival = min((name for name in values if name in CLASSICAL), key=lambda name: values[name])
    models = [name for name in _models(values) if not values[name] < values[rival] and np.isfinite(values[name])]
    return [
        ["Sunnybrook", f"x{scale}", model, what, f"{values[model]:.2f}", rival, f"{values[rival]:.2f}"]
        for model in models
    ]


def _nearest(found: Evidence, scale: int) -> int:
    return min(found.sunnybrook, key=lambda other: (abs(other - scale), other))


def _typical(found: Evidence, scale: int) -> Outlined:
    findings: list[Finding] = found.sunnybrook[scale][_chosen(found.sunnybrook[scale])]
    return typical(found.outlined, findings)


def _shown(scale: int) -> Mapping[str, Enlarge]:
    """The ways on pictures: two interpolations, and the default model without and with the band kept."""
    every = compared(scale)
    models = [name for name in every if name not in CLASSICAL]
    return {name: every[name] for name in ("bicubic", "zero-filled", *models[:2])}


def _pictures(found: Evidence) -> dict[str, bytes]:
    scale, patch_scale = _nearest(found, BORDER_SCALE), _nearest(found, PATCH_SCALE)
    methods = found.sunnybrook[patch_scale]
    one, other = _typical(found, scale), _typical(found, patch_scale)
    patches = patch_picture(other, patch_scale, DEGRADATION, CROPS["sunnybrook"], _shown(patch_scale))
    return {
        "borders.png": png(border_picture(one, scale, DEGRADATION, _shown(scale))),
        "patches.png": png(patches),
        "rings.svg": ring_chart(methods).encode("utf-8"),
        "areas.svg": agreement_chart(methods, ("zero-filled", _chosen(methods))).encode("utf-8"),
    }
