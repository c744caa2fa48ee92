"""Draw the pictures of README and tutorial from real runs.

    cd Testing && QT_QPA_PLATFORM=offscreen python -m desktop.pictures panel ../Resources/panel.png
    cd Testing && python -m desktop.pictures cine DATA/cmr/cine_dicom/Se2 ../Resources/tutorial.png
    cd Testing && python -m desktop.pictures cine DATA/cmr/cine_dicom/Se4 ../Resources/comparison.png

``panel`` is the real form in Qt's own style, with no Slicer around it; ``cine`` is a cine's first phase before and
after, smooth, as the linked views show it. Nothing of these cines was used in training.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from PIL import Image

from DURNSuperResLib.panel.sample_data import load_phantom
from DURNSuperResLib.scene.cine import load_cine
from DURNSuperResLib.scene.dicom.stacks import choose_stack, contents_of
from DURNSuperResLib.scene.sequences import shown_by_proxy, upscale_sequence
from DURNSuperResLib.scene.views import compare_picture


def draw_panel(path: str) -> None:
    """Load the phantom, apply, compare side by side, and draw the panel."""
    from desktop.standin import Desktop

    load_phantom()
    with pytest.MonkeyPatch.context() as patch:
        desktop = Desktop(patch)
        panel = desktop.panel()
        panel.ui.applyButton.click()
        panel.ui.sideBySideButton.click()
        window = panel.parent.widget._target
        window.show()
        desktop.app.processEvents()
        window.resize(400, window.minimumSizeHint().height() + 20)
        desktop.app.processEvents()
        window.grab().save(path)
        panel.cleanup()
        desktop.close()


def draw_cine(folder: str, path: str) -> None:
    """Upscale a cine of a DICOM folder and draw its first phase beside the result."""
    before = load_cine(choose_stack(contents_of(Path(folder))))
    nodes = [shown_by_proxy(sequence) for sequence in (before, upscale_sequence(before, 2))]
    compare_picture(
        nodes, Path(path), zoom=3, size=400, interpolate=True, labels=["Original", "DURN x2"], overwrite=True
    )
    Image.open(path).convert("L").save(path, optimize=True)  # grey, two thirds of the size


if __name__ == "__main__":
    {"panel": draw_panel, "cine": draw_cine}[sys.argv[1]](*sys.argv[2:])
