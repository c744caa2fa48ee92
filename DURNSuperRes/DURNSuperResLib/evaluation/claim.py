"""The items of the Checklist for Artificial Intelligence in Medical Imaging, and where each is answered.

Source: A. S. Tejani et al., "Checklist for Artificial Intelligence in Medical Imaging (CLAIM): 2024 Update", Radiology:
Artificial Intelligence 6 (2024) e240300; what each item asks for as in T. Akinci D'Antonoli et al., "Checklist for
Artificial Intelligence in Medical Imaging (CLAIM): Explanation, Elaboration, and Examples", Radiology: Artificial
Intelligence 8 (2026) e260835. Numbers and sections are those of the update, the items are named in own words.
"""

from __future__ import annotations

CARDS = "the model cards (`durn-superres models --cards FOLDER`)"
TRAINING = "[Training/README.md](../Training/README.md)"
RESULTS = "[Training/RESULTS.md](../Training/RESULTS.md)"
README = "[README](../README.md)"
PHYSICIST = "[Physicist](Physicist.md)"
PROTOCOL = "[How it was measured](#how-it-was-measured)"
LIMITS = "[What this does not show](#what-this-does-not-show)"

SECTIONS: dict[str, tuple[tuple[str, str], ...]] = {
    "Title or abstract": (
        (
            "Named as a study of AI, and of which kind",
            f"a neural network in {README}, which cites its dual U-Nets; the title of this page does not say so",
        ),
    ),
    "Abstract": (("Summary of design, methods, results and conclusions", f"[In short](#in-short); {README}"),),
    "Introduction": (
        (
            "Background, intended use and role",
            f"{README}; {CARDS}, under use; what scanners and viewers do today: {PROTOCOL}, under methods",
        ),
        ("Aims, objectives and hypotheses", "the questions at the head of this page; no hypothesis is stated"),
    ),
    "Methods: study design": (
        ("Prospective or retrospective", f"retrospective, on published images; {PROTOCOL}"),
        ("Goal of the study", f"to measure models that are there, not to make one; {PROTOCOL}"),
    ),
    "Methods: data": (
        ("Sources of the data", f"{TRAINING}; {PROTOCOL}; [Time](#time)"),
        (
            "Inclusion and exclusion criteria",
            "a convenience series: 30 of the 45 Sunnybrook patients and one more subject, by no stated criteria; "
            f"{PROTOCOL} says which of their slices",
        ),
        ("Preprocessing", f"{PROTOCOL}, under truth and input; for training {TRAINING}"),
        (
            "Subsets selected from the data",
            f"{PROTOCOL}: phases; [Time](#time): slices; [Invention](#invention) is measured on the centre crop of "
            f"protocol C in {RESULTS}",
        ),
        (
            "De-identification",
            "left to those who published the data: by their account Sunnybrook is anonymised, the Siemens files state "
            "no method; nothing was added here",
        ),
        (
            "How missing data were handled",
            f"{PROTOCOL}: one pixel size taken for all Sunnybrook slices; rays without a border are left out of "
            "distances, and filled in between their neighbours for areas",
        ),
        (
            "Image acquisition",
            f"scanners and field strengths in [Who](#who), the sequence in {LIMITS}; slice thickness, flip angle and "
            "times are not given here",
        ),
    ),
    "Methods: reference standard": (
        ("How the reference standard was obtained", f"{PROTOCOL}: the acquired slice itself, and its border"),
        (
            "Why this reference standard",
            f"no finer image of the same hearts is among the data; what is wrong with it: {LIMITS}",
        ),
        (
            "Source of its annotations",
            f"{PROTOCOL}: contours published with the Sunnybrook data say where to look; by the publishers' account a "
            "cardiologist drew them and another confirmed them",
        ),
        (
            "How the test set was annotated",
            "not anew: the same published contours; for [Time](#time) one mark a cine, set by eye",
        ),
        (
            "Variation between and within raters",
            "not measured: one contour a slice is published; the border is computed, the contour only starts it",
        ),
    ),
    "Methods: data partitions": (
        (
            "How data were assigned to partitions",
            f"{TRAINING}: 25 Sunnybrook patients to train on and five to validate, all four groups in both, none kept "
            "for a test; by a fixed list that comes with the data and does not say how it was drawn",
        ),
        ("Level at which partitions are disjoint", "patients; never slices"),
    ),
    "Methods: testing data": (
        (
            "Intended sample size",
            f"none was computed: five patients and one subject are what was at hand; {LIMITS}",
        ),
    ),
    "Methods: model": (
        (
            "Description of the model",
            f"the paper cited in {README}, deviations in {TRAINING}; {CARDS}, under architecture; the code, "
            "`core/network/network.py`",
        ),
        (
            "Software and versions",
            "`constraints.txt` has the versions that the tests run with; the cards name commit and "
            "device of each training, not its versions",
        ),
        (
            "Initial parameters",
            f"x2: PyTorch's random ones, seed on the card; x3 and x4: the weights of x2; {TRAINING}",
        ),
    ),
    "Methods: training": (
        ("Training in detail", f"{TRAINING}; {CARDS}, under training and configuration"),
        (
            "How the final model was selected",
            f"{TRAINING} and {CARDS}, under training: the last checkpoint of a run; its length and recipe by the "
            "validation patients, the phantom and a look at acquired images; a test for ripples enlarges one Siemens "
            "series",
        ),
        (
            "Ensembles",
            f"none in these figures; *best quality*, the mean over eight orientations, is in {PHYSICIST}",
        ),
    ),
    "Methods: evaluation": (
        (
            "Metrics",
            f"{PROTOCOL}, and the words above each table; the literal network beside published ones in "
            "[Training/PAPER.md](../Training/PAPER.md)",
        ),
        (
            "Significance and uncertainty",
            f"{PROTOCOL}: bootstrap over patients, exact paired test, in own code; no correction for many comparisons",
        ),
        ("Robustness and sensitivity", f"[Who](#who); windows, noise and partial Fourier in {RESULTS}"),
        (
            "Explainability",
            f"no such method; [Invention](#invention) shows what was added, {PHYSICIST} a map of uncertainty",
        ),
        (
            "Evaluation on internal data",
            f"Sunnybrook validation patients, no test patients ({PROTOCOL}): [Borders](#borders) to [Who](#who); "
            "figures of those trained on are not reported",
        ),
        (
            "Testing on external data",
            "Siemens 3 T cine of one subject, never trained on: [Invention](#invention), [Who](#who), [Time](#time); "
            "no contours, so no areas",
        ),
        ("Registration of a clinical trial", "does not apply: no trial"),
    ),
    "Results: data": (
        (
            "Numbers included and excluded",
            f"{PROTOCOL}; slices in [Areas and volumes](#areas-and-volumes); no flow chart",
        ),
        (
            "Patients' characteristics in each partition",
            "groups of those measured in [Who](#who); of the 25 trained on, 7 with heart failure with infarct, 7 "
            "without, 6 with hypertrophy, 5 normal; age and sex are not reported",
        ),
    ),
    "Results: model performance": (
        (
            "Performance with its uncertainty",
            "[Borders](#borders), [Areas and volumes](#areas-and-volumes), [Invention](#invention), [Who](#who)",
        ),
        ("Diagnostic performance", "does not apply: no diagnosis is made, and none was tested"),
        (
            "Analysis of failures",
            "[Where DURN is no better](#where-durn-is-no-better); [Invention](#invention)",
        ),
    ),
    "Discussion": (
        ("Limitations", f"{LIMITS}"),
        ("Implications for practice, intended use", f"research use only; {README}; {CARDS}, under use"),
    ),
    "Other information": (
        (
            "Full protocol or further technical details",
            f"{PROTOCOL}, and the code of the command that wrote this page; no protocol was published before",
        ),
        (
            "Availability of software, model and data",
            f"software and weights: Apache-2.0; data: at their sources, {TRAINING} and {README}",
        ),
        ("Funding and other support, role of funders", "not stated"),
    ),
}

ITEMS = tuple(item for items in SECTIONS.values() for item in items)


def checklist() -> list[list[str]]:
    """Rows of the checklist's table, headed; a section is named beside its first item."""
    begins = {items[0]: section for section, items in SECTIONS.items()}
    rows = [[begins.get(item, ""), str(number), *item] for number, item in enumerate(ITEMS, start=1)]
    return [["section", "", "item", "where"], *rows]
