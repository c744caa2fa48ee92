"""Draw the panel into a PNG, as the README shows it: the real form, Qt's own style, no Slicer around it.

cd Testing && QT_QPA_PLATFORM=offscreen python -m desktop.pictures ../Resources/panel.png
"""

from __future__ import annotations

import sys

import pytest
import slicer

from desktop.standin import Desktop
from DURNSuperResLib.core.phantom import short_axis_phantom
from DURNSuperResLib.scene.app import current_scene


def main(path: str) -> None:
    """Load a phantom, apply, compare side by side, and draw the panel."""
    phantom = short_axis_phantom(2, slices=6, size=256)
    node = current_scene().AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Short axis")
    slicer.util.updateVolumeFromArray(node, phantom.acquired)
    node.SetSpacing(phantom.spacing_mm, phantom.spacing_mm, 8.0)
    node.CreateDefaultDisplayNodes()
    with pytest.MonkeyPatch.context() as patch:
        desktop = Desktop(patch)
        panel = desktop.panel()
        panel.ui.applyButton.click()
        panel.ui.sideBySideButton.click()
        window = panel.parent.widget._target
        window.resize(400, 470)
        window.show()
        desktop.app.processEvents()
        window.grab().save(path)
        panel.cleanup()
        desktop.close()


if __name__ == "__main__":
    main(sys.argv[1])
