"""Spectral norm on whole networks, with torch's own parametrization."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm

from worldsim.errors import BadInput

_Network = TypeVar("_Network", bound=nn.Module)
_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def spectral(network: _Network, leave_out: Iterable[str] = ()) -> _Network:
    """Divide the weight of every linear and convolutional layer by its largest singular value, in place.

    Source: Miyato et al. 2018, arXiv:1802.05957, algorithm 1: ``W / sigma(W)``, sigma from one power iteration per
    forward pass in training mode (none in evaluation mode) on the weight reshaped to (outputs, rest).

    Initialise weights before, not after: the parametrized ``weight`` is a result, what is trained is
    ``parametrizations.weight.original``. Layers that have a spectral norm already keep it. With a moving average of
    the weights, sigma stays the one of the weights themselves until the next forward pass in training mode; `settle`
    brings it up to date.

    Args:
        network: Any module, or a single layer.
        leave_out: Names of submodules (as in ``named_modules``) to leave alone, with all below them.

    Raises:
        BadInput: ``leave_out`` names what is not there.

    Example:
        >>> layer = spectral(nn.Linear(3, 2))
        >>> sorted(layer.state_dict())[1:]
        ['parametrizations.weight.0._u', 'parametrizations.weight.0._v', 'parametrizations.weight.original']
    """
    names = list(leave_out)
    if unknown := set(names) - {name for name, _ in network.named_modules()}:
        raise BadInput(f"leave_out names {sorted(unknown)}, which {type(network).__name__} does not have")
    left_out = tuple(f"{name}." for name in names)
    for name, layer in list(network.named_modules()):
        ready = not isinstance(layer, _LAYERS) or parametrize.is_parametrized(layer, "weight")
        if not ready and not f"{name}.".startswith(left_out):
            spectral_norm(layer)
    return network


@torch.no_grad()
def settle(network: _Network, iterations: int = 50) -> _Network:
    """Run the power iteration until sigma is exact: after changing weights by hand or averaging them."""
    modes = {module: module.training for module in network.modules()}
    network.train()
    for layer in _parametrized(network):
        for _ in range(iterations):
            _ = layer.weight  # in training mode every look at the weight is an iteration
    for module, mode in modes.items():
        module.training = mode
    return network


@torch.no_grad()
def plain(network: _Network) -> _Network:
    """A copy with the divided weights as ordinary ones: same outputs as in evaluation mode, no division per step."""
    network = copy.deepcopy(network).eval()
    layer: Any  # parametrized modules are typed as holding tensors alone
    for layer in list(_parametrized(network)):
        weight, requires_grad = layer.weight.clone(), layer.parametrizations.weight.original.requires_grad
        # Not remove_parametrizations: it takes the property off the class, which the copy shares with the original.
        layer.__class__ = parametrize.type_before_parametrizations(layer)
        del layer.parametrizations
        layer.weight = nn.Parameter(weight, requires_grad)
    return network


def _parametrized(network: nn.Module) -> Iterator[nn.Module]:
    return (m for m in network.modules() if isinstance(m, _LAYERS) and parametrize.is_parametrized(m, "weight"))
