"""The network is OPSCAN's, layer by layer."""

import pytest
import torch
from torch import nn

from screening.networks import DENSENET121, FilmNetwork, initialized, parameter_count


@pytest.fixture(scope="module")
def full() -> FilmNetwork:
    return initialized(64, seed=1).eval()


def layers(network: nn.Module, kind: type) -> list[nn.Module]:
    return [module for module in network.modules() if isinstance(module, kind)]


def test_the_published_network_has_11179463_parameters(full):
    convolutions = sum(layer.weight.numel() for layer in layers(full, nn.Conv2d))
    affine = sum(layer.weight.numel() + layer.bias.numel() for layer in layers(full, nn.BatchNorm2d))
    assert (convolutions, affine) == (11_171_008, 7_942)
    assert parameter_count(full) == 11_171_008 + 7_942 + 513 == 11_179_463


def test_it_has_21_convolutions_without_bias_and_19_normalizations(full):
    convolutions, normalizations = layers(full, nn.Conv2d), layers(full, nn.BatchNorm2d)
    assert (len(convolutions), len(normalizations)) == (21, 19)
    assert all(layer.bias is None for layer in convolutions)
    assert {(layer.eps, layer.momentum) for layer in normalizations} == {(2e-5, 0.1)}


def test_maps_shrink_as_computed_by_hand(full):
    seen = {}
    watched = {"conv0": full.conv0} | {f"stage{i + 1}": stage for i, stage in enumerate(full.stages)}
    for name, layer in watched.items():
        layer.register_forward_hook(lambda _, __, out, name=name: seen.update({name: tuple(out.shape)}))
    with torch.inference_mode():
        logits = full(torch.rand(2, 3, 224, 224))
    assert seen == {
        "conv0": (2, 64, 112, 112),
        "stage1": (2, 64, 56, 56),
        "stage2": (2, 128, 28, 28),
        "stage3": (2, 256, 14, 14),
        "stage4": (2, 512, 7, 7),
    }
    assert logits.shape == (2,)


def test_the_first_unit_of_every_stage_projects_what_bn1_and_relu_made():
    network = initialized(4, seed=2).eval()
    for stage in network.stages:
        first, second = stage
        assert first.projection is not None and first.projection.kernel_size == (1, 1)
        assert second.projection is None
        seen = {}
        first.projection.register_forward_hook(lambda _, args, __, seen=seen: seen.update(taken=args[0]))
        x = torch.randn(1, first.bn1.num_features, 8, 8)
        with torch.inference_mode():
            first(x)
            assert torch.equal(seen["taken"], torch.relu(first.bn1(x)))


def test_the_second_unit_adds_the_raw_sum_untouched():
    second = initialized(4, seed=2).eval().stages[0][1]
    nn.init.zeros_(second.conv2.weight)
    x = torch.randn(1, 4, 8, 8)
    assert torch.equal(second(x), x)  # negative values too: no activation on the way


def test_the_input_normalization_keeps_its_gamma_at_one():
    network = initialized(4, seed=3).train()
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(trained, 0.1)
    network(torch.rand(4, 3, 64, 64)).sum().backward()
    optimizer.step()
    assert torch.equal(network.bn_data.weight, torch.ones(3))
    assert not torch.equal(network.bn_data.bias, torch.zeros(3))


def test_a_crop_scores_the_same_whatever_shares_its_batch():
    network, crops = initialized(8, seed=4).eval(), torch.rand(10, 3, 224, 224)
    with torch.inference_mode():
        together = network(crops)
        alone = torch.cat([network(crops[i : i + 1]) for i in range(10)])
    assert torch.allclose(together, alone, atol=1e-6)


def test_a_seed_gives_the_same_network_whatever_was_drawn_before():
    first = initialized(4, seed=5)
    torch.rand(7)
    second = initialized(4, seed=5)
    assert all(map(torch.equal, first.state_dict().values(), second.state_dict().values()))


def test_densenet_121_is_the_named_one_for_one_gray_channel():
    """6,953,856 parameters before the last layer for three channels (Huang et al. 2017, as torchvision counts)."""
    network = initialized(64, seed=1, architecture=DENSENET121)
    two_channels_less, last_layer = 2 * 64 * 7 * 7, 1024 + 1
    assert parameter_count(network) == 6_953_856 - two_channels_less + last_layer


def test_densenet_takes_a_step_and_its_parts_make_up_the_whole():
    network, crops = initialized(8, seed=1, architecture=DENSENET121), torch.rand(2, 3, 224, 224)
    again = initialized(8, seed=1, architecture=DENSENET121)
    assert all(map(torch.equal, network.state_dict().values(), again.state_dict().values()))

    network.train()(crops).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    network.eval()
    with torch.inference_mode():
        gray = crops[:, :1].expand(-1, 3, -1, -1)
        assert network.features(gray).shape == (2, 256 // 16 * 8, 7, 7)
        assert torch.allclose(network(gray), network.body(gray[:, :1])[:, 0])
