"""What a network costs to run."""

from __future__ import annotations

import time

import torch
from torch.utils.flop_counter import FlopCounterMode

from DURNSuperResLib.core.network.network import Durn, in_channels_last


def multiply_adds(network: Durn) -> int:
    """Multiply-adds of one 128 x 128 input slice, convolutions of all kinds."""
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 1, 128, 128))
    return counter.get_total_flops() // 2


def milliseconds(network: Durn, repeats: int = 5) -> float:
    """Shortest time of one 256 x 256 slice in float32 on this machine's CPU."""
    network = in_channels_last(network)
    image = torch.rand(1, 1, 256, 256)
    times = []
    with torch.inference_mode():
        for _ in range(repeats):
            start = time.perf_counter()
            network(image)
            times.append(time.perf_counter() - start)
    return 1e3 * min(times)


def operations_a_pixel(network: Durn) -> int:
    """Multiply-adds for one input pixel, convolutions of all kinds, rounded."""
    return round(multiply_adds(network) / 128**2)
