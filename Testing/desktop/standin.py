"""Stand-in for the Slicer desktop around the module: what ``slicer-core`` lacks, over a real scene and real logics.

The application, its layout manager and the base classes of scripted modules have only what the module uses; anything
else raises. Scene, nodes, parameter storage, layout logic and slice logics are Slicer's own.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import types
import unittest
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import shiboken6
import slicer
import vtk
from PySide6 import QtCore, QtWidgets

from desktop import mrmlwidgets, parameternode, sampledata
from desktop.pythonqt import QEventLoop, QTimer, QtProxy, application
from DURNSuperResLib.scene.app import application_logic, current_scene, sequences_logic

MODULE_FOLDER = Path(__file__).resolve().parents[2] / "DURNSuperRes"
VIEW_PIXELS = (400, 400, 1)


class LayoutManager:
    """Makes a slice logic for each slice view of the current layout, with Slicer's own layout logic."""

    def __init__(self, scene: slicer.vtkMRMLScene) -> None:
        self._scene = scene
        self._logic = slicer.vtkMRMLLayoutLogic()
        self._logic.SetMRMLScene(scene)
        self._widgets: dict[str, SimpleNamespace] = {}
        node = self._logic.GetLayoutNode()
        node.SetViewArrangement(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
        self._observer = node.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: self._make_views())
        self._make_views()

    def layoutLogic(self) -> slicer.vtkMRMLLayoutLogic:  # noqa: N802 (Slicer's names, here and below)
        return self._logic

    def sliceWidget(self, name: str) -> SimpleNamespace | None:  # noqa: N802
        return self._widgets.get(name)

    def close(self) -> None:
        self._logic.GetLayoutNode().RemoveObserver(self._observer)
        application_logic().GetSliceLogics().RemoveAllItems()
        for widget in self._widgets.values():
            widget.sliceLogic().SetMRMLScene(None)
        self._logic.SetMRMLScene(None)

    def _make_views(self) -> None:
        views = self._logic.GetViewNodes()
        for node in (views.GetItemAsObject(n) for n in range(views.GetNumberOfItems())):
            if node.IsA("vtkMRMLSliceNode") and node.GetLayoutName() not in self._widgets:
                self._widgets[node.GetLayoutName()] = self._slice_widget(node)

    def _slice_widget(self, node: slicer.vtkMRMLSliceNode) -> SimpleNamespace:
        logic = slicer.vtkMRMLSliceLogic()
        logic.SetMRMLApplicationLogic(application_logic())
        logic.SetMRMLScene(self._scene)
        logic.SetSliceNode(node)
        node.SetDimensions(*VIEW_PIXELS)
        application_logic().GetSliceLogics().AddItem(logic)
        corners = vtk.vtkCornerAnnotation()
        view = SimpleNamespace(cornerAnnotation=lambda: corners, scheduleRender=lambda: None)
        return SimpleNamespace(sliceLogic=lambda: logic, sliceView=lambda: view)


class Application:
    """``slicer.app``; counts how often events were let through."""

    def __init__(self, manager: LayoutManager | None) -> None:
        self._manager, self._logic = manager, application_logic()
        self.pumped = QEventLoop.turned
        self.pumped.clear()
        self.pumps = 0

    def processEvents(self) -> None:  # noqa: N802
        self.pumps += 1
        QtWidgets.QApplication.processEvents()
        for action in list(self.pumped):
            action()

    def testingEnabled(self) -> bool:  # noqa: N802
        return False

    def layoutManager(self) -> LayoutManager | None:  # noqa: N802
        return self._manager

    def applicationLogic(self) -> slicer.vtkSlicerApplicationLogic:  # noqa: N802
        return self._logic

    def connect(self, signature: str, slot: Callable) -> None:
        if signature != "startupCompleted()":
            raise ValueError(f"qSlicerApplication has no signal {signature}")
        slot()


class SequencesModule:
    """``slicer.modules.sequences``: its logic, and the browsers that were shown in its toolbar."""

    def __init__(self) -> None:
        self._logic = sequences_logic()
        self.shown: list[slicer.vtkMRMLSequenceBrowserNode] = []

    def logic(self) -> slicer.vtkSlicerSequencesLogic:
        return self._logic

    def showSequenceBrowser(self, browser: slicer.vtkMRMLSequenceBrowserNode) -> bool:  # noqa: N802
        if not browser.IsA("vtkMRMLSequenceBrowserNode"):
            raise TypeError(browser)
        self.shown.append(browser)
        return True


class ScriptedLoadableModule:
    """Base class of the module's description."""

    def __init__(self, parent: SimpleNamespace) -> None:
        self.parent = parent


class ScriptedLoadableModuleWidget:
    """Base class of the panel; ``parent`` is a real widget with a layout."""

    def __init__(self, parent: QtProxy | None = None) -> None:
        super().__init__()
        if parent is None:
            parent = QtProxy(mrmlwidgets.qMRMLWidget())
            QtWidgets.QVBoxLayout(parent._target)
        self.layout = parent.layout()
        self.parent = SimpleNamespace(isEntered=True, widget=parent)

    def setup(self) -> None: ...

    def onReload(self) -> None:  # noqa: N802
        """The old form goes, whoever still holds it, and a new panel takes its place."""
        parent = self.parent.widget
        for selector in parent._target.findChildren(mrmlwidgets.qMRMLNodeComboBox):
            selector.detach()
        for child in parent._target.findChildren(QtWidgets.QWidget, options=QtCore.Qt.FindDirectChildrenOnly):
            shiboken6.delete(child)
        self.successor = type(self)(parent)
        self.successor.setup()

    def resourcePath(self, name: str) -> str:  # noqa: N802
        path = MODULE_FOLDER / "Resources" / name
        if not path.is_file():
            raise FileNotFoundError(path)
        return str(path)


class ScriptedLoadableModuleLogic:
    """Base class of the logic."""

    def getParameterNode(self) -> slicer.vtkMRMLScriptedModuleNode:  # noqa: N802
        name = type(self).__name__.removesuffix("Logic")
        node = slicer.mrmlScene.GetSingletonNode(name, "vtkMRMLScriptedModuleNode")
        if node is None:
            node = slicer.vtkMRMLScriptedModuleNode()
            node.SetSingletonTag(name)
            node.SetModuleName(name)
            node = slicer.mrmlScene.AddNode(node)
        return node


class ScriptedLoadableModuleTest(unittest.TestCase):
    """Base class of the self test; shows no message."""

    def delayDisplay(self, _text: str) -> None: ...  # noqa: N802


class Desktop:
    """The stand-in application with the module imported into it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, main_window: bool = True) -> None:
        application()
        self.scene = current_scene()
        self.errors: list[str] = []
        self.asked: list[str] = []
        self.answer = True
        self.dialogs: list[QtProxy] = []
        self._panels: list[Any] = []
        application_logic()
        self.manager = LayoutManager(self.scene) if main_window else None
        self.app = Application(self.manager)
        modules = SimpleNamespace(sequences=SequencesModule())  # before there is a desktop to ask
        modules.sampleDataSources, modules.sampleDataSourceCategories = {}, {}
        monkeypatch.setattr(slicer, "modules", modules, raising=False)
        monkeypatch.setattr(slicer, "app", self.app, raising=False)
        for name, value in {
            "loadUI": mrmlwidgets.load_ui,
            "childWidgetVariables": mrmlwidgets.child_widget_variables,
            "tryWithErrorDisplay": self._try_with_error_display,
            "createProgressDialog": self._progress_dialog,
            "confirmOkCancelDisplay": self._confirm,
        }.items():
            monkeypatch.setattr(slicer.util, name, value, raising=False)
        for name, contents in self._modules().items():
            stand_in = types.ModuleType(name)
            vars(stand_in).update(contents)
            monkeypatch.setitem(sys.modules, name, stand_in)
        for name in ("comparison_section", "input_section", "install", "result_section", "runner", "words"):
            monkeypatch.delitem(sys.modules, f"DURNSuperResLib.panel.{name}", raising=False)  # of an earlier desktop
        self.module = self._import_module(monkeypatch)

    def panel(self) -> Any:
        """A panel as Slicer sets it up."""
        widget = self.module.DURNSuperResWidget()
        widget.setup()
        self._panels.append(widget)
        return widget

    def close(self) -> None:
        """Let go of the scene."""
        for panel in self._panels:
            for selector in panel.parent.widget._target.findChildren(mrmlwidgets.qMRMLNodeComboBox):
                selector.detach()
        if self.manager is not None:
            self.manager.close()

    def _confirm(self, text: str) -> bool:
        self.asked.append(text)
        return self.answer

    def _progress_dialog(self, maximum: int, labelText: str, windowTitle: str) -> QtProxy:  # noqa: N803
        dialog = QtWidgets.QProgressDialog(labelText, "Cancel", 0, maximum)
        dialog.setWindowTitle(windowTitle)
        self.dialogs.append(QtProxy(dialog))
        return self.dialogs[-1]

    @contextlib.contextmanager
    def _try_with_error_display(self, message: str, waitCursor: bool = False) -> Iterator[None]:  # noqa: ARG002, N803
        try:
            yield
        except Exception as error:
            self.errors.append(f"{message} {error}")
            raise

    @staticmethod
    def _modules() -> dict[str, dict[str, object]]:
        bases = (
            ScriptedLoadableModule,
            ScriptedLoadableModuleWidget,
            ScriptedLoadableModuleLogic,
            ScriptedLoadableModuleTest,
        )
        return {
            "SampleData": {"SampleDataLogic": sampledata.SampleDataLogic},
            "qt": {"QTimer": QTimer, "QEventLoop": QEventLoop},
            "slicer.i18n": {"tr": lambda text: text, "translate": lambda _context, text: text},
            "slicer.parameterNodeWrapper": {
                "Choice": parameternode.Choice,
                "parameterNodeWrapper": parameternode.parameterNodeWrapper,
            },
            "slicer.ScriptedLoadableModule": {base.__name__: base for base in bases},
        }

    @staticmethod
    def _import_module(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
        spec = importlib.util.spec_from_file_location("DURNSuperRes", MODULE_FOLDER / "DURNSuperRes.py")
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "DURNSuperRes", module)
        spec.loader.exec_module(module)
        return module


def choose(widget: Any, text: str) -> None:
    """Choose an entry of a combo box as a user does."""
    combo = widget._target
    assert combo.findText(text) >= 0, [combo.itemText(n) for n in range(combo.count())]
    combo.setCurrentIndex(combo.findText(text))
