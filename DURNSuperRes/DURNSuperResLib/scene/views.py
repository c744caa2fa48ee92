"""Two volumes in two linked slice views with equal window and level, and their picture.

The views are Slicer's own slice logics; their images are composed in memory, so no display, window or OpenGL is needed.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from ..core.options import METHOD_LABELS
from .app import application_logic
from .nodes import VolumeError, axis_across, ijk_to_ras_of
from .provenance import ATTRIBUTE_PREFIX
from .storage import OutputError, check_output, written_aside

VIEW_GROUP = 5201
MARGIN = 10
LABEL_POINTS = 15
LEAST_SHARE = math.sin(math.radians(10))


class LinkedViews:
    """One slice view for each of some volumes: same plane, field of view, offset, window and level.

    Args:
        nodes: the volumes; the first one decides plane, field of view, window and level.
        size: edge of each view in pixels; :meth:`resize` changes it.
        slice_axis: across the first volume's slices: ``auto``, ``i``, ``j`` or ``k``.
        interpolate: smooth the display; off shows the voxels as they are.
    """

    def __init__(
        self,
        nodes: list[slicer.vtkMRMLScalarVolumeNode],
        *,
        size: int = 640,
        slice_axis: str = "auto",
        interpolate: bool = False,
    ) -> None:
        self._nodes = nodes
        self._ijk_to_ras = ijk_to_ras_of(nodes[0])
        self._axis = axis_across(nodes[0], slice_axis)
        self._logics = [self._view(index, node, size) for index, node in enumerate(nodes)]
        lead = nodes[0].GetDisplayNode()
        self.set_window_level(lead.GetWindow(), lead.GetLevel())
        self.set_smooth(interpolate)

    @property
    def slices(self) -> int:
        """How many slices the first volume has."""
        return int(self._nodes[0].GetImageData().GetDimensions()[self._axis])

    def show(
        self, *, slice_index: int | None = None, zoom: float = 1.0, centre: tuple[float, float] = (0.0, 0.0)
    ) -> None:
        """Bring all views to a slice of the first volume (its middle one by default) at ``zoom`` times the fit.

        Args:
            slice_index: of the first volume, from 0.
            zoom: magnification over the fit.
            centre: what of the slice is in the middle, in mm to the right and up from its own middle.

        Raises:
            VolumeError: a slice that the first volume does not have.
        """
        self.fit()
        count = self.slices
        index = count // 2 if slice_index is None else slice_index
        if not 0 <= index < count:
            raise VolumeError(f"slice {index} is not among the slices 0 to {count - 1} of {self._nodes[0].GetName()}")
        view = self._logics[0].GetSliceNode()
        view.SetSliceOffset(self._offset(index))
        width, height, depth = view.GetFieldOfView()
        view.SetFieldOfView(width / zoom, height / zoom, depth)
        view.SetXYZOrigin(*centre, 0.0)
        for logic in self._logics[1:]:
            follow(view, logic.GetSliceNode())

    def images(self) -> list[NDArray[np.uint8]]:
        """What each view shows, ``(rows, columns, 3)``, first row on top."""
        return [self._image(logic) for logic in self._logics]

    def resize(self, width: int, height: int) -> None:
        """Give each view ``width`` x ``height`` pixels; the next :meth:`show` fits the volumes to it."""
        for logic in self._logics:
            logic.GetSliceNode().SetDimensions(width, height, 1)

    def set_window_level(self, window: float, level: float) -> None:
        """One window and level for all volumes."""
        for node in self._nodes:
            node.GetDisplayNode().SetAutoWindowLevel(False)
            node.GetDisplayNode().SetWindowLevel(window, level)

    def set_smooth(self, smooth: bool) -> None:
        """Interpolate between voxels, or show them as they are."""
        for node in self._nodes:
            node.GetDisplayNode().SetInterpolate(smooth)

    def sampled(self, view: int, node: slicer.vtkMRMLScalarVolumeNode) -> NDArray:
        """Values ``(rows, columns)`` of any volume at the pixels of a view as last shown, interpolated cubically.

        They are 0 where the volume does not reach.
        """
        logic = self._logics[view]
        layers = logic.GetSliceCompositeNode()
        layers.SetLinkedControl(False)  # or the volume would go to the other views, too
        layers.SetForegroundOpacity(0.0)
        layers.SetForegroundVolumeID(node.GetID())
        reslice = logic.GetForegroundLayer().GetReslice()
        reslice.SetInterpolationModeToCubic()
        reslice.Update()
        columns, rows, _ = reslice.GetOutput().GetDimensions()
        values = vtk_to_numpy(reslice.GetOutput().GetPointData().GetScalars()).reshape(rows, columns)[::-1].copy()
        layers.SetForegroundVolumeID(None)
        return values

    def fit(self) -> float:
        """Fit the first volume into the views; returns the size in mm of one of their pixels."""
        lead = self._logics[0]
        lead.FitSliceToBackground()
        return lead.GetSliceNode().GetFieldOfView()[0] / lead.GetSliceNode().GetDimensions()[0]

    @property
    def sides(self) -> tuple[str, str, str, str]:
        """Which sides of the patient are left, right, on top and at the bottom of the views, as :func:`side_of`."""
        to_ras = slicer.util.arrayFromVTKMatrix(self._logics[0].GetSliceNode().GetSliceToRAS())
        right, up = to_ras[:3, 0], to_ras[:3, 1]
        return side_of(-right), side_of(right), side_of(up), side_of(-up)

    def close(self) -> None:
        """Remove the views' nodes from the scene."""
        for logic in self._logics:
            scene, model = logic.GetMRMLScene(), logic.GetSliceModelNode()
            nodes = [logic.GetSliceCompositeNode(), logic.GetSliceNode(), logic.GetSliceModelTransformNode()]
            nodes += [model.GetDisplayNode(), model] if model is not None else []
            logic.SetMRMLScene(None)  # first, or the logic makes its model anew
            for node in nodes:
                if node is not None:
                    scene.RemoveNode(node)

    def _view(self, index: int, node: slicer.vtkMRMLScalarVolumeNode, size: int) -> slicer.vtkMRMLSliceLogic:
        logic = slicer.vtkMRMLSliceLogic()
        logic.SetMRMLApplicationLogic(application_logic())
        logic.SetMRMLScene(node.GetScene())
        logic.AddSliceNode(f"DURNCompare{index}")
        view, layers = logic.GetSliceNode(), logic.GetSliceCompositeNode()
        view.SetDimensions(size, size, 1)
        view.SetViewGroup(VIEW_GROUP)
        layers.SetLinkedControl(True)
        layers.SetBackgroundVolumeID(node.GetID())
        face_slices(view, self._nodes[0], self._axis)
        return logic

    def _offset(self, index: int) -> float:
        """Position of a slice of the first volume along the views' normal."""
        ijk = np.append(np.array(self._nodes[0].GetImageData().GetDimensions()) / 2 - 0.5, 1.0)
        ijk[self._axis] = index
        plane = self._logics[0].GetSliceNode().GetSliceToRAS()
        return sum(plane.GetElement(row, 2) * ras for row, ras in enumerate((self._ijk_to_ras @ ijk)[:3]))

    @staticmethod
    def _image(logic: slicer.vtkMRMLSliceLogic) -> NDArray[np.uint8]:
        logic.UpdatePipeline()
        connection = logic.GetImageDataConnection()
        if connection is None:
            raise VolumeError("a view has nothing to show")
        connection.GetProducer().Update()
        return _pixels(connection.GetProducer().GetOutputDataObject(connection.GetIndex()))


def compare_picture(
    nodes: list[slicer.vtkMRMLScalarVolumeNode],
    path: Path,
    *,
    labels: list[str] | None = None,
    slice_index: int | None = None,
    slice_axis: str = "auto",
    zoom: float = 1.0,
    size: int = 640,
    interpolate: bool = False,
    overwrite: bool = False,
) -> None:
    """Write a PNG of volumes side by side in linked views, a label on each.

    Args:
        nodes: the volumes, in one scene.
        path: ends in ``.png``.
        labels: one a volume; name, spacing and method by default.
        slice_index: of the first volume; its middle slice by default.
        slice_axis: across the first volume's slices: ``auto``, ``i``, ``j`` or ``k``.
        zoom: magnification over the fit of the first volume's plane.
        size: edge of each view in pixels.
        interpolate: smooth the display; off shows the voxels as they are.
        overwrite: replace a picture that exists.

    Raises:
        OutputError: as :func:`~.storage.check_output`.
        VolumeError: volumes that share no region, or a slice that is not there.
    """
    check_output(path, overwrite, (".png",))
    for node in nodes[1:]:
        check_overlap(nodes[0], node)
    views = LinkedViews(nodes, size=size, slice_axis=slice_axis, interpolate=interpolate)
    try:
        views.show(slice_index=slice_index, zoom=zoom)
        images = views.images()
    finally:
        views.close()
    labelled = [_labelled(image, text) for image, text in zip(images, labels or map(describe, nodes), strict=True)]
    gap = np.full((labelled[0].shape[0], 4, 3), 70, dtype=np.uint8)
    _write_png(np.hstack([part for image in labelled for part in (image, gap)][:-1]), path, overwrite)


def face_slices(view: slicer.vtkMRMLSliceNode, volume: slicer.vtkMRMLScalarVolumeNode, axis: int | None = None) -> None:
    """Turn a view to a volume's slices, however oblique, where a rotation to the nearest anatomical plane can miss.

    A linear parent transform turns them along; any other bends them, and the volume's own axes count.
    """
    ijk_to_world = _linear_to_world(volume) @ ijk_to_ras_of(volume)
    across = axis_across(volume) if axis is None else axis
    for column, direction in enumerate(screen_axes(ijk_to_world, across)):
        for row in range(3):
            view.GetSliceToRAS().SetElement(row, column, direction[row])
    view.UpdateMatrices()


def follow(lead: slicer.vtkMRMLSliceNode, view: slicer.vtkMRMLSliceNode) -> None:
    """Give ``view`` the plane, offset and field of view of ``lead``."""
    view.GetSliceToRAS().DeepCopy(lead.GetSliceToRAS())
    view.UpdateMatrices()
    view.SetFieldOfView(*lead.GetFieldOfView())
    view.SetXYZOrigin(*lead.GetXYZOrigin())


def screen_axes(ijk_to_ras: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Unit directions in RAS, a row each, to the right of the screen, up, and towards the viewer.

    They lie along the volume's own axes. Of the ways to hang the slices the one nearest to the DICOM habit is taken:
    left or posterior to the right of the screen, superior or anterior up.
    """
    directions = ijk_to_ras[:3, :3] / np.linalg.norm(ijk_to_ras[:3, :3], axis=0)
    p, q = (directions[:, a] for a in range(3) if a != axis)
    to_the_right, up = np.array([-1.0, -1.0, 0.0]), np.array([0.0, 1.0, 1.0])
    hangings = [(s * x, t * y) for x, y in ((p, q), (q, p)) for s in (1, -1) for t in (1, -1)]
    x, y = max(hangings, key=lambda xy: xy[0] @ to_the_right + xy[1] @ up)
    return np.stack([x, y, np.cross(x, y)])


def side_of(direction: NDArray[np.float64]) -> str:
    """The side of the patient that a unit direction in RAS points to, in DICOM's letters, the chief one first: ``LP``
    is left and somewhat posterior. What it points to by less than 10 degrees is not named.
    """
    chief_first = sorted(range(3), key=lambda axis: -abs(direction[axis]))
    named = (axis for axis in chief_first if abs(direction[axis]) >= LEAST_SHARE)
    return "".join("RAS"[axis] if direction[axis] > 0 else "LPI"[axis] for axis in named)


def describe(node: slicer.vtkMRMLScalarVolumeNode) -> str:
    """A volume's label: its name or its method and scale, and the spacing in its slices in mm."""
    spacing = sorted(node.GetSpacing())[0]
    method, scale = (node.GetAttribute(ATTRIBUTE_PREFIX + key) for key in ("Method", "Scale"))
    name = f"{METHOD_LABELS[method]} x{scale}" if method else node.GetName()
    return f"{name}  {spacing:.2f} mm"


def check_overlap(a: slicer.vtkMRMLVolumeNode, b: slicer.vtkMRMLVolumeNode) -> None:
    """Raises VolumeError unless two volumes share a region of space."""
    bounds = np.zeros((2, 6))
    a.GetRASBounds(bounds[0])
    b.GetRASBounds(bounds[1])
    if np.any(bounds[:, ::2].max(axis=0) > bounds[:, 1::2].min(axis=0)):
        raise VolumeError(f"{a.GetName()} and {b.GetName()} share no region of space: they cannot be compared")


def _linear_to_world(volume: slicer.vtkMRMLVolumeNode) -> NDArray[np.float64]:
    """A volume's parent transform, 4 x 4; the identity where there is none or it is not linear."""
    matrix, parent = vtk.vtkMatrix4x4(), volume.GetParentTransformNode()
    if parent is not None and parent.IsTransformToWorldLinear():
        parent.GetMatrixTransformToWorld(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)


def _pixels(image: vtk.vtkImageData) -> NDArray[np.uint8]:
    columns, rows, _ = image.GetDimensions()
    values = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(rows, columns, -1)[::-1]
    picture = values[..., :3].copy()
    picture[values[..., 3] == 0] = 0  # black where there is no volume
    return picture


def _labelled(image: NDArray[np.uint8], text: str) -> NDArray[np.uint8]:
    """The image with ``text`` in its upper left corner, on a dark ground that keeps it readable."""
    style = vtk.vtkTextProperty()
    style.SetColor(1, 1, 1)
    style.SetFontSize(LABEL_POINTS)
    drawn, extent = vtk.vtkImageData(), [0, 0]
    vtk.vtkTextRenderer.GetInstance().RenderString(style, text, drawn, extent, 96)
    canvas = vtk_to_numpy(drawn.GetPointData().GetScalars()).reshape(*drawn.GetDimensions()[1::-1], 4)
    letters = canvas[: extent[1], : extent[0]][::-1][: image.shape[0] - MARGIN, : image.shape[1] - MARGIN]
    rows, columns = letters.shape[:2]
    alpha = letters[..., 3:] / 255
    result = image.copy()
    corner = result[MARGIN : MARGIN + rows, MARGIN : MARGIN + columns]
    corner[:] = (1 - alpha) * (0.35 * corner) + alpha * letters[..., :3]
    return result


def _write_png(image: NDArray[np.uint8], path: Path, overwrite: bool) -> None:
    data = vtk.vtkImageData()
    data.SetDimensions(image.shape[1], image.shape[0], 1)
    flipped = np.ascontiguousarray(image[::-1]).reshape(-1, 3)
    data.GetPointData().SetScalars(numpy_to_vtk(flipped, deep=True))
    with written_aside(path, overwrite=overwrite) as aside:
        writer = vtk.vtkPNGWriter()
        writer.SetFileName(str(aside))
        writer.SetInputData(data)
        writer.Write()
        if writer.GetErrorCode() or not aside.stat().st_size:
            raise OutputError(f"{path} could not be written in full; is the disk full?")
