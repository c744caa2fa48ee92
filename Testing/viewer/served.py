"""The viewer as its own process as a user starts it, and the browser that looks at it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

CHROMIUM = Path("/usr/bin/chromium")
QUIET = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
READ_SECONDS = 60
LIBRARY = Path(__file__).resolve().parents[2] / "DURNSuperRes"


@dataclass
class Served:
    """A running ``durn-superres view``."""

    process: subprocess.Popen[str]
    address: str
    folder: Path

    @property
    def token(self) -> str:
        return self.address.rpartition("token=")[2]

    @property
    def root(self) -> str:
        return self.address.partition("?")[0]

    def end(self) -> int:
        """Ask it to end as a user does, and wait; returns its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        code = self.process.wait(READ_SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


def start_viewer(folder: Path, *arguments: object) -> Served:
    """Start the command; ``folder`` is where it may put temporary files."""
    command = [sys.executable, "-m", "DURNSuperResLib.cli", "view", "--quiet", *map(str, arguments)]
    environment = {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(LIBRARY)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    return Served(process, process.stdout.readline().strip(), folder)
