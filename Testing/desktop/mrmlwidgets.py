"""Stand-ins for the MRML and CTK widgets of the panel, over the real scene of slicer-core.

Each has the properties, signals and behaviour that the panel uses, and no others.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import SimpleNamespace

import slicer
from PySide6 import QtCore, QtGui, QtUiTools, QtWidgets

from desktop.pythonqt import QtProxy, application

HEADER = 26
UNLIMITED = 16777215  # Qt's QWIDGETSIZE_MAX


def _property(kind: type, name: str, default: object) -> QtCore.Property:
    def get(self: object) -> object:
        return self.__dict__.get(name, default)

    def put(self: object, value: object) -> None:
        self.__dict__[name] = value
        self.changed()

    return QtCore.Property(kind, get, put)


class qMRMLWidget(QtWidgets.QWidget):  # noqa: N801 (Slicer's name)
    """Hands the scene to the widgets that its form connects."""

    mrmlSceneChanged = QtCore.Signal(object)

    def setMRMLScene(self, scene: slicer.vtkMRMLScene) -> None:  # noqa: N802
        self.mrmlSceneChanged.emit(scene)


class ctkCollapsibleButton(QtWidgets.QWidget):  # noqa: N801
    """A titled section that folds."""

    text = _property(str, "_text", "")
    collapsed = _property(bool, "_collapsed", False)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.setContentsMargins(0, HEADER, 0, 0)

    def changed(self) -> None:
        """Hide what shows while collapsed, and show that again; what the form hid itself stays hidden, as in CTK."""
        folded = self.__dict__.setdefault("_folded", [])
        if self.property("collapsed"):
            children = self.findChildren(QtWidgets.QWidget, options=QtCore.Qt.FindDirectChildrenOnly)
            self._folded = folded + [child for child in children if not child.isHidden()]
        for child in self._folded:
            child.setVisible(not self.property("collapsed"))
        if not self.property("collapsed"):
            self._folded = []
        self.setMaximumHeight(HEADER if self.property("collapsed") else UNLIMITED)
        self.update()

    def showEvent(self, event: QtGui.QShowEvent) -> None:  # noqa: N802
        self.changed()
        super().showEvent(event)

    def paintEvent(self, _event: QtGui.QPaintEvent) -> None:  # noqa: N802
        painter = QtGui.QPainter(self)
        painter.fillRect(0, 0, self.width(), HEADER - 4, self.palette().color(QtGui.QPalette.Button))
        arrow = "▸" if self.property("collapsed") else "▾"
        painter.drawText(8, HEADER - 10, f"{arrow} {self.property('text')}")


class qMRMLNodeComboBox(QtWidgets.QComboBox):  # noqa: N801
    """The scene's nodes of some types, an empty choice if allowed."""

    nodeTypes = _property(list, "_node_types", [])
    showChildNodeTypes = _property(bool, "_show_child_types", True)
    addEnabled = _property(bool, "_add", True)
    removeEnabled = _property(bool, "_remove", True)
    renameEnabled = _property(bool, "_rename", False)
    noneEnabled = _property(bool, "_none", False)
    noneDisplay = _property(str, "_none_display", "None")
    currentNodeChanged = QtCore.Signal(object)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene: slicer.vtkMRMLScene | None = None
        self._nodes: list[slicer.vtkMRMLNode | None] = []
        self._observers: list[int] = []
        self.currentIndexChanged.connect(lambda _: self.currentNodeChanged.emit(self.currentNode()))

    def changed(self) -> None:
        if self._scene is not None:
            self._fill()

    def setMRMLScene(self, scene: slicer.vtkMRMLScene) -> None:  # noqa: N802
        for tag in self._observers:
            self._scene.RemoveObserver(tag)
        self._scene = scene
        events = scene.NodeAddedEvent, scene.NodeRemovedEvent, scene.EndCloseEvent
        self._observers = [scene.AddObserver(event, lambda *_: self._fill()) for event in events]
        self._fill()

    def detach(self) -> None:
        """Stop observing the scene."""
        for tag in self._observers:
            self._scene.RemoveObserver(tag)
        self._observers = []

    def currentNode(self) -> slicer.vtkMRMLNode | None:  # noqa: N802
        index = self.currentIndex()
        return self._nodes[index] if 0 <= index < len(self._nodes) else None

    def setCurrentNode(self, node: slicer.vtkMRMLNode | None) -> None:  # noqa: N802
        self.setCurrentIndex(self._nodes.index(node) if node in self._nodes else -1)

    def _fill(self) -> None:
        before = self.currentNode()
        all_nodes = [self._scene.GetNthNode(n) for n in range(self._scene.GetNumberOfNodes())]
        wanted = [node for node in all_nodes if node.GetClassName() in self.property("nodeTypes")]
        wanted = [node for node in wanted if not node.GetHideFromEditors()]
        none = [None] if self.property("noneEnabled") else []
        self.blockSignals(True)
        self.clear()
        self._nodes = [*none, *wanted]
        self.addItems([self.property("noneDisplay") if node is None else node.GetName() for node in self._nodes])
        self.setCurrentNode(before)
        if self.currentIndex() < 0 and none:
            self.setCurrentIndex(0)
        self.blockSignals(False)
        if self.currentNode() is not before:
            self.currentNodeChanged.emit(self.currentNode())


CUSTOM = (qMRMLWidget, ctkCollapsibleButton, qMRMLNodeComboBox)


def load_ui(path: str) -> QtProxy:
    """The form of a ``.ui`` file; its scene connections are checked and made, others refused."""
    application()
    tree = ElementTree.parse(path)
    connections = tree.getroot().find("connections")
    tree.getroot().remove(connections)
    loader = QtUiTools.QUiLoader()
    for widget in CUSTOM:
        loader.registerCustomWidget(widget)
    buffer = QtCore.QBuffer()
    buffer.setData(ElementTree.tostring(tree.getroot()))
    buffer.open(QtCore.QIODevice.ReadOnly)
    form = loader.load(buffer)
    if form is None:
        raise ValueError(f"{Path(path).name}: {loader.errorString()}")
    for connection in connections:
        signal, slot = connection.findtext("signal"), connection.findtext("slot")
        if (signal, slot) != ("mrmlSceneChanged(vtkMRMLScene*)", "setMRMLScene(vtkMRMLScene*)"):
            raise ValueError(f"unexpected connection {signal} to {slot}")
        receiver = form.findChild(QtWidgets.QWidget, connection.findtext("receiver"))
        form.mrmlSceneChanged.connect(receiver.setMRMLScene)
    return QtProxy(form)


def child_widget_variables(form: QtProxy) -> SimpleNamespace:
    """The named widgets of a form, as ``slicer.util.childWidgetVariables`` gives them."""
    return SimpleNamespace(**{w.objectName: w for w in form.findChildren() if not w.objectName.startswith("qt_")})
