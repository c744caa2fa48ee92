"""The module file with stand-ins for what only the desktop has (Qt, the parameter node wrapper, the base classes).

The scene, its nodes and the logic are real; the panel itself is only checked for the names it relies on.
"""

from __future__ import annotations

import importlib.util
import sys
import types
import unittest
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import slicer
from numpy.typing import NDArray

MODULE_FOLDER = Path(__file__).resolve().parents[2] / "DURNSuperRes"
SOURCE = MODULE_FOLDER / "DURNSuperRes.py"


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The module file, imported over stand-ins."""

    class Base:
        def __init__(self, parent: object = None) -> None:
            self.parent = parent

    wrapper = types.ModuleType("slicer.parameterNodeWrapper")
    wrapper.Choice, wrapper.parameterNodeWrapper = (lambda choices: tuple(choices)), (lambda cls: cls)
    i18n = types.ModuleType("slicer.i18n")
    i18n.tr, i18n.translate = (lambda text: text), (lambda _, text: text)
    bases = types.ModuleType("slicer.ScriptedLoadableModule")
    for kind in ("", "Widget", "Logic", "Test"):
        setattr(bases, f"ScriptedLoadableModule{kind}", type(f"ScriptedLoadableModule{kind}", (Base,), {}))
    for stand_in in (wrapper, i18n, bases):
        monkeypatch.setitem(sys.modules, stand_in.__name__, stand_in)
    spec = importlib.util.spec_from_file_location("DURNSuperRes", SOURCE)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture(scope="module")
def panel() -> ElementTree.Element:
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


def test_a_cancelled_logic_returns_what_it_was_given(module, make_node: Callable, heart_slices: NDArray) -> None:
    node, scene = make_node(heart_slices), slicer.mrmlScene
    before = scene.GetNumberOfNodes()
    assert module.DURNSuperResLogic().process(node, method="bicubic", cancelled=lambda: True) is None
    assert scene.GetNumberOfNodes() == before


def test_without_torch_the_logic_says_what_to_install(
    module, make_node: Callable, heart_slices: NDArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    for name in ("DURNSuperResLib.core.inference", "DURNSuperResLib.core.network"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    node = make_node(heart_slices)
    with pytest.raises(RuntimeError, match="PyTorch extension"):
        module.DURNSuperResLogic().process(node)
    assert module.DURNSuperResLogic().process(node, method="bicubic") is not None


def test_validation_gives_a_reason(module, make_node: Callable, heart_slices: NDArray) -> None:
    node, valid = make_node(heart_slices), module.DURNSuperResLogic.isValidInputOutputData
    assert valid(node, None) == (True, "")
    assert valid(None, None) == (False, "Choose an input volume.")
    assert not valid(slicer.vtkMRMLScalarVolumeNode(), None)[0]
    assert not valid(node, node)[0]
    with pytest.raises(ValueError, match="input volume"):
        module.DURNSuperResLogic().process(None)


def test_the_self_test_passes(module, scene: slicer.vtkMRMLScene) -> None:

    class SelfTest(module.DURNSuperResTest, unittest.TestCase):
        def delayDisplay(self, _text: str) -> None:  # noqa: N802 (Slicer's name)
            pass

        def setUp(self) -> None:
            pass

    case = SelfTest("test_bicubicKeepsTheFieldOfView")
    case.test_bicubicKeepsTheFieldOfView()
    case.test_durnBeatsBicubicOnThePhantom()


def test_the_panel_binds_every_parameter(module, panel: ElementTree.Element) -> None:
    bound = {
        widget.get("name"): widget.find("property[@name='SlicerParameterName']/string").text
        for widget in panel.iter("widget")
        if widget.find("property[@name='SlicerParameterName']") is not None
    }
    assert set(bound.values()) == set(module.DURNSuperResParameterNode.__annotations__)


def test_the_code_uses_only_widgets_that_the_panel_has(panel: ElementTree.Element) -> None:
    names = {widget.get("name") for widget in panel.iter("widget")}
    used = {word.split("self.ui.")[1].split(".")[0] for word in SOURCE.read_text().split() if "self.ui." in word}
    assert used
    assert used <= names


def test_the_module_file_imports_neither_torch_nor_the_library_at_its_top() -> None:
    tops = [line for line in SOURCE.read_text().splitlines() if line.startswith(("import ", "from "))]
    assert not any(word in line for line in tops for word in ("torch", "DURNSuperResLib", "qt"))
    assert np.count_nonzero([line.startswith("from slicer") for line in tops]) >= 5
