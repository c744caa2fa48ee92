"""What the page of evidence says around its tables; the figures are put in between."""

from __future__ import annotations

HEAD = """# Evidence

What readers of hearts, physicists and reviewers ask of an enlarged image: where its borders lie, what areas and
volumes come of it, how much of the added detail is real, for whom, and whether a cine still moves as before."""

COMMAND = """This page is written by one command from the data, figures and pictures alike:

```bash
durn-superres evidence --data DATA -o Documentation
```

The same machine and versions give the same page to the last digit. [Training/README.md](../Training/README.md) says
what `DATA` holds."""

TRIAL = """**A trial: one slice and one cine in {every} (`--every {every}`), whatever is said below of all slices.**"""

INTRODUCTION = """Short-axis slices of five patients that no model was trained on, made coarse as a scanner of lower
resolution would by cutting k-space, enlarged again, and held against the slices themselves. Means over patients, by
*{model}*, and in brackets the interpolation that does best:"""

PROTOCOL = """## How it was measured

- **Data.** All cine slices of the five Sunnybrook validation patients (GE 1.5 T, end-diastole and end-systole), none
  left out, and four phases of each of the seven series of one subject on a Siemens 3 T, six short-axis slices and a
  four-chamber view. The Sunnybrook patients chose when to stop training, so they are validation and not test patients;
  on the Siemens images nothing was trained or tuned, but one series is looked at for ripples before a model ships.
- **Truth and input.** The slice, divided by its 99.9th percentile and clipped to 0 to 1, is the truth. The centre
  half, third or quarter of its k-space is the input (protocol C of [Training/RESULTS.md](../Training/RESULTS.md)).
  Both belong to one field of view.
- **Methods.** *linear* is what viewers show of the stored pixels. *zero-filled* is the scanner's own interpolation.
  *band kept* means that the measured k-space is put back into the result unchanged, so that a model only adds beyond
  it.
- **Border.** 72 rays from the centre of the endocardial contour that is published with the data. On each, the profile
  (cubic B-spline, every 0.1 mm) goes from the blood's level, the mean from 3 to 6 mm inside, to the wall's, the mean
  from 3 to 5.5 mm outside; the border is the half-way crossing nearest to where it is in the truth. Levels are each
  image's own. Rays are chosen in the truth alone: one crossing, and at least half of the slice's usual contrast.
  Papillary muscles at the wall and walls as bright as what lies behind them thus do not count. On the analytic
  phantom, whose borders are known, a displacement is right to 0.02 mm (`Testing/evaluation/test_borders.py`).
- **Pixels.** The Sunnybrook pictures do not state their pixel size; 1.367 mm is taken for all. Millimetres scale with
  it, per cents do not.
- **Area.** The border closed to a contour, rays that do not count filled in between their neighbours, in truth and
  image alike. A slice whose cavity is smaller than 4 mm in radius would be left out; the tables count the slices that
  were measured.
- **Intervals and tests.** A mean over patients with the 95 % interval of 10,000 bootstrap resamples of the patients.
  The test is the exact paired permutation test over patients against the interpolation with the best mean. With five
  patients no p-value can be below 0.0625: that is *all five better*, and is not significant at 5 %."""

SECTIONS = {
    "Borders": """Mean distance between the border in the image and in the truth, patient by patient, and its 95th
percentile; the distance in which the edge falls from 90 to 10 % of the way, and how much wider that is than in the
truth.""",
    "Areas": """Area of the left ventricle's cavity in each slice against the truth's, after Bland and Altman: bias,
and limits that hold 95 % of the slices. The ejection fraction is that of the sums of areas of both phases; the
differences are in points. It is a check of the method, not of the patient: papillary muscles count as blood, and the
slices are those that were published.""",
    "Agreement": """*Each dot is a slice, at the scale of the chart of frequencies below. Lines: bias and limits of
agreement of the model.*""",
    "Invention": """PSNR, SSIM and the high-frequency error norm (lower is better); the frequency up to which the
Fourier ring correlation with the truth stays at or above one half, 1 being the highest that was acquired: what a
method shows beyond 1 is its own. Patches of 32 pixels, every 16: in how many is detail added that can be seen (0.2 %
of the intensity range), and in how many of those does it not correlate with the truth's (invented: below 1/7; less
than half right: below 1/2). The first limit is lenient: noise in the place of detail passes it by chance in every
third patch, the second in one of ten. That is the idea of P. Kc et al., *sFRC for assessing hallucinations in medical
image restoration* (arXiv 2603.04673), in own code and looking only at what was added. What an interpolation adds
beyond the acquired band is a mirror image of the band itself, so nearly all of it is invented; zero filling adds
nothing but what clipping to 0 to 1 adds. Rings reach into the corners of the acquired square, so that even zero
filling is real to a little above 1. One subject allows no interval.""",
    "Rings": """*Ring correlation at the same scale as the picture below. 1: the image says what the truth says; 0: it
has nothing to do with it.*""",
    "Who": """The patients' names tell their group. One or two patients a group show that none falls out; they cannot
show that groups differ. An interval needs at least two.""",
    "Time": """All phases of a slice. *Flicker*: mean absolute second difference over the phases in still tissue,
relative to the cine that it is held against: below 1 smoother, which blur does too, above 1 restless. *Jitter*: the
same of the border's radius in mm. *Travel*: from the smallest to the largest radius. The blood around one mark a
cine, set by eye, shows where to look. The Siemens cine is made coarse and enlarged x2, and held against itself; the
cine of a pig (GE 1.5 T, zero-filled by the scanner) is enlarged x2 as stored, and held against its zero-filled
enlargement.""",
    "No better": """Means over patients, and bias, limits and ejection fractions over all slices; what is not in this
list is better on average, if not in every patient. Of a cine as stored, the flicker is in [Time](#time).""",
    "Checklist": """The items of CLAIM, the *Checklist for Artificial Intelligence in Medical Imaging*, 2024 update
(A. S. Tejani et al., Radiology: Artificial Intelligence 6 (2024) e240300), by its numbers and sections, in own
words.""",
}

LIMITS = """## What this does not show

- Five patients and one subject are few. The intervals say so; groups of one or two say nothing of a group.
- The truth is an acquired slice, itself filtered and a little zero-filled by its scanner. Detail finer than it cannot
  be judged, and the gain at twice the resolution of a new scan is not measured by anything here.
- Cutting k-space is how a scanner loses resolution, but a real scan of lower resolution also has less noise and other
  motion. Windows, noise and partial Fourier: [Training/RESULTS.md](../Training/RESULTS.md).
- No reader drew on the enlarged images. Whether readers agree better, or faster, was not asked.
- Short-axis balanced SSFP only. Of late enhancement, flow, parametric maps and other axes nothing is known."""
