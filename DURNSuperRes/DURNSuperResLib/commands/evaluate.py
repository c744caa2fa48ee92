"""``durn-superres evaluate``: tables of all methods on slices with known truth."""

from __future__ import annotations

import argparse
import json
import logging
from typing import Any

from ..core.network.models import families, model_for
from ..core.options import INTERPOLATED, SCALES
from ..core.signal.degradation import INTERPOLATIONS
from ..evaluation.methods import methods_for
from ..evaluation.outlined import Outlined, own_outlined
from ..evaluation.own_images import own_volumes
from ..evaluation.protocols import in_own_band
from ..evaluation.ranking import Coverage, Ranking, rank_uncertainty
from ..evaluation.scores import Score, score
from ..evaluation.targets import REFERENCE, TABLES, TOLERANCE
from ..evaluation.test_sets import TestSet, other_vendor_cine, sunnybrook_validation
from .evaluate_own import evaluate_own
from .reporting import check_report

SETS = {"sunnybrook": sunnybrook_validation, "cine_dicom": other_vendor_cine}

Rankings = dict[str, tuple[list[Ranking], Coverage]]  # by set, degradation and scale
Results = dict[str, dict[str, dict[str, list[Score]]]]  # by set, degradation and scale


def evaluate(options: argparse.Namespace) -> None:
    """Print the tables that the options ask for.

    Raises:
        ValueError: wrong combination of options, or the calibration rows do not come out.
        ModelError: no such model.
    """
    if not options.verbose:
        logging.getLogger(__package__.partition(".")[0]).setLevel(logging.WARNING)  # not a line for each slice
    scales = options.scale or [scale for scale in SCALES if options.model in families(scale)] or SCALES
    for scale in scales:
        model_for(scale, options.model)
    _check_outlines(options)
    _check_json(options)
    test_sets = _test_sets(options)
    outlined = _outlined(options)
    degradations = [name for way in options.degradation or ["bicubic"] for name in _ways(way)]
    if options.protocol == "targets":
        degradations = ["bicubic", "kspace"]
    results: Results = {}
    rankings: Rankings = {}
    for test_set in test_sets:
        for degradation in degradations:
            table = results.setdefault(test_set.name, {}).setdefault(degradation, {})
            for scale in scales:
                table[f"x{scale}"] = _table(test_set, degradation, scale, options)
                if options.uncertainty:
                    place = f"{test_set.name} {degradation} x{scale}"
                    rankings[place] = _ranking(test_set, degradation, scale, options.model)
    own = {} if outlined is None else evaluate_own(options, outlined, scales, degradations)
    if options.json:
        content = _plain(results) | ({"borders": own} if own else {})
        content |= {"uncertainty": _plain_rankings(rankings)} if rankings else {}
        options.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    if options.protocol == "targets":
        _calibrate(results)


def _test_sets(options: argparse.Namespace) -> list[TestSet]:
    if options.volumes:
        if options.data or options.protocol:
            raise ValueError("give volumes of your own, or --data for the project's sets, not both")
        return [own_volumes(options.volumes, options.slice_axis)]
    if not options.data:
        raise ValueError("give volumes to evaluate on, or --data with the folder that holds cmr/")
    if options.protocol and options.degradation:
        raise ValueError("--protocol says which degradations are taken; leave --degradation away")
    names = SETS if options.protocol == "targets" else [options.set]
    return [SETS[name](options.data) for name in names]


def _check_outlines(options: argparse.Namespace) -> None:
    if (options.segmentation or options.report) and not options.volumes:
        raise ValueError("label files and reports belong to volumes of your own; for --data there is evidence")
    if options.segment and not options.segmentation:
        raise ValueError("--segment names a segment of a --segmentation, which is missing")
    if (options.segmentation or options.report) and INTERPOLATED in (options.degradation or ()):
        raise ValueError(f"borders and reports are of coarser images; leave --degradation {INTERPOLATED} away")
    if options.report:
        check_report(options.report, options.overwrite)


def _check_json(options: argparse.Namespace) -> None:
    if options.json is None:
        return
    from ..scene.storage import check_output

    check_output(options.json, options.overwrite, (".json",))
    if options.report and options.report.resolve() == options.json.resolve():
        raise ValueError(f"--json and --report are both {options.json}; give one of them another name")


def _outlined(options: argparse.Namespace) -> list[Outlined] | None:
    """The slices whose borders and pictures are asked for, read before the work starts; None where they are not."""
    if not (options.segmentation or options.report):
        return None
    return own_outlined(options.volumes, options.segmentation, options.segment, options.slice_axis)


def _ways(degradation: str) -> list[str]:
    """A degradation's name, or those of all shares of an interpolation."""
    return list(INTERPOLATIONS) if degradation == INTERPOLATED else [degradation]


def _table(test_set: TestSet, degradation: str, scale: int, options: argparse.Namespace) -> list[Score]:
    names = methods_for(degradation, options.uncertainty)
    scores = score(test_set, scale, degradation, names, options.model)
    own_band = [""] * len(scores)
    title = "mean PSNR dB, SSIM, edge sharpness"
    if degradation in INTERPOLATIONS:
        title += ", and PSNR dB with the truth in its own measured band"
        in_band = score(in_own_band(test_set), scale, degradation, names, options.model)
        own_band = [f"{row.means[0]:>8.2f}" for row in in_band]
    print(f"{test_set.name}, {degradation}, x{scale}: {len(test_set.images)} slices; {title}")
    for row, own in zip(scores, own_band, strict=True):
        print(_line(row.method, row, 2, 24) + own)
        for patient, its in row.by_patient().items() if options.per_patient else ():
            print(_line(patient, its, 4, 22))
    return scores


def _ranking(test_set: TestSet, degradation: str, scale: int, model: str) -> tuple[list[Ranking], Coverage]:
    rows, coverage = rank_uncertainty(test_set, scale, degradation, model)
    print(
        f"{test_set.name}, {degradation}, x{scale}: where the errors are; mean rank correlation with the true absolute "
        "error, mean area under the sparsification curve (random: 1)"
    )
    for row in rows:
        print(f"  {row.name:<24}{row.correlation.mean():>7.3f}  {row.area.mean():.3f}")
    how = ", each by the factor that the other patients give" if coverage.left_out else ""
    print(f"{test_set.name}, {degradation}, x{scale}: share of the pixels within the half-width of 90 %{how}")
    for name, share in {"mean over patients": coverage.mean, **coverage.patients, **coverage.places}.items():
        print(f"  {name:<24}{share:>7.3f}")
    return rows, coverage


def _plain_rankings(rankings: Rankings) -> dict[str, Any]:
    return {
        place: {
            **{
                row.name: {
                    "rank_correlation": float(row.correlation.mean()),
                    "sparsification_area": float(row.area.mean()),
                }
                for row in rows
            },
            "coverage": {"mean": coverage.mean, "patients": coverage.patients, "places": coverage.places},
        }
        for place, (rows, coverage) in rankings.items()
    }


def _line(name: str, row: Score, indent: int, width: int) -> str:
    decibels, similarity, sharpness = row.means
    return f"{' ' * indent}{name:<{width}}{decibels:>7.2f}  {similarity:.4f}  {sharpness:.3f}"


def _plain(results: Results) -> dict:
    def figures(row: Score) -> dict[str, float]:
        return dict(zip(("psnr_db", "ssim", "edge_sharpness"), row.means, strict=True))

    return {
        name: {
            degradation: {
                scale: {
                    row.method: {
                        **figures(row),
                        "patients": {patient: figures(own) for patient, own in row.by_patient().items()},
                    }
                    for row in scores
                }
                for scale, scores in table.items()
            }
            for degradation, table in by_degradation.items()
        }
        for name, by_degradation in results.items()
    }


def _calibrate(results: Results) -> None:
    """Compare the classical methods with the reference tables, before any network is judged.

    Raises:
        ValueError: a figure is off by more than its tolerance.
    """
    off = []
    print("calibration: PSNR dB here, and in the reference tables")
    for table, (name, degradation) in TABLES.items():
        for scale, scores in results[name][degradation].items():
            here = {row.method: row.means[0] for row in scores}
            for method, expected in REFERENCE[table].get(scale, {}).items():
                good = abs(here[method] - expected) <= TOLERANCE[method] + 0.005  # the reference has two decimals
                verdict = "ok" if good else "OFF"
                print(f"  {table:<10} {scale}  {method:<12}{here[method]:>7.2f}{expected:>7.2f}  {verdict}")
                off += [] if good else [f"{table} {scale} {method}"]
    if off:
        raise ValueError(f"the calibration is off for {', '.join(off)}")
