"""The items of the Checklist for Artificial Intelligence in Medical Imaging, and where each is answered.

Source: A. S. Tejani et al., "Checklist for Artificial Intelligence in Medical Imaging (CLAIM): 2024 Update", Radiology:
Artificial Intelligence 6 (2024) e240300. The items are named in own words.
"""

from __future__ import annotations

CARDS = "the model cards (`durn-superres models --cards FOLDER`)"
TRAINING = "[Training/README.md](../Training/README.md)"
RESULTS = "[Training/RESULTS.md](../Training/RESULTS.md)"
README = "[README](../README.md)"
PHYSICIST = "[Physicist](Physicist.md)"
PROTOCOL = "[How it was measured](#how-it-was-measured)"
LIMITS = "[What this does not show](#what-this-does-not-show)"

ITEMS: tuple[tuple[str, str], ...] = (
    ("Title says that it is AI, and which kind", f"{README}: super-resolution by a convolutional network"),
    ("Structured summary", f"[In short](#in-short); {README}"),
    ("Background, intended use and role", f"{README}; {CARDS}"),
    ("Aims and hypotheses", "[In short](#in-short)"),
    ("Prospective or retrospective", f"retrospective; {PROTOCOL}"),
    ("Goal of the study", f"to measure an existing model; {PROTOCOL}"),
    ("Sources of the data", f"{TRAINING}; {PROTOCOL}"),
    ("Inclusion and exclusion", f"{PROTOCOL}: all cine slices of the validation patients; none excluded"),
    ("Preprocessing", f"{PROTOCOL}"),
    ("Selection of subsets", f"{PROTOCOL}"),
    ("De-identification", "done by those who published the data; nothing further was needed"),
    ("Missing data", f"{PROTOCOL}: rays without a border in the truth, and slices without an outline, are left out"),
    ("Image acquisition", "scanners, field strengths and pixels in [Who](#who); the publications state the rest"),
    ("Reference standard", f"{PROTOCOL}: the acquired slice itself, and its border"),
    ("Why this reference", f"{PROTOCOL}: no image of twice the resolution exists of the same heart"),
    ("Source of annotations", f"{PROTOCOL}: contours published with the Sunnybrook data say where to look"),
    ("Annotation of the test set", "the same; no annotation was made here but one mark a cine, see [Time](#time)"),
    (
        "Variation between raters",
        "does not apply: the border is computed; the drawn contour only starts it",
    ),
    ("How data were partitioned", f"{TRAINING}: by a published list, before any training"),
    ("Level of the partition", "patients; never slices"),
    ("Sample size", f"what is freely available, not a computed number; {LIMITS}"),
    ("Model", f"{CARDS}; [Training/STUDY.md](../Training/STUDY.md)"),
    ("Software", f"{CARDS}; `constraints.txt`"),
    ("Initial parameters", f"{TRAINING}"),
    ("Training", f"{TRAINING}; {CARDS}"),
    ("Choice of the final model", f"{CARDS}, under training; {RESULTS}"),
    (
        "Ensembles",
        "none in these figures; *best quality*, the mean over eight orientations, is a choice of the user",
    ),
    ("Metrics", f"{PROTOCOL}"),
    ("Significance and uncertainty", f"{PROTOCOL}: bootstrap over patients, exact paired test"),
    ("Robustness", f"[Who](#who); noise, windows and partial Fourier in {RESULTS}"),
    ("Explainability", "does not apply to a decision, for there is none; [Invention](#invention) shows what was added"),
    ("Internal test", "Sunnybrook validation patients, [Borders](#borders) to [Who](#who)"),
    (
        "External test",
        "Siemens 3 T cine, never trained on: [Invention](#invention), [Who](#who), [Time](#time)",
    ),
    ("Registration of a trial", "does not apply: no trial"),
    ("Numbers included and excluded", f"{PROTOCOL}"),
    ("Patients' characteristics", "disease groups in [Who](#who); age and sex are not in the published pictures"),
    (
        "Performance with uncertainty",
        "[Borders](#borders), [Areas and volumes](#areas-and-volumes), [Who](#who)",
    ),
    ("Diagnostic performance", "does not apply: no diagnosis is made, and none was tested"),
    (
        "Analysis of failures",
        "[Where DURN is no better](#where-durn-is-no-better); [Invention](#invention)",
    ),
    ("Limitations", f"{LIMITS}"),
    ("Implications for practice", f"research use only; {README}"),
    ("Protocol of the study", f"{PROTOCOL}, and the code of the command that wrote this page"),
    ("Software, model and data", f"all open: Apache-2.0 with the weights; data in {TRAINING}"),
    ("Funding", "not stated"),
)


def checklist() -> list[list[str]]:
    """Rows of the checklist's table, headed."""
    return [["", "item", "where"], *([str(n), item, place] for n, (item, place) in enumerate(ITEMS, start=1))]
