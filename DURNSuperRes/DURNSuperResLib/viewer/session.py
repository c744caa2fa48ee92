"""What the viewer shows and does, without a browser: images, slice, phase, window and level, overlays, upscaling.

All access to the scene is by one thread at a time: each public method holds the session's lock, and an upscaling gives
it back while the worker computes, so that the views go on meanwhile.
"""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import slicer
from numpy.typing import NDArray

from ..core.engine import Enlarged
from ..core.monitor import Cancelled, Monitor, Progress
from ..core.told import rounded, warnings_kept
from ..core.upscaling import Upscaling
from ..scene.overlays import coloured, difference_colours, saturation, uncertainty_colours
from ..scene.sequences import enlarge_sequence
from ..scene.uncertainty import uncertainty_of
from ..scene.views import LinkedViews
from ..scene.volumes import enlarge_volume
from ..worker import Worker
from .images import Image, check_fit, read_image
from .looks import Look

OVERLAYS = ("none", "difference", "uncertainty")
ZOOMS = (1.0, 16.0)
DIFFERENCE_SHARE = 0.2  # of the window, at which the difference's colours are full
SMALLEST, LARGEST = 32, 2048  # edge of a view in pixels
FRAMES_PER_SECOND = (2.0, 30.0)
UNTIMED_FRAMES_PER_SECOND = 15.0

Method = TypeVar("Method", bound=Callable[..., Any])


def _locked(method: Method) -> Method:
    @functools.wraps(method)
    def hold(self: Session, *args: Any, **kwargs: Any) -> Any:
        with self._lock:
            return method(self, *args, **kwargs)

    return hold  # type: ignore[return-value]


class Session:
    """Two images, or one, in linked views.

    Args:
        slice_axis: across the slices: ``auto``, ``i``, ``j`` or ``k``.
    """

    def __init__(self, slice_axis: str = "auto") -> None:
        self._lock = threading.Lock()
        self._worker = Worker(lambda: None)
        self._stop = threading.Event()
        self._upscaling = False
        self._slice_axis = slice_axis
        self._images: list[Image] = []
        self._uncertainty: Image | None = None
        self._uncertainty_limit = 1.0
        self._views: LinkedViews | None = None
        self._size = (640, 640)
        self._drawing = 0
        self._fit_step = 1.0  # mm a pixel at the fit
        self.sides = ("", "", "", "")  # of the patient: left, right, on top and at the bottom of the views
        self.slice = self.phase = 0
        self.window, self.level = 1.0, 0.5
        self.zoom, self.centre = 1.0, (0.0, 0.0)
        self.overlay, self.overlay_opacity = OVERLAYS[0], 0.8

    @_locked
    def open(
        self,
        a: Path,
        b: Path | None = None,
        uncertainty: Path | None = None,
        *,
        series: str | None = None,
        order: str = "auto",
    ) -> None:
        """Show an original, and beside it an upscaled image and its uncertainty if there are any.

        What was on show is closed, and stays if something cannot be read.

        Raises:
            InputError, DicomError, VolumeError: as :func:`~.images.read_image`; images that share no region, or cines
                of different numbers of phases.
            RuntimeError: an upscaling is under way.
        """
        if self._upscaling:
            raise RuntimeError("an upscaling is under way; wait for it or cancel it")
        read: list[Image] = []
        try:
            for path in (a, b, uncertainty):
                if path is not None:
                    read.append(read_image(path, series if path is a else None, order))
                    check_fit(read[0], read[-1])
        except Exception:
            for image in reversed(read):
                image.remove()
            raise
        self._clear()
        self._take_uncertainty(read.pop() if uncertainty is not None else None)
        self._images = read
        self.phase, self.zoom, self.centre, self.overlay = 0, 1.0, (0.0, 0.0), OVERLAYS[0]
        self._show_images()
        self.slice = self.slices // 2
        self.window, self.level = self.automatic_window()

    @property
    def name(self) -> str:
        """What the original is called."""
        return str(self._images[0].source.GetName()) if self._images else ""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know of the images: what was left out, and what is outside the model's domain."""
        return tuple(note for image in self._images for note in image.notes)

    @property
    def has_result(self) -> bool:
        """Whether there is a second image."""
        return len(self._images) > 1

    @property
    def has_uncertainty(self) -> bool:
        """Whether there is an uncertainty map of the second image."""
        return self._uncertainty is not None and self.has_result

    @property
    def slices(self) -> int:
        """How many slices the original has."""
        views = self._views
        return 1 if views is None else views.slices

    @property
    def phases(self) -> int:
        """How many phases there are; 1 of volumes."""
        return max((image.phases for image in self._images), default=1)

    @property
    def times_ms(self) -> list[float] | None:
        """When the phases are, in ms; None where that is not known."""
        return next((times for image in self._images if (times := image.times_ms)), None)

    @property
    def frames_per_second(self) -> float:
        """Phases a second at which a cine plays as fast as the heart beat, within what a screen can show."""
        times = self.times_ms
        if not times or len(times) < 2 or times[-1] <= times[0]:
            return UNTIMED_FRAMES_PER_SECOND
        return float(np.clip(1e3 * (len(times) - 1) / (times[-1] - times[0]), *FRAMES_PER_SECOND))

    @property
    def intensities(self) -> tuple[float, float]:
        """Smallest and largest voxel of the original's phase."""
        voxels = self._images[0].voxels(self.phase)
        return float(voxels.min()), float(voxels.max())

    @property
    def difference_limit(self) -> float:
        """The difference at which its colours are full."""
        return self.window * DIFFERENCE_SHARE

    @property
    def uncertainty_limit(self) -> float:
        """The uncertainty at which its colours are full."""
        return self._uncertainty_limit

    def automatic_window(self) -> tuple[float, float]:
        """Window and level that show the original from its darkest to its bright parts, single bright voxels aside."""
        low, high = map(float, np.percentile(self._images[0].voxels(self.phase), (0.5, 99.5)))
        return max(high - low, 1e-6), (low + high) / 2

    @property
    def labels(self) -> list[str]:
        """What to write on the views: what each image is, and the spacing in its slices."""
        return [image.label(original=first) for image, first in zip(self._images, (True, False), strict=False)]

    @property
    def width_mm(self) -> float:
        """What the views show from left to right."""
        return self._size[0] * self._fit_step / self.zoom

    @_locked
    def resize(self, width: int, height: int) -> None:
        """Give each view ``width`` x ``height`` pixels, or within bounds as many as have that shape."""
        share = min(1.0, LARGEST / max(width, height, 1))
        size = max(round(share * width), SMALLEST), max(round(share * height), SMALLEST)
        if size != self._size:
            self._size = size
            self._fit()

    @_locked
    def set_smooth(self, smooth: bool) -> None:
        """Interpolate between voxels, or show them as they are."""
        if self._views is not None:
            self._views.set_smooth(smooth)
            self._drawing += 1

    def scroll(self, steps: int) -> None:
        """Go some slices on, as far as there are any."""
        if self._views is not None:
            self.slice = int(np.clip(self.slice + steps, 0, self.slices - 1))

    def zoom_by(self, factor: float) -> None:
        """Magnify, within bounds; at the fit the image is in the middle again."""
        self.zoom = float(np.clip(self.zoom * factor, *ZOOMS))
        if math.isclose(self.zoom, ZOOMS[0]):
            self.centre = (0.0, 0.0)

    def pan(self, right: float, up: float) -> None:
        """Move the images by shares of the views' width and height."""
        if self._views is not None:
            columns, rows = self._size
            step = self._fit_step / self.zoom
            self.centre = (self.centre[0] - right * columns * step, self.centre[1] - up * rows * step)

    def adjust(self, wider: float, brighter: float) -> None:
        """Change window and level by shares of the window."""
        self.level -= brighter * self.window
        self.window = max(self.window * (1 + wider), 1e-6)

    def toggle_overlay(self, overlay: str) -> None:
        """Lay an overlay on or take it off; one that there is not stays off."""
        if overlay == self.overlay or (overlay == "uncertainty" and not self.has_uncertainty):
            self.overlay = OVERLAYS[0]
        else:
            self.overlay = overlay

    def look(self) -> Look:
        """What the views are to show now."""
        how = self.window, self.level, self.zoom, self.centre, self.overlay
        return Look(self._drawing, self.slice, self.phase, *how)

    @_locked
    def pictures(self, look: Look | None = None) -> list[NDArray[np.uint8]]:
        """What each view shows, ``(rows, columns, 3)``, in a look, or as it is now; empty without an image."""
        if self._views is None:
            return []
        look = look or self.look()
        self._bring_views_to(self._views, look)
        pictures = self._views.images()
        return [*pictures[:1], *(self._painted(picture, look) for picture in pictures[1:])]

    def _bring_views_to(self, views: LinkedViews, look: Look) -> None:
        for image in self._all:
            image.show_phase(min(look.phase, image.phases - 1))
        views.resize(*self._size)
        views.set_window_level(look.window, look.level)
        views.show(slice_index=min(look.slice, views.slices - 1), zoom=look.zoom, centre=look.centre)

    @_locked
    def value_at(self, right: float, down: float) -> str:
        """What the second image, or the only one, has at a place of its view, with its error bar: ``412 ± 23``.

        Args:
            right, down: of the view's width and height, 0 to 1.
        """
        if self._views is None:
            return ""
        self._bring_views_to(self._views, self.look())  # they may have drawn ahead
        last = len(self._images) - 1
        image = self._images[last].volume
        columns, rows = self._size
        row, column = (int(np.clip(share * size, 0, size - 1)) for share, size in ((down, rows), (right, columns)))
        value = self._views.sampled(last, image)[row, column]
        if self._uncertainty is None or not last:
            return f"{value:.4g}"
        return f"{value:.4g} ± {rounded(self._views.sampled(last, self._uncertainty.volume)[row, column])}"

    @_locked
    def upscale(self, how: Upscaling | None = None, progress: Progress | None = None) -> None:
        """Upscale the original; the result becomes the second image. Call it on a thread that may wait.

        Args:
            how: the options; the axis across the slices is the session's.
            progress: as of :class:`~..core.monitor.Monitor`, called from the worker's thread.

        Raises:
            VolumeError, ModelError, DeviceError: as :func:`~..scene.volumes.enlarge_volume`.
            Cancelled: :meth:`cancel` was called.
            RuntimeError: another upscaling is under way, or there is no original.
        """
        if not self._images or self._upscaling:
            raise RuntimeError("there is nothing to upscale" if not self._images else "an upscaling is under way")
        self._stop.clear()
        self._upscaling = True
        try:
            with warnings_kept() as warnings:
                result = Image.of(self._enlarged(replace(how or Upscaling(), slice_axis=self._slice_axis), progress))
            result.notes = tuple(warnings)
        finally:
            self._upscaling = False
        self._close_views()
        for image in self._all[1:]:
            image.remove()
        self._images = [self._images[0], result]
        half_widths = uncertainty_of(result.source)
        self._take_uncertainty(None if half_widths is None else Image.of(half_widths))
        self._show_images()

    def _enlarged(self, how: Upscaling, progress: Progress | None) -> slicer.vtkMRMLNode:
        original, monitor = self._images[0], Monitor(progress, self._stop.is_set)
        if original.sequence is None:
            return enlarge_volume(original.source, None, how, monitor, self._unlocked)
        return enlarge_sequence(original.source, how, monitor, self._unlocked)

    def cancel(self) -> None:
        """Stop an upscaling soon; harmless if there is none."""
        self._stop.set()

    @_locked
    def save_result(self, folder: Path) -> Path:
        """Write the second image into a folder; returns the file.

        Raises:
            RuntimeError: there is none.
            OutputError: a write that failed.
        """
        if not self.has_result:
            raise RuntimeError("there is no result to save")
        return self._images[1].save(folder, self._images[1].source.GetName().replace(" ", "_").replace("/", "_"))

    def close(self) -> None:
        """Cancel what is under way and take everything out of the scene."""
        self.cancel()
        self._worker.close()
        with self._lock:
            self._clear()

    @property
    def _all(self) -> list[Image]:
        """The images and the uncertainty map."""
        return self._images + ([] if self._uncertainty is None else [self._uncertainty])

    def _take_uncertainty(self, image: Image | None) -> None:
        self._uncertainty = image
        if image is not None:
            self._uncertainty_limit = saturation(slicer.util.arrayFromVolume(image.volume))

    def _unlocked(self, compute: Callable[[], Enlarged]) -> Enlarged:
        """Compute on the worker while other threads may use the scene."""
        self._lock.release()
        try:
            enlarged = self._worker.run(compute)
        finally:
            self._lock.acquire()
        if self._stop.is_set():
            raise Cancelled("cancelled")
        return enlarged

    def _show_images(self) -> None:
        nodes = [image.volume for image in self._images]
        self._views = LinkedViews(nodes, slice_axis=self._slice_axis)
        self.sides = self._views.sides
        self._fit()

    def _fit(self) -> None:
        if self._views is not None:
            self._views.resize(*self._size)
            self._fit_step = self._views.fit()
        self._drawing += 1

    def _painted(self, picture: NDArray[np.uint8], look: Look) -> NDArray[np.uint8]:
        """The second view's picture under the overlay."""
        assert self._views is not None
        if look.overlay == "difference":
            a, b = (self._views.sampled(1, image.volume).astype(np.float32) for image in self._images)
            limit = look.window * DIFFERENCE_SHARE
            return coloured(picture, b - a, difference_colours(), (-limit, limit), self.overlay_opacity)
        if look.overlay == "uncertainty" and self._uncertainty is not None:
            values = self._views.sampled(1, self._uncertainty.volume)
            limits = (0.0, self._uncertainty_limit)
            return coloured(picture, values, uncertainty_colours(), limits, self.overlay_opacity)
        return picture

    def _close_views(self) -> None:
        if self._views is not None:
            self._views.close()
        self._views = None

    def _clear(self) -> None:
        self._close_views()
        for image in reversed(self._all):
            image.remove()
        self._images, self._uncertainty = [], None
