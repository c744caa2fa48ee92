"""The network is the described one: sizes, counts, wiring, and rewrites that change nothing."""

import pytest
import torch

from DURNSuperResLib.core.network.network import Deconv, Durn, DurnConfig, bicubic_enlargement
from DURNSuperResLib.core.signal.resampling import bicubic_upscale


@pytest.mark.parametrize(("scale", "count"), [(2, 536_442), (3, 539_362), (4, 538_779)])
def test_literal_durn_has_the_reference_parameter_count(scale: int, count: int) -> None:
    assert sum(p.numel() for p in Durn(DurnConfig(scale)).parameters()) == count


def test_bicubic_skip_adds_no_parameters() -> None:
    plain, skip = Durn(DurnConfig(2)), Durn(DurnConfig(2, bicubic_skip=True))
    assert plain.state_dict().keys() == skip.state_dict().keys()


@pytest.mark.parametrize(
    "config",
    [
        DurnConfig(2),
        DurnConfig(3, bicubic_skip=True),
        DurnConfig(4, urns=1),
        DurnConfig(2, (8, 16, 32, 64, 128)),
        DurnConfig(2, (4, 4, 4), spatial_scale_per_stage=2),
    ],
    ids=["literal", "skip", "single-urn", "four-stages", "spatial"],
)
def test_output_is_scale_times_the_input_for_odd_sizes(config: DurnConfig) -> None:
    with torch.inference_mode():
        assert Durn(config)(torch.rand(2, 1, 13, 9)).shape == (2, 1, 13 * config.scale, 9 * config.scale)


@pytest.mark.parametrize("bad", [{"scale": 5}, {"urns": 3}, {"channels": (8,)}, {"spatial_scale_per_stage": 4}])
def test_impossible_configurations_are_refused(bad: dict) -> None:
    with pytest.raises(ValueError, match=str(next(iter(bad)))):
        DurnConfig(**bad)


def test_stride_one_deconvolution_equals_torch_transposed_convolution() -> None:
    layer = Deconv(3, 5, 3, padding=1)
    x = torch.rand(2, 3, 12, 10)
    expected = torch.nn.functional.conv_transpose2d(x, layer.weight, layer.bias, padding=1)
    torch.testing.assert_close(layer(x), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bicubic_skip_equals_the_bicubic_method_inside(scale: int) -> None:
    x = torch.rand(1, 1, 14, 11)
    inside = (0, 0, slice(2 * scale, -2 * scale), slice(2 * scale, -2 * scale))
    expected = bicubic_upscale(x[0, 0].numpy(), scale)[inside[2:]]
    torch.testing.assert_close(
        bicubic_enlargement(x, scale)[inside].double(), torch.from_numpy(expected), atol=1e-6, rtol=0
    )


@pytest.mark.parametrize("config", [DurnConfig(2), DurnConfig(4), DurnConfig(2, urns=1)], ids=["x2", "x4", "single"])
def test_receptive_radius_bounds_what_a_pixel_depends_on(config: DurnConfig) -> None:
    radius, size = config.receptive_radius, 2 * config.receptive_radius + 5
    image = torch.rand(1, 1, size, 9, dtype=torch.float64, requires_grad=True)
    centre = size // 2
    Durn(config).double()(image)[..., centre * config.scale, :].sum().backward()
    assert image.grad is not None
    touched = image.grad[0, 0].abs().sum(dim=1).nonzero()[:, 0]
    assert (touched - centre).abs().max() <= radius
    assert (touched - centre).abs().max() > radius // 2


def test_both_urns_are_linked_at_the_four_inner_nodes() -> None:
    network = Durn()
    x = torch.rand(1, 8, 6, 6)
    _, nodes = network.urns[0](x)
    assert [node.shape[1] for node in nodes] == [16, 32, 32, 16]
    linked, _ = network.urns[1](x, nodes)
    unlinked, _ = network.urns[1](x)
    assert not torch.allclose(linked, unlinked)
