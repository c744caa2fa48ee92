"""``durn-superres view``: the original and the upscaled images in a browser."""

from __future__ import annotations

import argparse
import logging
import webbrowser

from ..version import NOTICE


def view(options: argparse.Namespace) -> None:
    """Run the command: serve until interrupted."""
    from ..viewer.app import Place, serve
    from ..viewer.security import is_loopback
    from ..viewer.session import Session

    if options.uncertainty is not None and options.b is None:
        raise ValueError("--uncertainty is of the upscaled image B, and none is given")
    session = Session(options.slice_axis)
    session.open(options.a, options.b, options.uncertainty, series=options.series, order=options.order)
    if not is_loopback(options.host):
        logging.warning("%s can be reached from other machines, and what is sent is not encrypted", options.host)

    def ready(address: str) -> None:
        print(address, flush=True)
        logging.info("Open this address in a browser on this machine; Ctrl-C ends. %s", NOTICE)
        if options.open:
            webbrowser.open(address)

    place = Place(options.host, options.port, options.upload_limit * 2**20)
    serve(session, place, options.device, ready)
