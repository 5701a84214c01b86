"""The published V: its counts, its shapes, and the same decoder computed in another order."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worldsim.vae.conv_vae import ConvVAE, ConvVAEConfig, Posterior, as_convolution


def random_biases(vae: ConvVAE) -> ConvVAE:
    for layer in vae.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)) and layer.bias is not None:
            nn.init.normal_(layer.bias, std=0.1)
    return vae


@pytest.mark.parametrize(("latent", "count"), [(32, 4_348_547), (64, 4_446_915)])
def test_it_has_the_published_number_of_parameters(latent: int, count: int) -> None:
    vae = ConvVAE(ConvVAEConfig(latent))
    assert sum(p.numel() for p in vae.parameters()) == count
    assert sum(v.numel() for v in vae.state_dict().values()) == count  # no hidden buffers


def test_layers_are_the_published_ones() -> None:
    vae, sizes = ConvVAE(ConvVAEConfig(32)), []
    for layer in (*vae.convolutions, *vae.deconvolutions):
        layer.register_forward_hook(lambda module, given, out: sizes.append(tuple(out.shape[1:])))
    posterior = vae.encode(torch.rand(2, 3, 64, 64))
    assert posterior.mu.shape == posterior.logvar.shape == (2, 32)
    assert sizes == [(32, 31, 31), (64, 14, 14), (128, 6, 6), (256, 2, 2)]
    sizes.clear()
    drawn = vae.decode(torch.randn(2, 32)).detach()
    assert drawn.shape == (2, 3, 64, 64)
    assert 0 <= float(drawn.min()) <= float(drawn.max()) <= 1
    assert sizes == [(64, 13, 13), (32, 30, 30), (3, 64, 64)]  # the first is a matrix product


def plainly(vae: ConvVAE, z: Tensor) -> Tensor:
    x = vae.spread(z)[:, :, None, None]  # linear: no relu here
    for i, layer in enumerate(vae.deconvolutions):
        x = layer(x)
        x = F.relu(x) if i < 3 else torch.sigmoid(x)
    return x


@pytest.mark.parametrize("channels", [1, 3])
def test_both_decoders_are_four_transposed_convolutions(channels: int) -> None:
    vae = random_biases(ConvVAE(ConvVAEConfig(8, channels)))
    z = torch.randn(3, 8)
    expected = plainly(vae, z)
    torch.testing.assert_close(vae.decode(z), expected, rtol=1e-5, atol=1e-6)
    with torch.inference_mode():
        torch.testing.assert_close(vae.decode(z), expected, rtol=1e-5, atol=1e-6)
        rough = vae.decode(z, torch.bfloat16)
    assert rough.dtype == torch.float32
    torch.testing.assert_close(rough, expected, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("kernel", [5, 6])
def test_a_transposed_convolution_is_a_convolution_and_a_shuffle(kernel: int) -> None:
    layer = nn.ConvTranspose2d(3, 2, kernel, 2, bias=False)
    x = torch.randn(2, 3, 7, 7)
    drawn = F.pixel_shuffle(F.conv2d(x, as_convolution(layer.weight), padding=2), 2)
    size = 2 * 6 + kernel
    torch.testing.assert_close(drawn[:, :, :size, :size], layer(x), rtol=1e-5, atol=1e-6)


def test_first_weights_are_tensorflow_ones() -> None:
    vae = ConvVAE(ConvVAEConfig(32))
    weight = vae.deconvolutions[1].weight
    bound = math.sqrt(6 / (25 * (128 + 64)))
    assert bound * 0.98 < float(weight.detach().abs().max()) <= bound
    assert all((p == 0).all() for name, p in vae.named_parameters() if name.endswith("bias"))


def test_the_second_head_is_a_log_variance() -> None:
    n = 100_000
    posterior = Posterior(torch.full((n, 1), 2.0), torch.full((n, 1), math.log(0.25)))
    z = posterior.sample(torch.randn(n, 1, generator=torch.Generator().manual_seed(0)))
    assert float(z.mean()) == pytest.approx(2.0, abs=0.01)
    assert float(z.var()) == pytest.approx(0.25, rel=0.02)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_few_pictures_are_encoded_as_many_are(channels: int) -> None:
    model = ConvVAE(ConvVAEConfig(5, channels)).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    pictures = torch.rand(6, channels, 64, 64)
    with torch.no_grad():
        many = model.encode(pictures)
        for begin, end in ((0, 1), (1, 3), (2, 6)):
            few = model.encode(pictures[begin:end])
            assert torch.allclose(few.mu, many.mu[begin:end], atol=1e-5)
            assert torch.allclose(few.logvar, many.logvar[begin:end], atol=1e-5)
        model.convolutions[0].weight.mul_(2)  # what was prepared is made again
        assert torch.allclose(model.encode(pictures[:1]).mu, model.encode(pictures).mu[:1], atol=1e-5)
    model.encode(pictures[:1]).mu.sum().backward()
    assert model.convolutions[0].weight.grad is not None
