"""The domain check: what is refused, what is warned of; and what the spectrum tells of zero filling."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray

from DURNSuperResLib import available_models
from DURNSuperResLib.core.engine import enlarge
from DURNSuperResLib.core.network.domain import refusal_of, unlike, warnings_of
from DURNSuperResLib.core.network.models import model_for
from DURNSuperResLib.core.signal.degradation import DEGRADATIONS
from DURNSuperResLib.core.signal.kspace import kspace_truncate, partial_fourier
from DURNSuperResLib.core.signal.measured import Measured, Resolution
from DURNSuperResLib.core.signal.phantom import short_axis_phantom
from DURNSuperResLib.core.signal.spectrum import acquired_share
from DURNSuperResLib.core.upscaling import Upscaling
from DURNSuperResLib.evaluation.test_sets import other_vendor_cine, sunnybrook_validation
from Training.foreign import foreign_images


def resolution_of(items: list[NDArray], pixel_mm: tuple[float, float]) -> Resolution:
    return Resolution(pixel_mm, Measured.of(items))


def zero_filled(slices: NDArray, share: float) -> NDArray[np.float64]:
    """As a scanner does it: the outer k-space of rows and columns zero, magnitude, whole numbers."""
    spectrum = np.fft.fftshift(np.fft.fft2(slices), axes=(1, 2))
    kept = np.zeros_like(spectrum)
    margins = [round(size * (1 - share) / 2) for size in slices.shape[1:]]
    inside = (slice(None), *(slice(margin, -margin) for margin in margins))
    kept[inside] = spectrum[inside]
    return np.rint(np.abs(np.fft.ifft2(np.fft.ifftshift(kept, axes=(1, 2)))))


def dicom_slices(folder: Path, count: int) -> NDArray[np.float64]:
    files = sorted(folder.glob("*.dcm"))[:count]
    return np.stack([np.squeeze(sitk.GetArrayFromImage(sitk.ReadImage(str(file)))) for file in files]).astype(float)


def patients(data: Path, count: int) -> list[NDArray[np.float64]]:
    """Slices of each validation patient."""
    found: dict[str, list[NDArray]] = {}
    for patient, image in sunnybrook_validation(data).images:
        found.setdefault(patient, []).append(image)
    return [np.stack(images[:count]) for images in found.values()]


@pytest.mark.parametrize("share", [0.5, 0.6, 0.75, 0.85, 0.9])
def test_zero_filling_of_real_slices_is_found_and_measured(data: Path, share: float) -> None:
    cine = data / "cmr" / "cine_dicom"
    stacks = [*patients(data, 3), dicom_slices(cine / "Se1", 3), dicom_slices(cine / "Se6", 3)]
    for slices in stacks:
        filled = zero_filled(slices, share)
        assert [acquired_share(filled, axis) for axis in (1, 2)] == pytest.approx([share, share], abs=0.015)


def test_images_as_acquired_are_not_taken_for_zero_filled(data: Path) -> None:
    folders = [data / "cmr" / "sunnybrook_dicom" / "SC-N-02-static", *(data / "cmr" / "cine_dicom").glob("Se*")]
    assert len(folders) == 8
    for slices in [*patients(data, 4), *(dicom_slices(folder, 4) for folder in folders)]:
        assert [acquired_share(slices, axis) for axis in (1, 2)] == [1.0, 1.0]


@pytest.mark.parametrize("size", [64, 128, 192, 256])
def test_the_phantom_is_not_zero_filled(size: int) -> None:
    phantom = short_axis_phantom(2, slices=3, size=size)
    for slices in (phantom.acquired, phantom.truth):
        assert not resolution_of([slices], (1.4, 1.4)).interpolated


def test_zero_filling_along_one_axis_is_told_apart() -> None:
    truth = short_axis_phantom(2, slices=3, size=192).truth
    spectrum = np.fft.fft(truth, axis=1)
    spectrum[:, 72:120] = 0  # 3/4 of the rows' frequencies stay
    resolution = resolution_of([np.abs(np.fft.ifft(spectrum, axis=1))], (1.4, 1.5))
    assert resolution.measured.share == (pytest.approx(0.75, abs=0.015), 1.0)
    assert str(resolution) == "stored 1.40 x 1.50 mm, measured about 1.4 x 2.0 mm (from the spectrum)"


def test_the_effective_resolution_in_words(data: Path) -> None:
    filled = zero_filled(patients(data, 3)[0], 0.75)
    assert str(resolution_of([filled], (1.41, 1.41))) == "stored 1.41 mm, measured about 1.9 mm (from the spectrum)"
    assert str(resolution_of([patients(data, 3)[0]], (1.41, 1.41))) == "1.41 mm pixels"


def test_grey_level_images_are_taken(data: Path, heart_slices: NDArray) -> None:
    noise = np.random.default_rng(0)
    stacks = [*patients(data, 2), dicom_slices(data / "cmr" / "cine_dicom" / "Se1", 2), heart_slices]
    stacks += [heart_slices - heart_slices.mean(), noise.random((2, 40, 40)), noise.integers(0, 30, (2, 40, 40))]
    for slices in stacks:
        assert refusal_of([slices], {"Modality": "MR", "ImageType": "ORIGINAL\\PRIMARY\\M"}) == ""


REFUSED = {
    "mask": "two values",
    "label map": "label map",
    "phase in radians": "phase or velocity",
    "stored phase": "jumps",
    "velocity": "phase or velocity",
}


def refused_voxels(kind: str) -> NDArray:
    """An image of each kind that is refused, made from a heart."""
    heart = short_axis_phantom(2, slices=2, size=128).truth
    noise = np.random.default_rng(0).normal(0, 20, (2, *heart.shape))
    ramp = np.linspace(-4, 4, heart.shape[-1])
    phase = np.angle(heart * np.exp(1j * ramp) + noise[0] + 1j * noise[1])
    return {
        "mask": (heart > 300).astype(np.uint8),
        "label map": np.digitize(heart, [100, 300, 500, 700]).astype(np.int16),
        "phase in radians": phase,
        "stored phase": np.clip((phase + np.pi) / (2 * np.pi) * 4096, 0, 4095).astype(np.uint16),
        "velocity": (150 * phase / np.pi).astype(np.int16),
    }[kind]


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_grey_level_image_is_refused(kind: str) -> None:
    assert REFUSED[kind] in refusal_of([refused_voxels(kind)], {})


def test_a_stated_phase_image_is_refused(heart_slices: NDArray) -> None:
    for kind in ("P", "PHASE MAP", "VELOCITY MAP"):
        assert "phase image" in refusal_of([heart_slices], {"ImageType": f"ORIGINAL\\PRIMARY\\{kind}\\ND"})


@pytest.mark.parametrize("pixel_mm", [1.2, 1.41, 1.9, 2.74])
def test_an_ordinary_cine_raises_no_warning(heart_slices: NDArray, pixel_mm: float) -> None:
    for card in available_models():
        _, high = card.details["domain"]["input_pixel_mm"]
        stated = {"Modality": "MR", "ScanningSequence": "GR"}
        assert not warnings_of(card, [heart_slices], (pixel_mm, high), (64, 64), stated)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"pixel_mm": (0.82, 1.41)}, "0.82 mm are finer"),
        ({"pixel_mm": (3.0, 6.0)}, "6.00 mm are coarser"),
        ({"matrix": (20, 64)}, "20 x 64 pixels are smaller"),
        ({"stated": {"Modality": "CT"}}, "CT, not MR"),
        ({"stated": {"ScanningSequence": "GR\\IR"}}, "inversion recovery"),
        ({"items": "negative"}, "negative"),
    ],
)
def test_each_property_outside_the_domain_is_named(heart_slices: NDArray, change: dict, named: str) -> None:
    facts = {"items": [heart_slices], "pixel_mm": (3.0, 3.0), "matrix": (64, 64), "stated": {}} | change
    if facts["items"] == "negative":
        facts["items"] = [heart_slices - 50]
    found = warnings_of(model_for(2), **facts)
    assert len(found) == 1
    assert named in found[0]


@pytest.mark.parametrize("reduction", [1, 2, 4])
def test_error_bars_are_withdrawn_from_noise_and_not_from_what_is_smooth(reduction: int) -> None:
    images = foreign_images(9, seed=99)
    assert all(unlike([truncated(image, reduction)[None]], {}) for image in images[::3])
    assert not any(unlike([truncated(image, reduction)[None]], {}) for image in images[1::3])


def test_error_bars_are_withdrawn_from_wrapped_phases() -> None:
    for image in foreign_images(12, seed=98)[2::3]:
        assert unlike([image[None]], {})


@pytest.mark.parametrize("reduction", [1, 2, 4])
def test_error_bars_are_given_to_cardiac_images_and_photographs(data: Path, reduction: int) -> None:
    photographs = sorted((data / "natural" / "Set14").glob("*.png"))
    grey = [np.atleast_3d(sitk.GetArrayFromImage(sitk.ReadImage(str(path)))).mean(axis=-1) for path in photographs]
    hearts = [image for _, image in (*sunnybrook_validation(data).images[::9], *other_vendor_cine(data).images[::4])]
    assert grey
    for image in (*grey, *hearts):
        assert not unlike([truncated(image, reduction)[None]], {})


def truncated(image: NDArray, reduction: int) -> NDArray:
    rows, columns = (size // 16 * 16 for size in image.shape)
    return np.abs(kspace_truncate(image[:rows, :columns], reduction)) if reduction > 1 else image


@pytest.mark.parametrize("degradation", ["bicubic", "kspace"])
def test_error_bars_hold_in_photographs_nearly_as_in_hearts(data: Path, degradation: str) -> None:
    """Nothing tells a photograph from a heart, so its error bars stay; the coverage is a little below the level."""
    covered = []
    for path in sorted((data / "natural" / "Set14").glob("*.png"))[:8]:
        image = np.atleast_3d(sitk.GetArrayFromImage(sitk.ReadImage(str(path)))).mean(axis=-1)
        truth = image[: min(image.shape[0], 256) // 16 * 16, : min(image.shape[1], 256) // 16 * 16] / 255
        low = DEGRADATIONS[degradation](truth, 2)
        how = Upscaling(uncertainty=True, keep_measured=degradation != "bicubic")
        found = enlarge(low[None], how, measured=Measured.whole(*low.shape))
        assert found.half_width is not None
        covered.append(np.mean(np.abs(found.image[0] - truth) <= found.half_width[0]))
    assert 0.82 < np.mean(covered) < 0.94
    assert min(covered) > 0.6


@pytest.mark.parametrize("fraction", [0.625, 0.75, 0.875])
@pytest.mark.parametrize("scale", [1, 2])
def test_partial_fourier_is_not_taken_for_zero_filling(data: Path, fraction: float, scale: int) -> None:
    """Where the second sign of the lines ends, the level falls by 6 dB, and half of what was measured lies beyond."""
    cine = data / "cmr" / "cine_dicom"
    for slices in [*patients(data, 8), dicom_slices(cine / "Se1", 4), dicom_slices(cine / "Se6", 4)]:
        acquired = partial_fourier(kspace_truncate(slices, scale), fraction)
        assert [acquired_share(acquired, axis) for axis in (1, 2)] == [1.0, 1.0]
