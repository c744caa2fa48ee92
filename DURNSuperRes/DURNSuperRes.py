"""DURN Super-Resolution: the Slicer module over :mod:`DURNSuperResLib`."""

import importlib.util
import logging
import sys
import time
from collections.abc import Callable
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


@parameterNodeWrapper
class DURNSuperResParameterNode:
    """The panel's settings, saved with the scene."""

    inputVolume: vtkMRMLScalarVolumeNode
    outputVolume: vtkMRMLScalarVolumeNode
    scale: Annotated[int, Choice([2, 3, 4])] = 2
    method: Annotated[str, Choice(["durn", "bicubic"])] = "durn"
    device: Annotated[str, Choice(["auto", "cuda", "cpu"])] = "auto"
    sliceAxis: Annotated[str, Choice(["auto", "i", "j", "k"])] = "auto"
    keepType: bool = False


class DURNSuperResWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self._parameterNode = None
        self._parameterNodeGuiTag = None

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/DURNSuperRes.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = DURNSuperResLogic()
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.ui.applyButton.connect("clicked(bool)", self.onApplyButton)
        self.ui.compareButton.connect("clicked(bool)", self.onCompareButton)
        self.initializeParameterNode()

    def cleanup(self):
        self.removeObservers()

    def enter(self):
        self.initializeParameterNode()

    def exit(self):
        self.setParameterNode(None)

    def onReload(self):
        for name in [name for name in sys.modules if name.partition(".")[0] == "DURNSuperResLib"]:
            del sys.modules[name]
        ScriptedLoadableModuleWidget.onReload(self)

    def onSceneStartClose(self, caller, event):
        self.setParameterNode(None)

    def onSceneEndClose(self, caller, event):
        if self.parent.isEntered:
            self.initializeParameterNode()

    def initializeParameterNode(self):
        self.setParameterNode(self.logic.getParameterNode())
        if not self._parameterNode.inputVolume:
            firstVolume = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode")
            if firstVolume:
                self._parameterNode.inputVolume = firstVolume

    def setParameterNode(self, inputParameterNode):
        if self._parameterNode:
            self._parameterNode.disconnectGui(self._parameterNodeGuiTag)
            self.removeObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self._checkCanApply)
        self._parameterNode = inputParameterNode
        if self._parameterNode:
            self._parameterNodeGuiTag = self._parameterNode.connectGui(self.ui)
            self.addObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self._checkCanApply)
            self._checkCanApply()

    def _checkCanApply(self, caller=None, event=None):
        parameters = self._parameterNode
        canApply, reason = self.logic.isValidInputOutputData(parameters.inputVolume, parameters.outputVolume)
        self.ui.applyButton.enabled = canApply
        self.ui.applyButton.toolTip = _("Upscale the input volume.") if canApply else reason
        canCompare = canApply and parameters.outputVolume is not None
        self.ui.compareButton.enabled = canCompare
        self.ui.compareButton.toolTip = _("Show input and output side by side.") if canCompare else _("Upscale first.")

    def onApplyButton(self):
        parameters = self._parameterNode
        self.ui.applyButton.enabled = False  # the events that progress lets through must not start a second run
        dialog = slicer.util.createProgressDialog(labelText=_("Upscaling..."), windowTitle=_("DURN Super-Resolution"))

        def showProgress(done, total):
            dialog.maximum = total
            dialog.value = done
            slicer.app.processEvents()

        try:
            with slicer.util.tryWithErrorDisplay(_("The volume was not upscaled.")):
                parameters.outputVolume = self.logic.process(
                    parameters.inputVolume,
                    parameters.outputVolume,
                    parameters.scale,
                    method=parameters.method,
                    device=parameters.device,
                    sliceAxis=parameters.sliceAxis,
                    keepType=parameters.keepType,
                    progress=showProgress,
                    cancelled=lambda: dialog.wasCanceled,
                )
        finally:
            dialog.close()
            if self._parameterNode:
                self._checkCanApply()

    def onCompareButton(self):
        self.logic.showSideBySide(self._parameterNode.inputVolume, self._parameterNode.outputVolume)


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

    def process(
        self,
        inputVolume: vtkMRMLScalarVolumeNode,
        outputVolume: Optional[vtkMRMLScalarVolumeNode] = None,
        scale: int = 2,
        *,
        method: str = "durn",
        device: str = "auto",
        sliceAxis: str = "auto",
        keepType: bool = False,
        progress: Optional[Callable[[int, int], None]] = None,
        cancelled: Optional[Callable[[], bool]] = None,
    ) -> Optional[vtkMRMLScalarVolumeNode]:
        """Upscale a volume in the plane of its slices; see ``DURNSuperResLib.scene.volumes.upscale_volume``.

        Returns the output volume. After a cancel, nothing was changed and ``outputVolume`` comes back as it was given.
        """
        isValid, reason = self.isValidInputOutputData(inputVolume, outputVolume)
        if not isValid:
            raise ValueError(reason)
        from DURNSuperResLib import Cancelled
        from DURNSuperResLib.scene.volumes import upscale_volume

        start = time.monotonic()
        try:
            result = upscale_volume(
                inputVolume,
                outputVolume,
                scale,
                method=method,
                device=device,
                slice_axis=sliceAxis,
                keep_type=keepType,
                progress=progress,
                cancelled=cancelled,
            )
        except Cancelled:
            return outputVolume
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
            raise RuntimeError(
                _("DURN needs PyTorch: install the PyTorch extension and, with it, torch. Bicubic works without.")
            ) from error
        logging.info(f"{method} x{scale} completed in {time.monotonic() - start:.2f} seconds")
        return result

    @staticmethod
    def showSideBySide(first: vtkMRMLScalarVolumeNode, second: vtkMRMLScalarVolumeNode) -> None:
        """Show two volumes in linked views, with the window and level of the first; nothing without a main window."""
        layoutManager = slicer.app.layoutManager()
        if layoutManager is None:
            return
        from DURNSuperResLib.scene.views import face_slices

        layoutManager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutSideBySideView)
        shown = first.GetDisplayNode()
        second.GetDisplayNode().SetAutoWindowLevel(False)
        second.GetDisplayNode().SetWindowLevel(shown.GetWindow(), shown.GetLevel())
        for name, volume in (("Red", first), ("Yellow", second)):
            sliceLogic = layoutManager.sliceWidget(name).sliceLogic()
            sliceLogic.GetSliceCompositeNode().SetLinkedControl(True)
            sliceLogic.GetSliceCompositeNode().SetBackgroundVolumeID(volume.GetID())
            face_slices(sliceLogic.GetSliceNode(), first)
            sliceLogic.FitSliceToBackground()


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
        from DURNSuperResLib.core.phantom import short_axis_phantom

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
        from DURNSuperResLib.core.quality import psnr

        volume, logic = self._phantomVolume(), DURNSuperResLogic()
        quality = {
            method: psnr(slicer.util.arrayFromVolume(logic.process(volume, method=method)), self.phantom.truth, 1000)
            for method in ("durn", "bicubic")
        }
        self.assertGreater(quality["durn"].mean(), quality["bicubic"].mean() + 1)
        self.delayDisplay("DURN beats bicubic on the phantom")
