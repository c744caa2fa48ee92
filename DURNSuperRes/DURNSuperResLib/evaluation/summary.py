"""From findings slice by slice to figures a patient, and to tables: means with intervals, paired tests, agreement."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .areas import ejection_fraction
from .findings import BorderFinding, Finding
from .invention import RINGS, real_to
from .methods import CLASSICAL
from .outlined import DIASTOLE, SYSTOLE
from .statistics import Agreement, Interval, agreement, interval, paired_test

Findings = Mapping[str, Sequence[Finding]]  # by method
NOTHING = "-"


@dataclass(frozen=True)
class Measure:
    """A figure of one patient's findings; ``sign`` is 1 where more is better and -1 where less is."""

    name: str
    of: Callable[[Sequence[Finding]], float]
    digits: int
    sign: int = -1


def borders_of(findings: Iterable[Finding]) -> list[BorderFinding]:
    """The findings' borders, without slices that have none."""
    return [one.border for one in findings if one.border is not None]


def _displacements(findings: Sequence[Finding]) -> np.ndarray:
    parts = [border.displacement for border in borders_of(findings)]
    return np.abs(np.concatenate(parts)) if parts else np.zeros(0)


def _shift(findings: Sequence[Finding]) -> float:
    return _mean(_displacements(findings))


def _far_shift(findings: Sequence[Finding]) -> float:
    shifts = _displacements(findings)
    return float(np.percentile(shifts, 95)) if shifts.size else float("nan")


def _rise(findings: Sequence[Finding]) -> float:
    return _mean([border.rise for border in borders_of(findings) if np.isfinite(border.rise)])


def _added_rise(findings: Sequence[Finding]) -> float:
    return _mean([b.rise - b.true_rise for b in borders_of(findings) if np.isfinite(b.rise)])


def _area_error(findings: Sequence[Finding]) -> float:
    return _mean([100 * abs(border.area - border.true_area) / border.true_area for border in borders_of(findings)])


def _invented(findings: Sequence[Finding]) -> float:
    added = sum(one.added for one in findings)
    return 100 * sum(one.invented for one in findings) / added if added else float("nan")


def _doubtful(findings: Sequence[Finding]) -> float:
    added = sum(one.added for one in findings)
    return 100 * sum(one.doubtful for one in findings) / added if added else float("nan")


def _added(findings: Sequence[Finding]) -> float:
    patches = sum(one.patches for one in findings)
    return 100 * sum(one.added for one in findings) / patches if patches else float("nan")


def rings_of(findings: Sequence[Finding]) -> np.ndarray:
    """Mean ring correlation of findings, ``(RINGS,)``."""
    return np.mean([one.rings for one in findings], axis=0) if findings else np.full(RINGS, np.nan)


SHIFT = Measure("border displacement, mm", _shift, 3)
FAR_SHIFT = Measure("95th percentile, mm", _far_shift, 2)
RISE = Measure("edge rise, mm", _rise, 2)
ADDED_RISE = Measure("wider than in the truth by, mm", _added_rise, 2)
AREA = Measure("area error, %", _area_error, 2)
PSNR = Measure("PSNR, dB", lambda findings: _mean([one.psnr for one in findings]), 2, 1)
SSIM = Measure("SSIM", lambda findings: _mean([one.ssim for one in findings]), 4, 1)
HFEN = Measure("HFEN", lambda findings: _mean([one.hfen for one in findings]), 3)
REAL_TO = Measure("real to", lambda findings: real_to(rings_of(findings)), 2, 1)
ADDED = Measure("patches with added detail, %", _added, 0, 0)
INVENTED = Measure("of these invented, %", _invented, 1)
DOUBTFUL = Measure("of these less than half right, %", _doubtful, 1)


def by_patient(findings: Sequence[Finding], measure: Measure) -> dict[str, float]:
    """The measure of each patient's findings, in the order in which patients appear; those without it left out."""
    groups: dict[str, list[Finding]] = {}
    for one in findings:
        groups.setdefault(one.patient, []).append(one)
    values = {patient: measure.of(own) for patient, own in groups.items()}
    return {patient: value for patient, value in values.items() if np.isfinite(value)}


def best_interpolation(found: Findings, measure: Measure) -> str:
    """The interpolation with the best mean over patients.

    Raises:
        ValueError: no interpolation has the measure.
    """
    scores = {
        name: measure.sign * interval(list(values.values())).mean
        for name in found
        if name in CLASSICAL and (values := by_patient(found[name], measure))
    }
    if not scores:
        raise ValueError(f"no interpolation has a figure for {measure.name}")
    return max(scores, key=lambda name: scores[name])


@dataclass(frozen=True)
class Comparison:
    """A model beside the best interpolation: patients in which it is better, of how many, and the paired p-value."""

    rival: str
    better: int
    patients: int
    p: float
    wins: bool


def compare(found: Findings, method: str, measure: Measure) -> Comparison:
    """Hold a method against the best interpolation, patient by patient."""
    rival = best_interpolation(found, measure)
    ours, theirs = (by_patient(found[name], measure) for name in (method, rival))
    both = [patient for patient in ours if patient in theirs]
    a, b = ([values[patient] for patient in both] for values in (ours, theirs))
    gains = measure.sign * (np.array(a) - np.array(b))
    return Comparison(rival, int((gains > 0).sum()), len(both), paired_test(a, b), bool(gains.mean() > 0))


def cell(values: Mapping[str, float], digits: int) -> str:
    """Mean over patients with its interval, as text."""
    if not values:
        return NOTHING
    found: Interval = interval(list(values.values()))
    if found.low is None or found.high is None:
        return f"{found.mean:.{digits}f}"
    return f"{found.mean:.{digits}f} ({found.low:.{digits}f} to {found.high:.{digits}f})"


def table(found: Findings, measures: Sequence[Measure], tested: Measure | None = None) -> list[list[str]]:
    """Rows of a table of methods, headed; with ``tested`` also how each model compares with the best interpolation."""
    head = ["method", *(measure.name for measure in measures)]
    head += [f"better than the best interpolation in, p ({tested.name})"] if tested else []
    rows = [head]
    for name, findings in found.items():
        row = [name, *(cell(by_patient(findings, measure), measure.digits) for measure in measures)]
        rows.append([*row, _verdict(found, name, tested)] if tested else row)
    return rows


def _verdict(found: Findings, name: str, tested: Measure) -> str:
    if name in CLASSICAL:
        return "the best" if name == best_interpolation(found, tested) else ""
    result = compare(found, name, tested)
    return f"{result.better} of {result.patients} patients, p = {result.p:.4f}"


def area_table(found: Findings) -> list[list[str]]:
    """Areas of single slices: bias and limits of agreement with the truth, in mm2 and in per cent."""
    rows = [["method", "slices", "bias, mm2", "limits of agreement, mm2", "bias, %", "limits of agreement, %"]]
    for name, findings in found.items():
        borders = borders_of(findings)
        areas, truths = (np.array([getattr(b, part) for b in borders]) for part in ("area", "true_area"))
        if len(areas) < 2:
            continue
        plain, share = agreement(areas, truths), agreement(100 * areas / truths, np.full(len(areas), 100.0))
        row = [name, str(plain.count), f"{plain.bias:+.1f}", f"{plain.low:+.1f} to {plain.high:+.1f}"]
        rows.append([*row, f"{share.bias:+.2f}", f"{share.low:+.1f} to {share.high:+.1f}"])
    return rows


def ejection_fractions(findings: Sequence[Finding], true: bool = False) -> dict[str, float]:
    """Ejection fraction of each patient in per cent, by the sums of areas of both phases, where both are there."""
    sums: dict[tuple[str, str], float] = {}
    for one in findings:
        if one.border is not None and one.phase:
            area = one.border.true_area if true else one.border.area
            sums[one.patient, one.phase] = sums.get((one.patient, one.phase), 0.0) + area
    patients = dict.fromkeys(patient for patient, _ in sums)
    return {
        patient: ejection_fraction(sums[patient, DIASTOLE], sums[patient, SYSTOLE])
        for patient in patients
        if (patient, DIASTOLE) in sums and (patient, SYSTOLE) in sums
    }


def ejection_table(found: Findings) -> list[list[str]]:
    """Ejection fraction of each patient, and the difference that each method makes, in points."""
    first = next(iter(found.values()))
    truth = ejection_fractions(first, true=True)
    rows = [["method", *truth, "mean absolute difference"]]
    rows.append(["truth, %", *(f"{value:.1f}" for value in truth.values()), ""])
    for name, findings in found.items():
        difference = [value - truth[patient] for patient, value in ejection_fractions(findings).items()]
        rows.append([name, *(f"{value:+.1f}" for value in difference), f"{np.mean(np.abs(difference)):.2f}"])
    return rows


def _ejection_error(findings: Sequence[Finding]) -> float:
    truth = ejection_fractions(findings, true=True)
    return _mean([abs(value - truth[patient]) for patient, value in ejection_fractions(findings).items()])


def _area_agreement(findings: Sequence[Finding]) -> Agreement | None:
    borders = borders_of(findings)
    if len(borders) < 2:
        return None
    return agreement([100 * one.area / one.true_area for one in borders], np.full(len(borders), 100.0))


def _area_bias(findings: Sequence[Finding]) -> float:
    found = _area_agreement(findings)
    return abs(found.bias) if found else float("nan")


def _area_limits(findings: Sequence[Finding]) -> float:
    found = _area_agreement(findings)
    return (found.high - found.low) / 2 if found else float("nan")


OVER_ALL: dict[str, Callable[[Sequence[Finding]], float]] = {  # less is better; over all slices, not patient by patient
    "ejection fraction, mean absolute difference, points": _ejection_error,
    "area bias, without its sign, %": _area_bias,
    "half the width of the area's limits of agreement, %": _area_limits,
}


def _mean(values: Sequence[float] | np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
