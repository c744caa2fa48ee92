"""What the viewer shows and does, without a browser."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import slicer

from dicoms import write_cine
from DURNSuperResLib.core.monitor import Cancelled
from DURNSuperResLib.core.upscaling import Upscaling
from DURNSuperResLib.scene.app import current_scene
from DURNSuperResLib.scene.headers import facts_of
from DURNSuperResLib.scene.nodes import VolumeError
from DURNSuperResLib.scene.sequence_storage import write_sequence
from DURNSuperResLib.scene.sequences import add_item, new_sequence
from DURNSuperResLib.scene.storage import InputError, read_volume, write_volume
from DURNSuperResLib.viewer.mouse import Mouse
from DURNSuperResLib.viewer.session import Session

TOLERANCE = 1.0  # grey levels of 255
ALIKE = 0.9  # correlation of an image whose voxels show with its enlargement


@pytest.fixture
def session(scene: slicer.vtkMRMLScene) -> Iterator[Session]:
    session = Session()
    session.resize(160, 160)
    yield session
    session.close()


def scene_nodes() -> set[str]:
    """What is in the scene, but for the subject hierarchy, which Slicer makes once and keeps."""
    scene = current_scene()
    nodes = [scene.GetNthNode(n) for n in range(scene.GetNumberOfNodes())]
    return {node.GetID() for node in nodes if not node.IsA("vtkMRMLSubjectHierarchyNode")}


def test_two_volumes_are_shown_alike_with_labels_that_name_the_spacing(session: Session, files) -> None:
    session.open(files.volume, files.volume_x2)
    original, result = session.pictures()
    assert original.shape == result.shape == (160, 160, 3)
    assert session.labels == ["Original  1.50 mm", "bicubic x2  0.75 mm"]
    assert original.std() > 30
    assert np.corrcoef(original.ravel(), result.ravel())[0, 1] > ALIKE


def test_views_of_any_shape_keep_the_aspect(session: Session, files) -> None:
    session.open(files.volume)
    session.set_smooth(True)
    square = session.pictures()[0]
    session.resize(320, 160)
    (wide,) = session.pictures()
    assert wide.shape == (160, 320, 3)
    assert np.abs(wide[:, 80:240].astype(float) - square).mean() < TOLERANCE
    assert wide[:, :70].max() == 0


def test_the_width_and_the_sides_of_the_patient_are_told(session: Session, files) -> None:
    """The phantom is 96 mm wide, which the view shows in full at the fit."""
    assert session.sides == ("",) * 4
    session.open(files.volume)
    assert session.sides == ("R", "L", "A", "P")
    assert session.width_mm == pytest.approx(96)
    session.zoom_by(4)
    assert session.width_mm == pytest.approx(24)
    session.resize(320, 160)
    assert session.width_mm == pytest.approx(48)
    session.zoom_by(0)
    (wide,) = session.pictures()
    columns = np.ptp(np.nonzero(wide.max(axis=(0, 2)))[0]) + 1
    assert session.width_mm / wide.shape[1] == pytest.approx(96 / columns, rel=0.02)


def test_views_larger_than_the_bound_keep_their_shape(session: Session, files) -> None:
    session.open(files.volume)
    session.resize(3840, 1920)
    (wide,) = session.pictures()
    assert wide.shape == (1024, 2048, 3)


def test_slices_and_zoom_change_both_views_together(session: Session, files) -> None:
    session.open(files.volume, files.volume_x2)
    middle = session.pictures()
    session.scroll(1)
    other = session.pictures()
    session.scroll(99)
    assert session.slice == session.slices - 1
    assert all(np.abs(a.astype(float) - b).mean() > TOLERANCE for a, b in zip(middle, other, strict=True))
    session.zoom_by(2)
    zoomed = session.pictures()
    assert np.corrcoef(zoomed[0].ravel(), zoomed[1].ravel())[0, 1] > ALIKE
    session.pan(40 / 160, 0)
    moved = session.pictures()[0]
    assert np.abs(moved[:, 40:].astype(float) - zoomed[0][:, :-40]).mean() < TOLERANCE


def test_window_and_level_are_equal_in_both_views(session: Session, files) -> None:
    session.open(files.volume, files.volume_x2)
    before = session.pictures()
    session.adjust(0.0, 0.25)
    after = session.pictures()
    assert all(b.mean() > a.mean() + 10 for a, b in zip(before, after, strict=True))


def test_phases_of_a_cine_and_its_enlargement_go_together(session: Session, files) -> None:
    session.open(files.cine, files.cine_x2)
    assert (session.phases, session.times_ms) == (4, [0.0, 40.0, 80.0, 120.0])
    assert session.frames_per_second == pytest.approx(25)
    first = session.pictures()
    session.phase = 2
    third = session.pictures()
    assert all(np.abs(a.astype(float) - b).mean() > TOLERANCE for a, b in zip(first, third, strict=True))
    assert np.corrcoef(third[0].ravel(), third[1].ravel())[0, 1] > ALIKE


def test_a_stack_of_a_dicom_folder_is_shown_as_a_cine(session: Session, tmp_path: Path) -> None:
    session.open(write_cine(tmp_path / "in"), series="1")
    assert (session.slices, session.phases) == (3, 4)
    assert session.pictures()[0].std() > TOLERANCE


def test_a_cine_keeps_one_window_for_all_phases(session: Session, files, tmp_path: Path) -> None:
    sequence = new_sequence("fading", "TriggerTime", "ms")
    voxels = slicer.util.arrayFromVolume(read_volume(files.volume))
    for n in range(3):
        add_item(sequence, voxels // (n + 1), np.diag([1.5, 1.5, 8, 1]), str(n))
    write_sequence(current_scene().AddNode(sequence), tmp_path / "fading.seq.nrrd")
    session.open(tmp_path / "fading.seq.nrrd")
    bright = session.pictures()[0]
    session.phase = 2
    dark = session.pictures()[0]
    assert dark.mean() == pytest.approx(bright.mean() / 3, rel=0.1)


def test_a_difference_is_clear_where_there_is_none_and_coloured_where_there_is(
    session: Session, files, tmp_path: Path
) -> None:
    session.open(files.volume, files.volume)
    plain = session.pictures()[1]
    session.overlay = "difference"
    np.testing.assert_array_equal(session.pictures()[1], plain)
    session.open(files.volume, files.cine)  # whose third phase has moved
    session.phase, session.overlay = 2, "difference"
    red, _, blue = np.moveaxis(session.pictures()[1].astype(float), -1, 0)
    assert (red - blue).max() > 100
    assert (blue - red).max() > 100
    assert np.ptp(session.pictures()[0], axis=-1).max() == 0


def test_an_uncertainty_map_is_laid_over_the_result_alone(session: Session, files) -> None:
    session.open(files.volume, files.volume_x2, files.uncertainty)
    session.toggle_overlay("uncertainty")
    original, result = session.pictures()
    assert np.ptp(original, axis=-1).max() == 0
    assert np.ptp(result, axis=-1).max() > 100
    session.toggle_overlay("uncertainty")
    assert np.ptp(session.pictures()[1], axis=-1).max() == 0


def test_an_overlay_that_there_is_not_stays_off(session: Session, files) -> None:
    session.open(files.volume, files.volume_x2)
    session.toggle_overlay("uncertainty")
    assert session.overlay == "none"


def test_upscaling_a_volume_makes_the_second_image_and_lets_the_views_go_on(session: Session, files) -> None:
    session.open(files.volume)
    done: list[int] = []
    begun, drawn = threading.Event(), threading.Event()

    def progress(count: int, total: int) -> None:
        done.append(count)
        begun.set()
        assert total == session.slices
        assert drawn.wait(30)

    work = threading.Thread(target=session.upscale, args=(Upscaling(method="bicubic"), progress))
    work.start()
    assert begun.wait(60)
    assert len(session.pictures()) == 1  # drawn while the worker is in the middle of it
    drawn.set()
    work.join(60)
    assert (done[-1], session.has_result) == (session.slices, True)
    assert session.labels[1] == "bicubic x2  0.75 mm"
    assert len(session.pictures()) == 2


def test_upscaling_a_cine_and_saving_it(session: Session, files, tmp_path: Path) -> None:
    session.open(files.cine)
    session.upscale(Upscaling(3, "bicubic"))
    session.phase = 3
    assert len(session.pictures()) == 2
    path = session.save_result(tmp_path)
    facts = facts_of(path)
    assert re.fullmatch(r"cine(_\d+)?_bicubic_x3\.seq\.nrrd", path.name)
    assert (facts.phases, facts.size) == (4, (192, 192, 3))


def test_a_cancel_leaves_what_was_there(session: Session, files) -> None:
    session.open(files.volume, files.volume_x2)
    nodes = scene_nodes()
    with pytest.raises(Cancelled):
        session.upscale(Upscaling(4, "bicubic"), progress=lambda *_: session.cancel())
    assert session.labels[1] == "bicubic x2  0.75 mm"
    assert scene_nodes() == nodes
    session.upscale(Upscaling(4, "bicubic"))
    assert session.labels[1] == "bicubic x4  0.38 mm"


def test_nothing_else_begins_while_an_upscaling_is_under_way(session: Session, files) -> None:
    session.open(files.volume)
    refused: list[str] = []

    def progress(*_: int) -> None:
        for act in (session.upscale, lambda: session.open(files.volume)):
            with pytest.raises(RuntimeError) as error:
                act()
            refused.append(str(error.value))

    session.upscale(Upscaling(2, "bicubic"), progress=progress)
    assert refused
    assert all("under way" in reason for reason in refused)


def test_what_cannot_be_opened_leaves_what_was_there(session: Session, files, tmp_path: Path) -> None:
    session.open(files.cine, files.cine_x2)
    nodes, labels = scene_nodes(), session.labels
    (tmp_path / "broken.nrrd").write_bytes(files.volume.read_bytes()[:900])
    for path in (tmp_path / "broken.nrrd", tmp_path / "none.nrrd"):
        with pytest.raises(InputError):
            session.open(files.volume, path)
    assert session.labels == labels
    assert scene_nodes() == nodes


def test_images_that_do_not_belong_together_are_refused(session: Session, files, tmp_path: Path) -> None:
    far = read_volume(files.volume)
    far.SetOrigin(5000, 0, 0)
    write_volume(far, tmp_path / "far.nrrd")
    with pytest.raises(VolumeError, match="share no region"):
        session.open(files.volume, tmp_path / "far.nrrd")
    sequence = new_sequence("short", "TriggerTime", "ms")
    for n in range(2):
        add_item(sequence, slicer.util.arrayFromVolume(far), np.diag([-1.5, -1.5, 8, 1]), str(n))
    write_sequence(current_scene().AddNode(sequence), tmp_path / "short.seq.nrrd")
    with pytest.raises(VolumeError, match=r"has 4 phases and short\w* has 2"):
        session.open(files.cine, tmp_path / "short.seq.nrrd")


def test_a_closed_session_leaves_the_scene_as_it_was(scene: slicer.vtkMRMLScene, files) -> None:
    before = scene_nodes()
    session = Session()
    session.open(files.cine, files.cine_x2, files.uncertainty)
    session.overlay = "difference"
    session.pictures()
    session.upscale(Upscaling(2, "bicubic"))
    session.pictures()
    session.open(files.volume)
    session.close()
    assert scene_nodes() == before


def test_an_image_moves_as_far_as_the_pointer_where_a_view_has_more_pixels_than_the_page(
    session: Session, files
) -> None:
    session.open(files.volume)
    session.zoom_by(2)
    before = session.pictures()[0]
    mouse, place = Mouse(session, lambda: None), {"x": 0, "y": 0, "w": 80, "h": 80, "shiftKey": 1}
    mouse.event({"type": "LeftButtonPress", **place})
    mouse.event({"type": "MouseMove", **place, "x": 20})
    moved = session.pictures()[0]
    assert np.abs(moved[:, 40:].astype(float) - before[:, :-40]).mean() < TOLERANCE


def test_the_mouse_scrolls_windows_moves_and_zooms(session: Session, files) -> None:
    session.open(files.volume)
    session.pictures()
    changes: list[int] = []
    mouse = Mouse(session, lambda: changes.append(1))
    place = {"x": 100, "y": 100, "w": 200, "h": 200}
    window, level = session.window, session.level
    mouse.event({"type": "MouseMove", **place})
    assert not changes
    mouse.event({"type": "MouseWheel", **place, "spinY": -1})
    assert session.slice == 2
    mouse.event({"type": "MouseWheel", **place, "spinY": -1, "ctrlKey": 1})
    assert session.zoom > 1
    for button, shift in (("Left", 0), ("Left", 1), ("Middle", 0)):
        mouse.event({"type": f"{button}ButtonPress", **place, "shiftKey": shift})
        mouse.event({"type": "MouseMove", **place, "x": 110, "y": 120, "shiftKey": shift})
        mouse.event({"type": f"{button}ButtonRelease", **place})
    assert session.window == pytest.approx(1.1 * window)
    assert session.level == pytest.approx(level - 0.2 * window)
    assert session.centre[0] < 0
    assert session.centre[1] < 0
    assert len(changes) == 5
