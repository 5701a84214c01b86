"""DCGAN, conditional forms, patch critic, U-Net: published counts, what sees what."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from worldsim.errors import BadInput
from worldsim.gan.conditional import ProjectionHead, concatenate
from worldsim.gan.dcgan import DCGANConfig, DCGANDiscriminator, DCGANGenerator
from worldsim.gan.patch import PatchCritic
from worldsim.gan.unet import UNet, UNetConfig

SMALL = DCGANConfig(size=16, width=4, latent=5, channels=2)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_published_parameter_counts() -> None:
    with torch.device("meta"):
        assert count(DCGANGenerator(DCGANConfig())) == 3_576_704
        assert count(DCGANDiscriminator(DCGANConfig())) == 2_765_568 + 1
        assert count(PatchCritic(6)) == 2_768_705
        assert count(UNet(UNetConfig())) == 54_413_955
        assert round(count(UNet(UNetConfig(depth=7))) / 1e6, 3) == 41.829  # the released network for 128 pixels


@pytest.mark.parametrize("size", [8, 16, 32])
def test_dcgan_sizes_range_and_weights(size: int) -> None:
    config = DCGANConfig(size=size, width=16, latent=5, channels=2)
    generator, discriminator = DCGANGenerator(config), DCGANDiscriminator(config)
    pictures = generator(torch.randn(3, 5))
    assert pictures.shape == (3, 2, size, size)
    assert float(pictures.detach().abs().max()) <= 1
    assert discriminator(pictures).shape == (3,)
    assert discriminator.features(pictures).shape == (3, 16 * config.widths[-1])
    weight = generator.layers[-1].weight
    assert float(weight.detach().std()) == pytest.approx(0.02, rel=0.15)
    with pytest.raises(BadInput, match="power of two, at least 8, got 84"):
        DCGANConfig(size=84)


@pytest.mark.parametrize("conditioning", ["concatenation", "projection"])
def test_conditions_reach_both_networks(conditioning: str) -> None:
    config = DCGANConfig(
        size=16,
        width=4,
        latent=5,
        channels=2,
        condition=3,
        norm="none",
        conditioning=conditioning,  # type: ignore[arg-type]
    )
    generator, discriminator = DCGANGenerator(config).eval(), DCGANDiscriminator(config)
    z, first, second = torch.randn(2, 5), torch.eye(3)[[0, 0]], torch.eye(3)[[1, 2]]
    assert not torch.equal(generator(z, first), generator(z, second))
    pictures = torch.rand(2, 2, 16, 16)
    assert not torch.equal(discriminator(pictures, first), discriminator(pictures, second))
    changed = torch.stack([first[0], second[1]])
    assert torch.equal(discriminator(pictures, first)[0], discriminator(pictures, changed)[0])


def test_concatenation_makes_planes() -> None:
    assert concatenate(torch.zeros(2, 3), torch.ones(2, 1)).tolist() == [[0, 0, 0, 1]] * 2
    maps = concatenate(torch.zeros(2, 1, 2, 2), torch.tensor([[5.0, 6.0], [7.0, 8.0]]))
    assert maps[1].tolist() == [[[0, 0], [0, 0]], [[7, 7], [7, 7]], [[8, 8], [8, 8]]]


def test_projection_is_a_linear_layer_plus_an_inner_product_with_the_labels_embedding() -> None:
    head = ProjectionHead(4, 3)
    features = torch.randn(3, 4)
    assert head.project is not None
    embedding = head.project.weight.T  # (3 labels, 4)
    expected = head.linear(features)[:, 0] + (embedding * features).sum(1)
    torch.testing.assert_close(head(features, torch.eye(3)), expected)
    torch.testing.assert_close(head(features, torch.zeros(3, 3)), head.linear(features)[:, 0])
    assert ProjectionHead(4)(features).shape == (3,)


@pytest.mark.parametrize(("layers", "field"), [(1, 16), (2, 34), (3, 70)])
def test_a_patch_logit_sees_its_published_receptive_field(layers: int, field: int) -> None:
    critic = PatchCritic(1, width=2, layers=layers, norm="none")
    for parameter in critic.parameters():  # no weight may hide what a logit depends on
        nn.init.constant_(parameter, 0.1)
    x = torch.rand(1, 1, 128, 128, requires_grad=True)
    logits = critic(x)
    side = 128 // 2**layers - 2
    assert logits.shape == (1, 1, side, side)
    logits[0, 0, side // 2, side // 2].backward()
    assert x.grad is not None
    seen = x.grad[0, 0] != 0
    assert int(seen.any(1).sum()) == field
    assert int(seen.any(0).sum()) == field


def test_unet_passes_details_and_refuses_sizes_that_do_not_halve() -> None:
    net = UNet(UNetConfig(inputs=2, outputs=1, width=4, depth=3, dropout=0.0))
    x = torch.randn(2, 2, 16, 24)
    assert net(x).shape == (2, 1, 16, 24)
    assert float(net(x).detach().abs().max()) <= 1
    assert count(net) == sum(
        (
            16 * (2 * 4 + 4 * 8 + 8 * 16),  # down, no biases
            2 * 8,  # the norm between the first and the innermost
            16 * (16 * 8 + 16 * 4 + 8 * 1) + 1,  # up, of which two thirds see what lies beside them too
            2 * (8 + 4),
        )
    )
    with pytest.raises(BadInput, match=r"depth 3 needs sides divisible by 8, got \(16, 20\)"):
        net(x[..., :20])
    with pytest.raises(BadInput, match="at least 2, got 1"):
        UNet(UNetConfig(depth=1))


def test_unet_sees_the_picture_through_the_outermost_skip_alone() -> None:
    net = UNet(UNetConfig(inputs=1, outputs=1, width=4, depth=3, norm="none", dropout=0.0)).eval()
    with torch.no_grad():
        for layer in (*net.down[1:], *net.up):  # nothing comes back from below
            layer.conv.weight.zero_()
    x = torch.randn(1, 1, 16, 16, requires_grad=True)
    net(x)[0, 0, 8, 8].backward()
    assert x.grad is not None
    seen = (x.grad[0, 0] != 0).nonzero()
    assert 0 < len(seen) <= 36
    assert int((seen - 8).abs().max()) <= 4


def test_dropout_is_where_pix2pix_has_it() -> None:
    with torch.device("meta"):
        net = UNet(UNetConfig())
    assert [layer.dropout.p for layer in net.up] == [0.0, 0.5, 0.5, 0.5, 0.0, 0.0, 0.0]
