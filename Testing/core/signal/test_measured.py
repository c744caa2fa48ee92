"""What was measured of a stack: found in the spectrum, stated by a header or given, and the steps that keep it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from DURNSuperResLib import upscale_slices
from DURNSuperResLib.core.network.fused import FusedDurn
from DURNSuperResLib.core.network.grids import after, before
from DURNSuperResLib.core.signal.degradation import INTERPOLATIONS, SHARES, interpolated
from DURNSuperResLib.core.signal.kspace import resized
from DURNSuperResLib.core.signal.measured import NO_STEPS, Axis, Measured
from DURNSuperResLib.core.signal.phantom import short_axis_phantom
from DURNSuperResLib.core.signal.quality import psnr
from DURNSuperResLib.evaluation.protocols import normalised
from DURNSuperResLib.evaluation.test_sets import sunnybrook_validation
from DURNSuperResLib.scene.dicom.acquired import statement_of

LINES = 4  # by which the number that is found may be off


@pytest.fixture(scope="module")
def truths(data: Path) -> NDArray[np.float64]:
    """Slices of one validation patient, scaled to [0, 1]."""
    images = sunnybrook_validation(data).images
    return np.stack([normalised(image) for patient, image in images if patient == images[0][0]][::3])


@pytest.mark.parametrize("stored", ["real", "magnitude", "whole numbers"])
@pytest.mark.parametrize("share", SHARES)
def test_each_share_is_found_whatever_is_stored(truths: NDArray, share: tuple[float, float], stored: str) -> None:
    filled = interpolated(truths, share)
    filled = filled if stored == "real" else np.abs(filled)
    measured = Measured.of([np.rint(255 * filled) if stored == "whole numbers" else filled])
    for axis, part in ((measured.rows, share[0]), (measured.columns, share[1])):
        assert abs(axis.lines - 256 * part) <= (LINES if part < 1 else 0)
        assert axis.source == ("spectrum" if part < 1 else "")


@pytest.mark.parametrize("share", SHARES)
def test_it_is_found_in_an_image_cut_out_of_a_larger_one(truths: NDArray, share: tuple[float, float]) -> None:
    cut = np.abs(interpolated(truths, share))[:, 30:210, 41:215]
    measured = Measured.of([cut])
    for axis, part in ((measured.rows, share[0]), (measured.columns, share[1])):
        assert abs(axis.lines - axis.stored * part) <= LINES
        assert axis.border == "mirrored" or part == 1


def test_one_result_serves_the_whole_cine(truths: NDArray) -> None:
    phases = [np.abs(interpolated(truths * factor, (0.5, 0.5))) for factor in (1.0, 0.9, 1.1)]
    measured = Measured.of(phases)
    assert measured == Measured.of(phases)
    assert measured.on(256, 256) is not None
    assert measured.on(128, 192).lines == (-(-measured.rows.lines // 4) * 2, -(-measured.columns.lines * 3 // 8) * 2)


def test_turned_slices_have_turned_lines() -> None:
    measured = Measured(Axis(100, 60, "user"), Axis(80, 80))
    assert measured.turned() == Measured(Axis(80, 80), Axis(100, 60, "user"))
    assert measured.turned().turned() == measured


def test_more_lines_than_pixels_cannot_be() -> None:
    for acquired in ("65x64", "64x0", "0x0"):
        with pytest.raises(ValueError, match=r"measured|rows x columns"):
            Measured.of([np.ones((1, 64, 64))], acquired)


def test_the_network_sees_what_was_measured_and_no_more(truths: NDArray, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recorded in the network itself: the input is the measured matrix, at whatever size it is stored."""
    stored = np.abs(interpolated(truths[:2], (0.5, 0.65))).astype(np.float32)
    seen: list[NDArray] = []
    features = FusedDurn._features

    def recording(network: FusedDurn, images: torch.Tensor) -> Any:
        seen.append(images.float().numpy().copy())
        return features(network, images)

    monkeypatch.setattr(FusedDurn, "_features", recording)
    measured = Measured.of([stored])
    result = upscale_slices(stored, measured=measured)
    assert result.shape == (2, 512, 512)
    images = np.concatenate(seen)[:, 0]
    assert images.shape[1:] == measured.lines
    assert abs(measured.lines[0] - 128) <= LINES
    band = measured.band_of(stored)
    for image, expected in zip(images, band, strict=True):  # but for the intensity map
        slope, offset = np.polyfit(expected.ravel(), image.ravel(), 1)
        assert np.abs(slope * expected + offset - image).max() < 1e-4


def test_images_that_are_not_interpolated_reach_the_network_as_they_are() -> None:
    steps = Measured.whole(20, 30).steps(2, keep=False)
    assert steps == NO_STEPS
    image = torch.rand(2, 20, 30)
    assert before(steps, image) is image


@pytest.mark.parametrize("border", ["periodic", "mirrored"])
def test_what_the_network_adds_stays_and_the_band_is_exchanged(border: str) -> None:
    random = np.random.default_rng(0)
    measured = Measured(Axis(40, 25, "user", border), Axis(36, 24, "user", border))  # type: ignore[arg-type]
    stored = torch.from_numpy(random.random((40, 36)).astype(np.float32))
    steps = measured.steps(3)
    seen = before(steps, stored)
    made = random.random((75, 72)).astype(np.float32)
    result = after(steps, torch.from_numpy(made), seen).numpy()
    assert result.shape == (120, 108)
    kept = measured.kept_of(stored.numpy())
    assert kept.shape == ((25, 24) if border == "periodic" else (23, 22))
    assert np.abs(measured.kept_of(result, 3) - kept).max() < 1e-5
    borders: Any = (border, border)
    added = made - resized(resized(made, *kept.shape, borders), 75, 72, borders)
    alone = after(steps, torch.from_numpy(added), torch.zeros_like(seen)).numpy()
    assert np.abs(result - resized(kept, 120, 108, borders) - alone).max() < 1e-4


def test_an_outermost_line_without_its_phase_is_not_put_back() -> None:
    assert [Axis(20, lines, "user", "periodic").kept for lines in (20, 12, 11, 1)] == [19, 12, 11, 1]
    assert Axis(21, 21, "user", "periodic").kept == 21
    assert [Axis(20, lines, "user", "mirrored").kept for lines in (20, 12, 11, 1)] == [18, 10, 9, 1]


TRUTH = short_axis_phantom(2, slices=3, size=192).truth / 1000
FILLED = np.abs(interpolated(TRUTH, (0.6, 0.75)))
NUMBERS = st.sampled_from(["0", "64", "96", "114", "116", "144", "146", "192", "224", "320", "-7", "nan", "", "1e9"])
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "AcquisitionMatrix": st.lists(NUMBERS, min_size=0, max_size=5).map("\\".join),
        "InPlanePhaseEncodingDirection": st.sampled_from(["ROW", "COL", "COLUMN", "OTHER", ""]),
        "PercentSampling": st.sampled_from(["100", "92", "62.5", "0", "150", "x"]),
        "PercentPhaseFieldOfView": st.sampled_from(["100", "81.25", "75", "0", "-1"]),
        "MRAcquisitionFrequencyEncodingSteps": NUMBERS,
        "MRAcquisitionPhaseEncodingStepsInPlane": NUMBERS,
    },
)


def _gain(stack: NDArray, header: dict[str, str]) -> float:
    """PSNR of the measured band, filled up again, against the truth: what a wrong crop would lose."""
    measured = Measured.of([stack], stated=statement_of(header, *stack.shape[1:]))
    borders = (measured.rows.border, measured.columns.border)
    return float(psnr(resized(measured.band_of(stack), *TRUTH.shape[1:], borders), TRUTH).mean())


@pytest.mark.parametrize("stack", [FILLED, TRUTH], ids=["interpolated", "as measured"])
@settings(max_examples=60, deadline=None)
@given(header=HEADERS)
def test_no_header_however_wrong_makes_it_worse(stack: NDArray, header: dict[str, str]) -> None:
    assert _gain(stack, header) > min(_gain(stack, {}), 60) - 0.05


@pytest.mark.parametrize(
    ("header", "lines"),
    [
        ({"AcquisitionMatrix": "0\\224\\160\\0", "InPlanePhaseEncodingDirection": "ROW"}, ((224,), (160,))),
        ({"AcquisitionMatrix": "256\\0\\0\\191", "InPlanePhaseEncodingDirection": "COL"}, ((191,), (256,))),
        ({"AcquisitionMatrix": "0\\0\\0\\0", "InPlanePhaseEncodingDirection": "ROW"}, ((), ())),
        ({"AcquisitionMatrix": "512\\0\\0\\480", "InPlanePhaseEncodingDirection": "COL"}, ((), ())),
        ({"AcquisitionMatrix": "0\\224\\160\\0"}, ((), ())),
        ({"AcquisitionMatrix": "224\\160", "InPlanePhaseEncodingDirection": "ROW"}, ((), ())),
        (
            {
                "MRAcquisitionFrequencyEncodingSteps": "192",
                "MRAcquisitionPhaseEncodingStepsInPlane": "120",
                "InPlanePhaseEncodingDirection": "COLUMN",
                "PercentSampling": "75",
            },
            ((90, 120), (192,)),
        ),
    ],
)
def test_a_header_gives_all_that_it_may_mean(header: dict[str, str], lines: tuple) -> None:
    assert tuple(statement_of(header, 256, 256)) == lines


def test_the_shares_of_the_evaluation_have_names() -> None:
    assert list(INTERPOLATIONS) == [
        "interpolated 0.5x0.5",
        "interpolated 0.65x0.65",
        "interpolated 0.55x1",
        "interpolated 0.8x0.8",
    ]
