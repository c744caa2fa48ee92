"""The layouts of a comparison: their numbers, views and descriptions.

Slicer's start asks for them, so this file imports nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import slicer

SIDE_BY_SIDE, ONE_VIEW, WITH_DIFFERENCE, TWO_PHASES = 5201, 5202, 5203, 5204  # above 100 they are free for modules
VIEW_GROUP = 5201  # linking acts within a group
BEFORE, AFTER, BLINK, DIFFERENCE = "DURNBefore", "DURNAfter", "DURNBlink", "DURNDifference"
BEFORE_LATER, AFTER_LATER = "DURNBeforeLater", "DURNAfterLater"
VIEWS = {
    SIDE_BY_SIDE: (BEFORE, AFTER),
    ONE_VIEW: (BLINK,),
    WITH_DIFFERENCE: (BEFORE, AFTER, DIFFERENCE),
    TWO_PHASES: (BEFORE, AFTER, BEFORE_LATER, AFTER_LATER),
}
COLUMNS = 3
_GREY, _BLUE, _ORANGE = "#8C8C8C", "#4E9AD6", "#D69A4E"
_LETTERS = {
    BEFORE: ("B", _GREY),
    AFTER: ("A", _BLUE),
    BLINK: ("AB", _BLUE),
    DIFFERENCE: ("D", _ORANGE),
    BEFORE_LATER: ("B2", _GREY),
    AFTER_LATER: ("A2", _BLUE),
}


def layout_description(layout: int) -> str:
    """XML of one of the layouts, for ``vtkMRMLLayoutNode``."""
    views = VIEWS[layout]
    if len(views) <= COLUMNS:
        return _row(views)
    rows = "".join(f"<item>{_row(views[n : n + 2])}</item>" for n in range(0, len(views), 2))
    return f'<layout type="vertical" split="true">{rows}</layout>'


def register_layouts(layout_node: slicer.vtkMRMLLayoutNode) -> None:
    """Make the layouts known, so that a scene saved during a comparison opens in it."""
    for layout in VIEWS:
        if not layout_node.IsLayoutDescription(layout):
            layout_node.AddLayoutDescription(layout, layout_description(layout))


def _row(views: tuple[str, ...]) -> str:
    return f'<layout type="horizontal" split="true">{"".join(map(_item, views))}</layout>'


def _item(view: str) -> str:
    letters, colour = _LETTERS[view]
    return (
        f'<item><view class="vtkMRMLSliceNode" singletontag="{view}">'
        '<property name="orientation" action="default">Axial</property>'
        f'<property name="viewlabel" action="default">{letters}</property>'
        f'<property name="viewcolor" action="default">{colour}</property>'
        f'<property name="viewgroup" action="default">{VIEW_GROUP}</property>'
        "</view></item>"
    )
