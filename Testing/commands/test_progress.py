"""The progress bar draws on a terminal and nowhere else."""

import io

from DURNSuperResLib.progress import ProgressBar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_the_share_and_the_time_left() -> None:
    terminal = Terminal()
    with ProgressBar(terminal) as bar:
        bar(1, 4)
        bar(4, 4)
    text = terminal.getvalue()
    assert "1/4 slices" in text
    assert "4/4 slices, 0 s left" in text
    assert "#" * ProgressBar.WIDTH in text
    assert text.endswith("\r\033[K")


def test_a_pipe_and_a_quiet_run_see_nothing() -> None:
    pipe, terminal = io.StringIO(), Terminal()
    for bar in (ProgressBar(pipe), ProgressBar(terminal, shown=False)):
        with bar:
            bar(1, 2)
    assert pipe.getvalue() == terminal.getvalue() == ""
