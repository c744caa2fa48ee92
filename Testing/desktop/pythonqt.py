"""Stand-in for PythonQt over PySide6: Qt objects as Slicer's Python sees them, and no more than that.

Properties are attributes, methods are methods, ``connect("clicked(bool)", slot)`` takes a signal by its C++ signature.
An unknown property, method or signal raises, as in PythonQt, so that a wrong name in the module fails a test here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from PySide6 import QtCore, QtWidgets


def application() -> QtWidgets.QApplication:
    """The one Qt application of this process."""
    return QtWidgets.QApplication.instance() or QtWidgets.QApplication([])


class QtProxy:
    """A Qt object with PythonQt's manners."""

    def __init__(self, target: QtCore.QObject) -> None:
        object.__setattr__(self, "_target", target)
        object.__setattr__(self, "_slots", {})

    def __getattr__(self, name: str) -> Any:
        meta = self._target.metaObject()
        if meta.indexOfProperty(name) >= 0:
            return wrap(self._target.property(name))
        if name.startswith("_") or not hasattr(self._target, name):
            raise AttributeError(f"{meta.className()} has no attribute named '{name}'")
        found = getattr(self._target, name)
        if isinstance(found, QtCore.SignalInstance):
            return SignalProxy(found)
        return lambda *arguments: wrap(found(*map(unwrap, arguments)))

    def __setattr__(self, name: str, value: Any) -> None:
        meta = self._target.metaObject()
        index = meta.indexOfProperty(name)
        if index < 0:
            raise AttributeError(f"{meta.className()} has no property named '{name}'")
        if not meta.property(index).isWritable() or not self._target.setProperty(name, unwrap(value)):
            raise TypeError(f"{meta.className()}.{name} cannot be set to {value!r}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, QtProxy) and other._target is self._target

    def __hash__(self) -> int:
        return hash(id(self._target))

    def connect(self, signature: str, slot: Callable) -> None:
        """Call ``slot`` at the signal of this C++ signature."""
        SignalProxy(self._signal(signature)).connect(slot)

    def property(self, name: str) -> Any:
        """Value of a static or dynamic property; None if there is none."""
        return wrap(self._target.property(name))

    def findChildren(self, _kind: object = None) -> list[QtProxy]:  # noqa: N802 (Qt's name)
        """All widgets below this one."""
        return [QtProxy(child) for child in self._target.findChildren(QtWidgets.QWidget)]

    def _signal(self, signature: str) -> QtCore.SignalInstance:
        meta = self._target.metaObject()
        normalised = QtCore.QMetaObject.normalizedSignature(signature).data().decode()
        if meta.indexOfSignal(normalised) < 0:
            raise ValueError(f"{meta.className()} has no signal {signature}")
        name, _, types = normalised.rstrip(")").partition("(")
        return getattr(self._target, name) if not types else getattr(self._target, name)[_PYTHON_TYPES[types]]


_PYTHON_TYPES = {"bool": bool, "int": int}


class SignalProxy:
    """A signal that can be connected and disconnected, by the callable that was connected."""

    _connected: dict[tuple[str, Callable], Callable] = {}  # noqa: RUF012 (shared on purpose: proxies are short-lived)

    def __init__(self, signal: QtCore.SignalInstance) -> None:
        self._signal = signal

    def connect(self, slot: Callable) -> None:
        self._connected[repr(self._signal), slot] = forward = lambda *values: slot(*map(wrap, values))
        self._signal.connect(forward)

    def disconnect(self, slot: Callable) -> None:
        self._signal.disconnect(self._connected.pop((repr(self._signal), slot)))


def wrap(value: Any) -> Any:
    """``value``, Qt objects with PythonQt's manners."""
    return QtProxy(value) if isinstance(value, QtCore.QObject) else value


def unwrap(value: Any) -> Any:
    """What PySide6 wants to be given."""
    return value._target if isinstance(value, QtProxy) else value


class QTimer(QtProxy):
    """``qt.QTimer()``."""

    def __init__(self) -> None:
        super().__init__(QtCore.QTimer())

    @staticmethod
    def singleShot(milliseconds: int, slot: Callable[[], None]) -> None:  # noqa: N802 (Qt's name)
        QtCore.QTimer.singleShot(milliseconds, slot)


class QEventLoop(QtProxy):
    """``qt.QEventLoop()``; each turn lets the application's own actions through, as a user's clicks come in."""

    turned: ClassVar[list[Callable[[], None]]] = []

    def __init__(self) -> None:
        super().__init__(QtCore.QEventLoop())

    def exec_(self) -> int:
        for action in list(self.turned):
            action()
        return self._target.exec()

    def exit(self, code: int) -> None:
        self._target.exit(code)
