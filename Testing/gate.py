"""A gate in the midst of a job's computation, in whatever process that runs: it tells a test and waits for its word.

A process that is to stop at the gate has the test's address in the environment variable ``DURN_GATE``.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator

from DURNSuperResLib.cli import main
from DURNSuperResLib.commands import batch

GO, UNTIL_CANCELLED = b"g", b"c"
LONGEST_WAIT_S = 60


class Gate:
    """The test's side: each arrival is a job that has begun to compute and stands still."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(LONGEST_WAIT_S)
        self.address = "{}:{}".format(*self._server.getsockname())

    def arrivals(self) -> Iterator[tuple[int, str, Callable[[bytes], None]]]:
        """Process, input file name, and how to let the job go on, as they come."""
        while True:
            connection, _ = self._server.accept()
            pid, name = connection.makefile().readline().split()
            yield int(pid), name, connection.sendall

    def close(self) -> None:
        self._server.close()


def work(options: argparse.Namespace) -> str:
    """The work of the batch command, stopped at the gate before its first batch of slices."""
    wanted, passed = options.cancelled, []

    def cancelled() -> bool:
        if not passed:
            passed.append(True)
            _stop(options.input.name, wanted)
        return wanted is not None and wanted()

    options.cancelled = cancelled
    return WORK(options)


def _stop(name: str, wanted: Callable[[], bool] | None) -> None:
    host, port = os.environ["DURN_GATE"].split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(f"{os.getpid()} {name}\n".encode())
        word = connection.recv(1)
    end = time.monotonic() + LONGEST_WAIT_S
    while word == UNTIL_CANCELLED and not wanted() and time.monotonic() < end:
        pass


WORK = batch.work

if __name__ == "__main__":  # the command line, whose jobs stop at the gate
    import gate

    batch.work = gate.work
    sys.exit(main(sys.argv[1:]))
