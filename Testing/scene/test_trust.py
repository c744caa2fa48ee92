"""Trust in the scene: consistency, uncertainty and domain of volumes and cines, on the nodes themselves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import slicer
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from DURNSuperResLib.core.engine import enlarge
from DURNSuperResLib.core.signal.consistency import ConsistencyMeter
from DURNSuperResLib.core.signal.measured import Measured
from DURNSuperResLib.core.upscaling import Upscaling
from DURNSuperResLib.scene.nodes import VolumeError, ijk_to_ras_of
from DURNSuperResLib.scene.sequences import (
    add_browser,
    add_item,
    browser_of,
    items_of,
    new_sequence,
    shown_by_proxy,
    uncertainty_shown_with,
    upscale_sequence,
)
from DURNSuperResLib.scene.trust import in_words
from DURNSuperResLib.scene.uncertainty import uncertainty_of
from DURNSuperResLib.scene.volumes import upscale_volume
from geometries import oblique

MakeNode = Callable[..., slicer.vtkMRMLScalarVolumeNode]
voxels_of = slicer.util.arrayFromVolume


def attribute(node: slicer.vtkMRMLNode, name: str) -> str:
    return node.GetAttribute(f"DURNSuperRes.{name}")


@pytest.fixture
def small(heart_slices: NDArray) -> NDArray:
    return heart_slices[:2, 8:56, 4:60].copy()


@pytest.fixture
def cine(scene: slicer.vtkMRMLScene, small: NDArray) -> slicer.vtkMRMLSequenceNode:
    sequence = new_sequence("Cine", "time", "ms")
    for phase in range(3):
        add_item(sequence, small * (1 + 0.1 * phase), oblique((3.0, 3.0, 8.0)), str(40 * phase))
    return scene.AddNode(sequence)


@pytest.mark.parametrize("keep_type", [False, True])
def test_the_consistency_is_that_of_the_stored_voxels(make_node: MakeNode, small: NDArray, keep_type: bool) -> None:
    node = make_node(small.astype(np.int16))
    output = upscale_volume(node, method="bicubic", keep_type=keep_type)
    meter = ConsistencyMeter()
    meter.add(voxels_of(output), voxels_of(node), 2, Measured.of([voxels_of(node)]))
    assert float(attribute(output, "ConsistencyPSNR")) == pytest.approx(meter.result.psnr, rel=1e-5)
    assert float(attribute(output, "ConsistencyLargest")) == pytest.approx(meter.result.largest, rel=1e-5)
    assert attribute(output, "Consistency") == str(meter.result)
    assert attribute(output, "ConsistencyRange") == f"{small.astype(np.int16).min()} to {small.astype(np.int16).max()}"


def test_what_was_measured_is_kept_in_volumes_and_cines_unless_it_is_asked_not_to(
    make_node: MakeNode, small: NDArray, cine: slicer.vtkMRMLNode
) -> None:
    for output in (upscale_volume(make_node(small)), upscale_sequence(cine)):
        assert float(attribute(output, "ConsistencyPercent")) < 1e-3
        assert attribute(output, "KeepMeasured") == "true"
        assert "what was measured is kept to within 0.00 %" in attribute(output, "Consistency")
    free = upscale_volume(make_node(small), keep_measured=False)
    assert float(attribute(free, "ConsistencyPercent")) > 0.1
    assert attribute(free, "KeepMeasured") is None


def test_only_of_magnitude_mr_is_the_measured_band_kept(make_node: MakeNode, small: NDArray) -> None:
    mask, tomogram = make_node((small > 300).astype(np.uint8)), make_node(small)
    tomogram.SetAttribute("DICOM.Modality", "CT")
    for output in (upscale_volume(mask, any_image=True), upscale_volume(tomogram)):
        assert attribute(output, "KeepMeasured") is None


def test_what_the_user_knows_of_the_acquisition_is_taken(make_node: MakeNode, small: NDArray) -> None:
    output = upscale_volume(make_node(small), acquired="32x40")
    assert attribute(output, "Measured") == "32x40"
    assert attribute(output, "MeasuredFrom") == "user"
    assert attribute(output, "Resolution").startswith("stored 1.40 mm, measured about 2.0 x 2.1 mm")
    assert float(attribute(output, "ConsistencyPercent")) < 1e-3
    with pytest.raises(VolumeError, match="49x56 lines cannot have been measured of 48 rows x 56 columns"):
        upscale_volume(make_node(small), acquired="49x56")
    with pytest.raises(ValueError, match="rows x columns"):
        upscale_volume(make_node(small), acquired="half")


def test_the_consistency_of_a_cine_is_that_of_all_its_phases(cine: slicer.vtkMRMLSequenceNode) -> None:
    output = upscale_sequence(cine, method="bicubic")
    meter, measured = ConsistencyMeter(), Measured.of([voxels_of(item) for item in items_of(cine)])
    for item, source in zip(items_of(output), items_of(cine), strict=True):
        meter.add(voxels_of(item), voxels_of(source), 2, measured)
    assert attribute(output, "Consistency") == str(meter.result)


def test_the_uncertainty_is_a_coloured_volume_of_the_same_geometry(make_node: MakeNode, small: NDArray) -> None:
    node = make_node(np.ascontiguousarray(small.transpose(1, 0, 2)), oblique((3.0, 8.0, 3.0)))  # slices across j
    output = upscale_volume(node, uncertainty=True)
    uncertainty = uncertainty_of(output)
    expected = enlarge(small, Upscaling(uncertainty=True))
    assert expected.half_width is not None
    assert_allclose(voxels_of(uncertainty).transpose(1, 0, 2), expected.half_width, atol=0.01)
    assert_allclose(voxels_of(output).transpose(1, 0, 2), expected.image, atol=0.01)
    assert_allclose(ijk_to_ras_of(uncertainty), ijk_to_ras_of(output), atol=1e-9)
    display = uncertainty.GetDisplayNode()
    assert display.GetColorNode().GetName() == "Iron"
    assert display.GetWindow() == pytest.approx(np.percentile(expected.half_width, 99.5), rel=0.01)


def test_every_run_says_how_far_the_pixels_may_be_from_the_truth(
    make_node: MakeNode, small: NDArray, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "DURNSuperResLib")
    output = upscale_volume(make_node(small.astype(np.int16)))
    line = attribute(output, "Within")
    assert line in caplog.text
    assert line in in_words(output)
    assert "90 % of the pixels are within" in line
    assert "an image of twice the resolution" in line
    assert uncertainty_of(output) is None
    body, rims = (float(attribute(output, f"Within{place}")) for place in ("Body", "Rims"))
    assert 0 < body < rims < np.ptp(small)
    wider = upscale_volume(make_node(small.astype(np.int16)), uncertainty_level=0.95)
    assert float(attribute(wider, "WithinBody")) > body
    assert "95 % of the pixels" in attribute(wider, "Within")
    assert attribute(upscale_volume(make_node(small.astype(np.int16)), method="bicubic"), "Within") is None


def test_error_bars_are_withdrawn_from_images_of_another_kind(
    make_node: MakeNode, small: NDArray, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "DURNSuperResLib")
    phases = np.random.default_rng(0).integers(-2048, 2048, (2, 40, 40)).astype(np.int16)
    output = upscale_volume(make_node(phases), any_image=True, uncertainty=True)
    assert uncertainty_of(output) is None
    assert attribute(output, "Within") is None
    assert "values on both sides of zero" in attribute(output, "NoErrorBars")
    assert "no error bars: the image has values on both sides of zero" in caplog.text
    other = make_node(small)
    other.SetAttribute("DICOM.ScanningSequence", "SE")
    output = upscale_volume(other, uncertainty=True)
    assert uncertainty_of(output) is None
    assert "spin echo" in attribute(output, "NoErrorBars")
    noise = make_node(np.random.default_rng(0).random((2, 40, 40), dtype=np.float32) * 500)
    assert "as in noise" in attribute(upscale_volume(noise), "NoErrorBars")


def test_an_output_used_again_keeps_one_uncertainty_or_none(
    make_node: MakeNode, scene: slicer.vtkMRMLScene, small: NDArray
) -> None:
    node = make_node(small)
    output = upscale_volume(node, uncertainty=True)
    first, count = uncertainty_of(output), scene.GetNumberOfNodes()
    assert uncertainty_of(upscale_volume(node, output, 3, uncertainty=True)) is first
    assert voxels_of(first).shape == (2, 144, 168)
    assert scene.GetNumberOfNodes() == count
    assert uncertainty_of(upscale_volume(node, output)) is None


def test_best_quality_is_the_mean_and_says_so(make_node: MakeNode, small: NDArray) -> None:
    output = upscale_volume(make_node(small), best_quality=True)
    assert attribute(output, "BestQuality") == "true"
    assert uncertainty_of(output) is None
    assert_allclose(voxels_of(output), enlarge(small, Upscaling(best_quality=True)).image, atol=0.01)


def test_a_cine_has_a_cine_of_its_uncertainty_that_plays_along(cine: slicer.vtkMRMLSequenceNode) -> None:
    add_browser(cine)
    steps: list[tuple[int, int]] = []
    output = upscale_sequence(cine, uncertainty=True, progress=lambda done, total: steps.append((done, total)))
    uncertainty = uncertainty_of(output)
    assert steps[-1] == (3 * 2, 3 * 2)
    assert [uncertainty.GetNthIndexValue(n) for n in range(3)] == ["0", "40", "80"]
    assert all(voxels_of(item).max() > 0 for item in items_of(uncertainty))
    assert "90 % of the pixels are within" in attribute(output, "Within")
    assert browser_of(uncertainty) is browser_of(output)
    shown = uncertainty_shown_with(shown_by_proxy(output))
    assert shown is browser_of(output).GetProxyNode(uncertainty)
    assert shown.GetDisplayNode().GetColorNode().GetName() == "Iron"


def test_a_cine_without_a_browser_has_its_uncertainty_too(cine: slicer.vtkMRMLSequenceNode) -> None:
    output = upscale_sequence(cine, uncertainty=True, best_quality=True)
    assert uncertainty_of(output).GetNumberOfDataNodes() == 3
    assert browser_of(output) is None


def test_bicubic_has_no_uncertainty_and_adds_no_node(
    make_node: MakeNode, scene: slicer.vtkMRMLScene, small: NDArray
) -> None:
    node = make_node(small)
    before = scene.GetNumberOfNodes()
    with pytest.raises(ValueError, match="need durn"):
        upscale_volume(node, method="bicubic", uncertainty=True)
    assert scene.GetNumberOfNodes() == before


def test_what_is_outside_the_domain_is_warned_of_once_and_recorded(
    make_node: MakeNode, small: NDArray, caplog: pytest.LogCaptureFixture
) -> None:
    output = upscale_volume(make_node(small, np.diag([0.8, 0.8, 8.0, 1.0])))
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 1
    assert "0.80 mm are finer than any" in warnings[0]
    assert attribute(output, "Domain") in warnings[0]
    assert "Outside the model's domain" in in_words(output)


def test_inside_the_domain_there_is_no_warning(
    make_node: MakeNode, small: NDArray, caplog: pytest.LogCaptureFixture
) -> None:
    output = upscale_volume(make_node(small, np.diag([3.0, 3.0, 8.0, 1.0])))
    assert not [record for record in caplog.records if record.levelname == "WARNING"]
    assert attribute(output, "Domain") == "inside"
    assert in_words(output).startswith("Consistency: what was measured is kept")
    assert "domain" not in in_words(output)


def test_masks_and_stated_phase_images_are_refused_unless_any_image_will_do(
    make_node: MakeNode, scene: slicer.vtkMRMLScene, small: NDArray
) -> None:
    mask = make_node((small > 300).astype(np.uint8))
    phase = make_node(small)
    phase.SetAttribute("DICOM.ImageType", "ORIGINAL\\PRIMARY\\P")
    sequence = new_sequence("Masks", "time", "ms")
    for n in range(2):
        add_item(sequence, (small > 300 + 100 * n).astype(np.uint8), np.diag([3, 3, 8, 1.0]), str(n))
    scene.AddNode(sequence)
    for node, run in ((mask, upscale_volume), (phase, upscale_volume), (sequence, upscale_sequence)):
        with pytest.raises(VolumeError, match=r"mask|phase image"):
            run(node, scale=2, method="bicubic")
        assert run(node, scale=2, method="bicubic", any_image=True) is not None
