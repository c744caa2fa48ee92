"""The network arranged for inference computes what the network computes."""

from __future__ import annotations

import pytest
import torch

from DURNSuperResLib.core.network.fused import FusedDurn
from DURNSuperResLib.core.network.inference import _load
from DURNSuperResLib.core.network.models import ModelCard, available_models
from DURNSuperResLib.core.network.network import Durn, DurnConfig

CPU = torch.device("cpu")
CONFIGURATIONS = {
    "literal": DurnConfig(2),
    "single URN": DurnConfig(3, urns=1),
    "two sub-pixel steps": DurnConfig(4, (8, 16, 24), bicubic_skip=True, upsample_width=16),
    "one stage": DurnConfig(2, (24, 48), bicubic_skip=True, upsample_width=24),
    "one stage x3": DurnConfig(3, (8, 16), bicubic_skip=True, upsample_width=12),
    "the spatial reading": DurnConfig(2, (4, 8, 8), spatial_scale_per_stage=2),
}


def network_with_lively_slopes(config: DurnConfig) -> Durn:
    """A random network whose PReLU slopes are negative, small and above 1 alike."""
    torch.manual_seed(0)
    network = Durn(config).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.PReLU):
            module.weight.data.uniform_(-0.5, 1.5)
    return network


@pytest.mark.parametrize("name", CONFIGURATIONS)
@pytest.mark.parametrize("shape", [(2, 1, 20, 27), (1, 1, 5, 64)])
def test_fused_network_equals_the_network(name: str, shape: tuple[int, ...]) -> None:
    network = network_with_lively_slopes(CONFIGURATIONS[name])
    images = torch.rand(shape)
    given = images.clone()
    with torch.inference_mode():
        expected = network(images)
    torch.testing.assert_close(FusedDurn(network, CPU)(images), expected, rtol=1e-5, atol=1e-5)
    assert torch.equal(images, given)


@pytest.mark.parametrize("card", available_models(), ids=lambda card: card.name)
def test_fused_bundled_model_equals_the_model(card: ModelCard) -> None:
    network = _load(card).eval()
    images = torch.rand(2, 1, 40, 56)
    with torch.inference_mode():
        expected = network(images)
    fused = FusedDurn(network, CPU)
    torch.testing.assert_close(fused(images), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(fused.on(CPU, torch.bfloat16)(images), expected, rtol=0, atol=0.05)
    torch.testing.assert_close(fused.on(CPU, torch.bfloat16).on(CPU, torch.float32)(images), fused(images))
