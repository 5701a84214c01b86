"""Spectral norm on whole networks."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from worldsim.errors import BadInput
from worldsim.gan.attention import SelfAttention
from worldsim.gan.losses import LOSSES
from worldsim.gan.penalties import r1
from worldsim.gan.residual import ResidualDown
from worldsim.gan.spectral import plain, settle, spectral
from worldsim.training.moving_average import MovingAverage

X = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def critic(seed: int = 0) -> nn.Sequential:
    """Every kind of layer that is normalised."""
    torch.manual_seed(seed)
    blocks = [ResidualDown(3, 8, activate=False), SelfAttention(8), nn.ConvTranspose2d(8, 4, 4, 2, 1), nn.ReLU()]
    return spectral(nn.Sequential(*blocks, nn.Flatten(), nn.Linear(4 * 16 * 16, 1)))


def sigmas(network: nn.Module) -> list[float]:
    """The largest singular value of every layer's weight, outputs by rest."""
    out = []
    for layer in network.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            weight = layer.weight.detach()
            matrix = (weight.transpose(0, 1) if isinstance(layer, nn.ConvTranspose2d) else weight).flatten(1)
            out.append(float(torch.linalg.matrix_norm(matrix, 2)))
    return out


def test_every_layer_ends_at_sigma_1() -> None:
    network = settle(critic())
    assert len(sigmas(network)) == 3 + 4 + 1 + 1
    assert sigmas(network) == pytest.approx([1.0] * 9, abs=1e-3)


def test_sigma_follows_the_weights_after_settling_and_modes_are_left_as_they_were() -> None:
    network = critic().eval()
    network[0].train()
    with torch.no_grad():
        network[2].parametrizations.weight.original.mul_(3).add_(0.2)
    settle(network)
    assert sigmas(network) == pytest.approx([1.0] * 9, abs=1e-3)
    assert network[0].training
    assert not network[2].training
    assert not network.training


def test_a_linear_layer_is_1_lipschitz() -> None:
    layer = settle(spectral(nn.Linear(20, 30, bias=False)))
    x = torch.randn(1000, 20, generator=torch.Generator().manual_seed(0))
    assert float((layer(x).norm(dim=1) / x.norm(dim=1)).max().detach()) <= 1 + 1e-4


def test_what_is_left_out_and_what_is_normalised_already() -> None:
    network = nn.ModuleDict({"a": nn.Linear(2, 2), "ab": nn.Linear(2, 2), "c": nn.Sequential(nn.Linear(2, 2))})
    spectral(spectral(network, leave_out=["a", "c"]), leave_out=["a", "c"])
    assert [key for key in network.state_dict() if "parametrizations" in key] == [
        "ab.parametrizations.weight.original",
        "ab.parametrizations.weight.0._u",
        "ab.parametrizations.weight.0._v",
    ]
    with pytest.raises(BadInput, match=r"leave_out names \['heads'\]"):
        spectral(nn.Linear(2, 2), leave_out=["heads"])


def test_two_passes_and_a_penalty_train_under_bfloat16_autocast() -> None:
    network = critic()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = LOSSES["lsgan"].discriminator(network(X), network(-X)) + r1(network, X)
    loss.backward()
    assert loss.dtype == torch.float32
    assert torch.isfinite(loss)
    for name, parameter in network.named_parameters():
        assert parameter.dtype == torch.float32
        # The attention's gain of 0 keeps gradients from what it multiplies.
        behind = any(part in name for part in ("query", "key", "value", "output"))
        assert (float(parameter.grad.abs().sum()) > 0) != behind, name  # type: ignore[union-attr]
    full = LOSSES["lsgan"].discriminator(network(X), network(-X)) + r1(network, X)
    assert float(loss) == pytest.approx(float(full), rel=0.02)


def test_a_copy_gives_the_same_and_lives_on_its_own() -> None:
    network = critic().eval()
    twin = copy.deepcopy(network)
    before = network(X)
    assert torch.equal(twin(X), before)
    with torch.no_grad():
        twin[5].parametrizations.weight.original.add_(1)
    assert torch.equal(network(X), before)
    assert not torch.equal(twin(X), before)


def test_plain_weights_give_the_same_and_leave_the_original_usable() -> None:
    network = critic().eval()
    bare = plain(network)
    torch.testing.assert_close(bare(X), network(X))
    assert not any("parametrizations" in key for key in bare.state_dict())
    assert type(bare[5]) is nn.Linear
    assert network[5].weight.shape == (1, 1024)
    bare[5].weight.data.zero_()
    assert float(network[5].weight.abs().sum()) > 0
    other = critic(1).eval()  # the class that torch made for a layer is not shared with other networks either
    assert other(X).shape == (4, 1)


def test_state_goes_through_safetensors(tmp_path: Path) -> None:
    network, other = critic().eval(), critic(1).eval()
    save_file(network.state_dict(), tmp_path / "critic.safetensors")
    other.load_state_dict(load_file(tmp_path / "critic.safetensors"))
    assert torch.equal(other(X), network(X))


def test_a_moving_average_is_of_the_original_weights_and_settles_to_sigma_1() -> None:
    network = critic()
    average = MovingAverage(dict(network.named_parameters()), decay=0.9)
    optimizer = torch.optim.SGD(network.parameters(), 0.5)
    for step in range(3):
        optimizer.zero_grad()
        network(X).mean().backward()
        optimizer.step()
        average.update(step)
    with average.applied():
        settle(network)
        assert sigmas(network) == pytest.approx([1.0] * 9, abs=2e-3)
        key = "5.parametrizations.weight.original"
        assert torch.equal(network.state_dict()[key], average.values[key])


def test_evaluation_does_not_iterate_and_training_does() -> None:
    network = critic()

    def u() -> Tensor:
        return network.state_dict()["5.parametrizations.weight.0._v"].clone()

    with torch.no_grad():
        network[5].parametrizations.weight.original.add_(torch.randn(1, 1024))
    network.eval()
    before = u()
    network(X)
    assert torch.equal(u(), before)
    network.train()
    network(X)
    assert not torch.equal(u(), before)
