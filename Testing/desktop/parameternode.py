"""Stand-in for ``slicer.parameterNodeWrapper``: typed attributes kept in a real MRML node, bound to widgets.

Node references, ``Choice`` annotations, enumerations and booleans, which is what the module uses; the values lie in the
node's parameters and references, so they survive saving and reloading the scene as they do in Slicer.
"""

from __future__ import annotations

import enum
import typing
from collections.abc import Callable
from typing import Any

import slicer
import vtk
from PySide6 import QtWidgets

from desktop.mrmlwidgets import qMRMLNodeComboBox
from desktop.pythonqt import QtProxy


class Choice:
    """Annotation: one of these values."""

    def __init__(self, choices: list) -> None:
        self.choices = choices


class _Parameter:
    """One typed attribute: how it is written into the node's text and read back, and shown by a widget."""

    def __init__(self, name: str, hint: Any, default: Any) -> None:
        self.name, self.default = name, default
        self.kind = typing.get_args(hint)[0] if hasattr(hint, "__metadata__") else hint
        self.is_node = issubclass(self.kind, slicer.vtkMRMLNode)
        choices = [a.choices for a in getattr(hint, "__metadata__", ()) if isinstance(a, Choice)]
        self.choices = list(self.kind) if issubclass(self.kind, enum.Enum) else choices[0] if choices else None

    def read(self, node: slicer.vtkMRMLScriptedModuleNode) -> Any:
        if self.is_node:
            return node.GetNodeReference(self.name)
        text = node.GetParameter(self.name)
        values = [True, False] if self.kind is bool else self.choices
        return next((value for value in values if self._text(value) == text), self.default)

    def write(self, node: slicer.vtkMRMLScriptedModuleNode, value: Any) -> None:
        if self.is_node:
            if value is not None and not isinstance(value, self.kind):
                raise TypeError(f"{self.name} must be a {self.kind.__name__}, not {value!r}")
            node.SetNodeReferenceID(self.name, value.GetID() if value is not None else None)
            return
        if not isinstance(value, self.kind) or (self.choices is not None and value not in self.choices):
            raise ValueError(f"{self.name} must be one of {self.choices or self.kind}, not {value!r}")
        node.SetParameter(self.name, self._text(value))

    @staticmethod
    def _text(value: Any) -> str:
        return value.name if isinstance(value, enum.Enum) else str(value)

    def bind(self, widget: QtProxy) -> _Binding:
        kind = type(widget._target)
        if self.is_node and kind is qMRMLNodeComboBox:
            return _Binding(widget.currentNodeChanged, widget.currentNode, widget.setCurrentNode)
        if self.kind is bool and kind is QtWidgets.QCheckBox:
            return _Binding(widget.stateChanged, lambda: widget.checked, lambda v: setattr(widget, "checked", v))
        if self.choices is not None and kind is QtWidgets.QComboBox:
            widget.clear()
            for value in self.choices:
                widget.addItem(value.label() if hasattr(value, "label") else str(value))
            return _Binding(
                widget.currentIndexChanged,
                lambda: self.choices[widget.currentIndex],
                lambda v: setattr(widget, "currentIndex", self.choices.index(v)),
            )
        raise RuntimeError(f"no connector from {self.name} ({self.kind}) to {kind.__name__}")


class _Binding:
    def __init__(self, signal: Any, read: Callable[[], Any], write: Callable[[Any], None]) -> None:
        self.signal, self.read, self.write = signal, read, write


def parameterNodeWrapper(cls: type) -> type:  # noqa: N802 (Slicer's name)
    """Class decorator: annotated attributes become parameters of the node that the class is made with."""
    hints = typing.get_type_hints(cls, include_extras=True)
    cls.parameters = {name: _Parameter(name, hint, getattr(cls, name, None)) for name, hint in hints.items()}
    for name, parameter in cls.parameters.items():
        setattr(cls, name, _attribute(parameter))
    for name in ("__init__", "connectGui", "disconnectGui", "AddObserver", "RemoveObserver"):
        setattr(cls, name, _Wrapper.__dict__[name])
    return cls


def _attribute(parameter: _Parameter) -> property:
    return property(
        lambda self: parameter.read(self.parameterNode), lambda self, value: parameter.write(self.parameterNode, value)
    )


class _Wrapper:
    """The methods that a wrapped class gets."""

    def __init__(self, node: slicer.vtkMRMLScriptedModuleNode) -> None:
        self.parameterNode = node
        self._guis: dict[int, tuple[int, list[tuple[_Binding, Callable]]]] = {}
        for name, parameter in self.parameters.items():
            if not parameter.is_node and not node.GetParameter(name):
                parameter.write(node, parameter.default)

    def connectGui(self, gui: object) -> int:  # noqa: N802
        bindings = []
        for widget in vars(gui).values():
            name = widget.property("SlicerParameterName")
            if not name:
                continue
            if name not in self.parameters:
                raise ValueError(f"Cannot find a param with the given name: {name}")
            binding = self.parameters[name].bind(widget)
            binding.write(getattr(self, name))

            def changed(*_: object, name: str = name, binding: _Binding = binding) -> None:
                if getattr(self, name) != binding.read():
                    setattr(self, name, binding.read())

            binding.signal.connect(changed)
            bindings.append((name, binding, changed))

        def update(*_: object) -> None:
            for name, binding, _changed in bindings:
                binding.write(getattr(self, name))

        tag = len(self._guis)
        self._guis[tag] = self.AddObserver(vtk.vtkCommand.ModifiedEvent, update), bindings
        return tag

    def disconnectGui(self, tag: int) -> None:  # noqa: N802
        observer, bindings = self._guis.pop(tag)
        self.RemoveObserver(observer)
        for _name, binding, changed in bindings:
            binding.signal.disconnect(changed)

    def AddObserver(self, event: object, callback: Callable, priority: float = 0.0) -> int:  # noqa: N802
        return self.parameterNode.AddObserver(event, callback, priority)

    def RemoveObserver(self, tag: int) -> None:  # noqa: N802
        self.parameterNode.RemoveObserver(tag)
