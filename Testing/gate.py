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
from dataclasses import dataclass

from DURNSuperResLib.cli import main
from DURNSuperResLib.commands import batch

GO, UNTIL_CANCELLED = b"g", b"c"
LONGEST_WAIT_S = 60


@dataclass(frozen=True)
class Arrival:
    """A job that has begun to compute and stands still: its process and the name of its input."""

    pid: int
    name: str
    connection: socket.socket

    def go(self, word: bytes = GO) -> None:
        """Let the job go on, at once or when it is cancelled."""
        self.connection.sendall(word)

    def answer(self) -> bytes:
        """What the job says when it goes on; nothing from a process that has died."""
        return self.connection.recv(20)


class Gate:
    """The test's side."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(LONGEST_WAIT_S)
        self.address = "{}:{}".format(*self._server.getsockname())

    def arrivals(self) -> Iterator[Arrival]:
        """The jobs as they come."""
        while True:
            connection, _ = self._server.accept()
            pid, name = connection.makefile().readline().split()
            yield Arrival(int(pid), name, connection)

    def close(self) -> None:
        self._server.close()


def work(options: argparse.Namespace) -> str:
    """The work of the batch command, stopped at the gate before its first batch of slices."""
    is_cancelled, passed = options.cancelled or bool, []

    def cancelled() -> bool:
        if not passed:
            passed.append(True)
            _stop(options.input.name, is_cancelled)
        return is_cancelled()

    options.cancelled = cancelled
    return WORK(options)


def _stop(name: str, is_cancelled: Callable[[], bool]) -> None:
    host, port = os.environ["DURN_GATE"].split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(f"{os.getpid()} {name}\n".encode())
        end = time.monotonic() + LONGEST_WAIT_S
        if connection.recv(1) == UNTIL_CANCELLED:
            while not is_cancelled() and time.monotonic() < end:
                pass
            connection.sendall(b"cancelled" if is_cancelled() else b"never cancelled")


WORK = batch.work

if __name__ == "__main__":  # the command line, whose jobs stop at the gate
    import gate

    batch.work = gate.work
    sys.exit(main(sys.argv[1:]))
