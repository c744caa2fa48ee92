"""The progress bar: on a terminal it tells how far the run is and is gone at the end; elsewhere it is silent."""

from __future__ import annotations

import io

from DURNSuperResLib.commands.progress import progress_bar


class Terminal(io.StringIO):
    """What the bar takes for a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_is_told_how_far_the_run_is() -> None:
    terminal = Terminal()
    with progress_bar(stream=terminal) as progress:
        progress(1, 4)
        progress(4, 4)
    text = terminal.getvalue()
    assert "100%" in text
    assert "4/4" in text
    assert "slices" in text
    assert text.rpartition("\r")[2].strip() == ""


def test_pipes_and_quiet_runs_see_nothing() -> None:
    pipe, terminal = io.StringIO(), Terminal()
    with progress_bar(stream=pipe) as progress, progress_bar(stream=terminal, shown=False) as quiet:
        progress(1, 2)
        quiet(1, 2)
    assert pipe.getvalue() == terminal.getvalue() == ""
