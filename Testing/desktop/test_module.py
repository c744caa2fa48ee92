"""The module file and its logic in the stand-in desktop, over real nodes."""

from __future__ import annotations

import types
import unittest
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable

import numpy as np
import pytest
import slicer
from numpy.typing import NDArray

from desktop.standin import MODULE_FOLDER, Desktop
from DURNSuperResLib import Cancelled

SOURCE = MODULE_FOLDER / "DURNSuperRes.py"


@pytest.fixture
def module(desktop: Desktop) -> types.ModuleType:
    """The module file, imported into the stand-in desktop."""
    return desktop.module


@pytest.fixture(scope="module")
def form() -> ElementTree.Element:
    return ElementTree.parse(MODULE_FOLDER / "Resources" / "UI" / "DURNSuperRes.ui").getroot()


def test_the_logic_upscales_a_real_node(module, make_node: Callable, heart_slices: NDArray) -> None:
    node = make_node(heart_slices)
    steps: list[int] = []
    output = module.DURNSuperResLogic().process(
        node, scale=3, method="bicubic", keepType=True, progress=lambda done, _: steps.append(done)
    )
    assert slicer.util.arrayFromVolume(output).shape == (3, 192, 192)
    assert output.GetAttribute("DURNSuperRes.Scale") == "3"
    assert steps == [1, 2, 3]


def test_a_cancelled_logic_adds_nothing(module, make_node: Callable, heart_slices: NDArray) -> None:
    node, scene = make_node(heart_slices), slicer.mrmlScene
    before = scene.GetNumberOfNodes()
    with pytest.raises(Cancelled):
        module.DURNSuperResLogic().process(node, method="bicubic", cancelled=lambda: True)
    assert scene.GetNumberOfNodes() == before


def test_validation_gives_a_reason(module, make_node: Callable, heart_slices: NDArray) -> None:
    node, valid = make_node(heart_slices), module.DURNSuperResLogic.isValidInputOutputData
    assert valid(node, None) == (True, "")
    assert valid(None, None) == (False, "Choose an input volume.")
    assert not valid(slicer.vtkMRMLScalarVolumeNode(), None)[0]
    assert not valid(node, node)[0]
    with pytest.raises(ValueError, match="input volume"):
        module.DURNSuperResLogic().process(None)


def test_the_self_test_passes(module, scene: slicer.vtkMRMLScene) -> None:
    result = unittest.TestResult()
    for name in ("test_bicubicKeepsTheFieldOfView", "test_durnBeatsBicubicOnThePhantom"):
        module.DURNSuperResTest(name).run(result)
    assert result.testsRun == 2
    assert result.wasSuccessful(), result.failures + result.errors


def test_the_panel_binds_every_parameter(module, form: ElementTree.Element) -> None:
    bound = {
        widget.get("name"): widget.find("property[@name='SlicerParameterName']/string").text
        for widget in form.iter("widget")
        if widget.find("property[@name='SlicerParameterName']") is not None
    }
    assert set(bound.values()) == set(module.DURNSuperResParameterNode.parameters)


def test_the_module_file_imports_neither_torch_nor_the_library_at_its_top() -> None:
    tops = [line for line in SOURCE.read_text().splitlines() if line.startswith(("import ", "from "))]
    assert not any(word in line for line in tops for word in ("torch", "DURNSuperResLib", "qt"))
    assert np.count_nonzero([line.startswith("from slicer") for line in tops]) >= 5
