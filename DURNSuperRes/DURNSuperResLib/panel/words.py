"""What the panel says of a run and of its result, in a radiographer's words; an engineer's are in the details."""

from __future__ import annotations

import slicer
from slicer.i18n import tr as _

from ..core.told import rounded
from ..scene.provenance import ATTRIBUTE_PREFIX
from ..scene.sequences import sequence_of
from ..scene.trust import INSIDE
from ..scene.uncertainty import WITHDRAWN
from .status import RunStatus

WEIGHTIEST = ("modality", "sequence")  # another kind of image matters more than another size of pixel


def duration(seconds: float) -> str:
    """A time as people say it: "5 s", "2 min", "1 h 20 min"."""
    if seconds < 90:
        return _("{count} s").format(count=max(1, round(seconds)))
    minutes = round(seconds / 60)
    if minutes < 90:
        return _("{count} min").format(count=minutes)
    return _("{hours} h {minutes} min").format(hours=minutes // 60, minutes=minutes % 60)


def under_way(status: RunStatus) -> str:
    """How far a run has come."""
    return _("{done} of {total} slices, about {left} left").format(
        done=status.done, total=status.total, left=duration(status.seconds_left)
    )


def finished(status: RunStatus) -> str:
    """That a run is done."""
    return _("Done in {time}.").format(time=duration(status.seconds))


def summary(output: slicer.vtkMRMLNode) -> str:
    """What was kept, what shows the doubt, and the one warning that matters most; empty without an upscaling."""
    output = sequence_of(output) or output
    return " ".join(filter(None, (_kept(output), _doubt(output), _warning(output))))


def details(output: slicer.vtkMRMLNode) -> str:
    """All that was found, a line each; empty for a volume that was not upscaled."""
    output = sequence_of(output) or output
    lines = (
        (_("Model"), _stated(output, "Model") or _stated(output, "Method")),
        (_("Pixels"), _stated(output, "Resolution")),
        (_("Consistency"), _stated(output, "Consistency")),
        (_("Error bars"), _stated(output, "Within") or _stated(output, WITHDRAWN)),
        (_("Domain"), _stated(output, "Domain")),
    )
    return "\n".join(_("{name}: {value}").format(name=name, value=value) for name, value in lines if value)


def percent(share: float, digits: int = 1) -> str:
    """Per cent in so many digits that count: "0.02 %", "1 %", "10 %"."""
    return _("{share} %").format(share=rounded(share, digits))


def _kept(output: slicer.vtkMRMLNode) -> str:
    decibels, largest = _stated(output, "ConsistencyPSNR"), _stated(output, "ConsistencyPercent")
    if not decibels or not largest:
        return ""
    if _stated(output, "KeepMeasured"):
        return _("What was measured is kept.")
    typical = 100 * 10 ** (-float(decibels) / 20)
    return _("What was measured differs in it by {typical} of its brightness, {largest} at most.").format(
        typical=percent(typical), largest=percent(float(largest))
    )


def _doubt(output: slicer.vtkMRMLNode) -> str:
    body, rims, level = (_stated(output, name) for name in ("WithinBody", "WithinRims", "WithinLevel"))
    if not body or not rims or not level:
        return _("There are no error bars for such an image.") if _stated(output, WITHDRAWN) else ""
    return _("{share} of the pixels are within {body} of what a finer scan would show, at rims within {rims}.").format(
        share=percent(100 * float(level), 2), body=rounded(float(body)), rims=rounded(float(rims))
    )


def _warning(output: slicer.vtkMRMLNode) -> str:
    found = _stated(output, "Domain") or INSIDE
    if found == INSIDE:
        return ""
    findings = found.split("; ")
    first = next((text for word in WEIGHTIEST for text in findings if word in text), findings[0])
    return _("Take care: {finding}.").format(finding=first)


def _stated(output: slicer.vtkMRMLNode, name: str) -> str:
    return output.GetAttribute(ATTRIBUTE_PREFIX + name) or ""
