"""DURN Super-Resolution: the Slicer module over :mod:`DURNSuperResLib`."""

import importlib.util
import logging
import re
import sys
import time
from enum import Enum
from typing import Annotated, Optional

import slicer
import vtk
from slicer import vtkMRMLScalarVolumeNode
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import Choice, parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin


class DURNSuperRes(ScriptedLoadableModule):
    """Describes the module to Slicer."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("DURN Super-Resolution")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Cardiac")]
        self.parent.dependencies = []
        self.parent.contributors = ["The DURNSuperRes developers"]
        self.parent.helpText = _(
            "Enlarges each slice of a cardiac magnetic resonance volume in its plane with DURN, a bundled neural "
            "network. The field of view stays exactly the same. Research use only, not for diagnosis. "
            '<a href="https://github.com/DURNSuperRes/SlicerDURNSuperRes">Documentation</a>'
        )
        self.parent.acknowledgementText = _(
            "Rebuilt from the description in D. Qiu, Y. Cheng, X. Wang, Computer Methods and Programs in Biomedicine "
            "218 (2022) 106707. Weights trained on the Sunnybrook Cardiac Data (Radau et al. 2009)."
        )
        slicer.app.connect("startupCompleted()", registerLayoutsAndSampleData)


def registerLayoutsAndSampleData():
    """Make the comparison layouts known, so that a scene saved in one opens in it, and what Sample Data can offer."""
    from DURNSuperResLib.panel.sample_data import register
    from DURNSuperResLib.scene.layouts import register_layouts

    if slicer.app.layoutManager() is not None:
        register_layouts(slicer.app.layoutManager().layoutLogic().GetLayoutNode())
    register()


def inPythonsSpelling(name):
    """A parameter's name as ``DURNSuperResLib`` spells it: ``keepType`` to ``keep_type``."""
    return re.sub("[A-Z]", lambda capital: f"_{capital[0].lower()}", name)


class Method(Enum):
    """How slices are enlarged; the values are those of ``DURNSuperResLib``."""

    DURN = "durn"
    BICUBIC = "bicubic"

    def label(self):
        return {"durn": _("DURN"), "bicubic": _("Bicubic")}[self.value]


class Quality(Enum):
    """How much time the network may take."""

    FAST = "fast"
    BEST = "best"

    def label(self):
        return {"fast": _("Fast"), "best": _("Best (slower)")}[self.value]


@parameterNodeWrapper
class DURNSuperResParameterNode:
    """The panel's settings, saved with the scene."""

    inputVolume: vtkMRMLScalarVolumeNode
    outputVolume: vtkMRMLScalarVolumeNode
    scale: Annotated[int, Choice([2, 3, 4])] = 2
    quality: Quality = Quality.FAST
    keepMeasured: bool = True
    wholeCine: bool = True
    method: Method = Method.DURN
    uncertainty: bool = False
    device: Annotated[str, Choice(["auto", "cuda", "cpu"])] = "auto"
    precision: Annotated[str, Choice(["auto", "float32", "float16", "bfloat16"])] = "auto"
    sliceAxis: Annotated[str, Choice(["auto", "i", "j", "k"])] = "auto"
    keepType: bool = False
    showUncertainty: bool = True
    linkViews: bool = True
    matchWindowLevel: bool = True
    originalAsPixels: bool = False


class DURNSuperResWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self._input = None
        self._parameterNode = None
        self._parameterNodeGuiTag = None

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        from DURNSuperResLib.panel.comparison_section import ComparePanel
        from DURNSuperResLib.panel.runner import Runner

        uiWidget = slicer.util.loadUI(self.resourcePath("UI/DURNSuperRes.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = DURNSuperResLogic()
        self.runner = Runner(self.onProgress)
        self.comparePanel = ComparePanel(self.ui)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneChanged)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneChanged)
        self.ui.applyButton.connect("clicked(bool)", self.onApplyButton)
        self.ui.progressBar.hide()
        self.initializeParameterNode()

    def cleanup(self):
        if not self.runner.closed:  # a reload cleans up first, and Slicer once more
            self.runner.close()
            self.comparePanel.close()
            self.comparePanel.update(None)
            self.setParameterNode(None)
            self.removeObservers()

    def enter(self):
        from DURNSuperResLib.panel.install import prepare_network

        self.initializeParameterNode()
        self.runner.prepare_when_idle(prepare_network)

    def exit(self):
        self.setParameterNode(None)

    def onReload(self):
        self.cleanup()
        for name in [name for name in sys.modules if name.partition(".")[0] == "DURNSuperResLib"]:
            del sys.modules[name]
        ScriptedLoadableModuleWidget.onReload(self)

    def onSceneStartClose(self, caller, event):
        self.runner.cancel()
        self.comparePanel.close()
        self.setParameterNode(None)

    def onSceneChanged(self, caller, event):
        if self.parent.isEntered:
            self.initializeParameterNode()

    def initializeParameterNode(self):
        from DURNSuperResLib.panel.choosing import likely_input

        self.setParameterNode(self.logic.getParameterNode())
        if not self._parameterNode.inputVolume:
            self._parameterNode.inputVolume = likely_input()

    def setParameterNode(self, inputParameterNode):
        if self._parameterNode:
            self._parameterNode.disconnectGui(self._parameterNodeGuiTag)
            self.removeObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self.onParametersModified)
        self._parameterNode = inputParameterNode
        if self._parameterNode:
            self._parameterNodeGuiTag = self._parameterNode.connectGui(self.ui)
            self.addObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self.onParametersModified)
        self.onParametersModified()

    def onParametersModified(self, caller=None, event=None):
        from DURNSuperResLib.panel.choosing import follow_input
        from DURNSuperResLib.panel.result_section import show_result

        if not self.runner.closed:
            self._input = follow_input(self._parameterNode, self._input)
            self._checkCanApply()
            self.comparePanel.update(self._parameterNode)
            show_result(self.ui, self._parameterNode and self._parameterNode.outputVolume)

    def _checkCanApply(self):
        from DURNSuperResLib.panel.input_section import enable_settings

        button = self.ui.applyButton
        enable_settings(self.ui, self._parameterNode, self.runner.busy)
        if self.runner.busy:
            button.text, button.enabled, button.toolTip = _("Cancel"), True, _("Stop; nothing will be changed.")
            return
        button.text = _("Apply")
        if self._parameterNode:
            canApply, reason = self.logic.isValidInputOutputData(
                self._parameterNode.inputVolume, self._parameterNode.outputVolume
            )
            button.enabled, button.toolTip = canApply, _("Upscale the input volume.") if canApply else reason

    def onApplyButton(self, clicked=False):
        if self.runner.busy:
            self.runner.cancel()
            self.ui.statusLabel.text = _("Cancelling...")
            return
        from DURNSuperResLib import Cancelled
        from DURNSuperResLib.panel.playing import show_play_button
        from DURNSuperResLib.panel.settings import options_of
        from DURNSuperResLib.panel.words import finished

        parameters, status = self._parameterNode, ""
        with slicer.util.tryWithErrorDisplay(_("The volume was not upscaled.")):
            try:
                run = self._startRun()
                if parameters.method == Method.DURN:
                    self.logic.ensureTorch(ask=True, call=self.runner.call)
                parameters.outputVolume = output = self.logic.process(
                    parameters.inputVolume,
                    parameters.outputVolume,
                    parameters.scale,
                    **options_of(parameters),
                    **self.runner.options(),
                )
                status = finished(run)
                show_play_button(output)
            except Cancelled:
                status = _("Cancelled; nothing was changed.")
            except Exception:
                status = _("Failed; nothing was changed.")
                raise
            finally:
                self._endRun(status)

    def _startRun(self):
        run = self.runner.begin()
        self.ui.progressBar.setRange(0, 0)
        self.ui.progressBar.show()
        self.ui.statusLabel.text = _("Preparing...")
        self._checkCanApply()
        return run

    def _endRun(self, status):
        self.runner.end()
        if not self.runner.closed:  # the panel may have gone during the run, and its widgets with it
            self.ui.progressBar.hide()
            self.ui.statusLabel.text = status
            self.onParametersModified()

    def onProgress(self, run):
        """Show how far a run has come."""
        from DURNSuperResLib.panel.words import under_way

        if run.total and not self.runner.cancelling:
            self.ui.progressBar.setRange(0, run.total)
            self.ui.progressBar.value = run.done
            self.ui.statusLabel.text = under_way(run)


class DURNSuperResLogic(ScriptedLoadableModuleLogic):
    """What the module does, for the panel and for scripts."""

    def getParameterNode(self):
        return DURNSuperResParameterNode(super().getParameterNode())

    @staticmethod
    def isValidInputOutputData(
        inputVolume: Optional[vtkMRMLScalarVolumeNode], outputVolume: Optional[vtkMRMLScalarVolumeNode]
    ) -> tuple[bool, str]:
        """Whether Apply makes sense, and if not, why."""
        if inputVolume is None:
            return False, _("Choose an input volume.")
        if inputVolume.GetImageData() is None:
            return False, _("The input volume has no voxels.")
        if inputVolume is outputVolume:
            return False, _("Choose an output volume that is not the input volume.")
        return True, ""

    @staticmethod
    def isCine(volume: Optional[vtkMRMLScalarVolumeNode]) -> bool:
        """Whether a volume shows an item of a sequence, or is a multi-volume."""
        from DURNSuperResLib.scene.sequences import is_cine

        return is_cine(volume)

    @staticmethod
    def ensureTorch(ask: bool = False, call=lambda compute: compute()) -> None:
        """Install torch as the PyTorch extension does where it cannot be used; raises ``InstallError`` if that fails.

        ``call`` says where torch is imported, which takes some seconds.
        """
        from DURNSuperResLib.panel.install import ensure_torch

        ensure_torch(ask=ask, call=call)

    def process(
        self,
        inputVolume: vtkMRMLScalarVolumeNode,
        outputVolume: Optional[vtkMRMLScalarVolumeNode] = None,
        scale: int = 2,
        *,
        wholeCine: bool = False,
        **options,
    ) -> vtkMRMLScalarVolumeNode:
        """Upscale a volume in the plane of its slices and return the output volume, a new one if None was given.

        Blocking and without Qt. ``scale`` and ``options`` are those of ``DURNSuperResLib.Upscaling``, in Slicer's or in
        Python's spelling (``keepType``, ``keep_type``), and progress, cancelled, announce and run those of
        ``DURNSuperResLib.scene.volumes.upscale_volume``. With ``wholeCine``, a volume that shows an item of a sequence
        stands for all of it: a new sequence joins its browser, and the volume that shows it is returned. An output that
        shows a phase stays, too: the next one would replace the result. An error or a cancel
        (``DURNSuperResLib.Cancelled``) adds no node and changes none.
        """
        isValid, reason = self.isValidInputOutputData(inputVolume, outputVolume)
        if not isValid:
            raise ValueError(reason)
        from DURNSuperResLib.panel.install import check_torch
        from DURNSuperResLib.scene.sequences import shown_by_proxy, upscale_sequence
        from DURNSuperResLib.scene.volumes import upscale_volume

        options = {inPythonsSpelling(name): value for name, value in options.items()}
        if options.get("method", Method.DURN.value) == Method.DURN.value:
            check_torch()
        start = time.monotonic()
        if wholeCine and self.isCine(inputVolume):
            result = shown_by_proxy(upscale_sequence(inputVolume, scale, **options))
        else:
            result = upscale_volume(inputVolume, None if self.isCine(outputVolume) else outputVolume, scale, **options)
        logging.info(f"{result.GetName()} completed in {time.monotonic() - start:.2f} seconds")
        return result

    @staticmethod
    def showSideBySide(before: vtkMRMLScalarVolumeNode, after: vtkMRMLScalarVolumeNode):
        """Show two volumes in linked views; None without a main window, else an object whose ``close()`` undoes it."""
        layoutManager = slicer.app.layoutManager()
        if layoutManager is None:
            return None
        from DURNSuperResLib.scene.comparison import Comparison

        comparison = Comparison(before, after, layoutManager.layoutLogic().GetLayoutNode())
        comparison.show(settle=slicer.app.processEvents)
        return comparison


class DURNSuperResTest(ScriptedLoadableModuleTest):
    """The self test: the phantom through the logic, with the network where torch is installed."""

    def setUp(self):
        slicer.mrmlScene.Clear()

    def runTest(self):
        self.setUp()
        self.test_bicubicKeepsTheFieldOfView()
        self.setUp()
        self.test_durnBeatsBicubicOnThePhantom()

    def _phantomVolume(self):
        from DURNSuperResLib.core.signal.phantom import short_axis_phantom

        self.phantom = short_axis_phantom(2, slices=2, size=128)
        volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Phantom")
        slicer.util.updateVolumeFromArray(volume, self.phantom.acquired)
        volume.SetSpacing(self.phantom.spacing_mm, self.phantom.spacing_mm, 8.0)
        return volume

    def test_bicubicKeepsTheFieldOfView(self):
        volume = self._phantomVolume()
        output = DURNSuperResLogic().process(volume, scale=3, method="bicubic")
        before, after = [0.0] * 6, [0.0] * 6
        volume.GetRASBounds(before)
        output.GetRASBounds(after)
        for a, b in zip(before, after, strict=True):
            self.assertAlmostEqual(a, b, places=4)
        self.delayDisplay("Bicubic keeps the field of view")

    def test_durnBeatsBicubicOnThePhantom(self):
        if importlib.util.find_spec("torch") is None:
            self.delayDisplay("torch is not installed: the network was not tested")
            return
        from DURNSuperResLib.core.signal.quality import psnr

        volume, logic = self._phantomVolume(), DURNSuperResLogic()
        quality = {
            method: psnr(slicer.util.arrayFromVolume(logic.process(volume, method=method)), self.phantom.truth, 1000)
            for method in ("durn", "bicubic")
        }
        self.assertGreater(quality["durn"].mean(), quality["bicubic"].mean() + 1)
        self.delayDisplay("DURN beats bicubic on the phantom")
