"""The actor of Stable-Baselines3 as a `LinearController`: what an agent does, in a small file that holds no pickle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from gymnasium.spaces import Box
from torch import nn

from worldsim.agents.linear import LinearConfig, LinearController
from worldsim.errors import BadInput

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm


def actor_of(model: BaseAlgorithm) -> LinearController:
    """The likeliest actions of a PPO or A2C agent on vectors, with at most one hidden layer of tanh.

    It takes the same actions as ``model.predict(..., deterministic=True)``. What training needs (critic, optimiser,
    exploration) stays behind; files of Stable-Baselines3 hold pickles, which need not open under another Python.

    Raises:
        BadInput: an actor of another form.
    """
    policy = model.policy
    net, last = getattr(getattr(policy, "mlp_extractor", None), "policy_net", None), getattr(policy, "action_net", None)
    layers = [] if net is None else list(net)
    kinds = [type(layer) for layer in layers]
    vectors = isinstance(model.observation_space, Box) and len(model.observation_space.shape) == 1
    if not isinstance(last, nn.Linear) or kinds not in ([], [nn.Linear, nn.Tanh]) or not vectors:
        shown = ", ".join(kind.__name__ for kind in kinds) or "nothing"
        raise BadInput(
            "expected an actor on vectors with at most one hidden layer of tanh (ppo with "
            f"policy_kwargs={{'net_arch': {{'pi': [64], 'vf': [128, 128]}}}}), got {type(policy).__name__} with {shown}"
        )
    parameters = []
    for layer in [*(layer for layer in layers if isinstance(layer, nn.Linear)), last]:
        weight, bias = layer.weight.detach().cpu().numpy(), layer.bias.detach().cpu().numpy()
        parameters += [weight.T.ravel(), bias]
    hidden = layers[0].out_features if layers else 0
    config = LinearConfig(hidden=int(hidden), squash=False)
    return LinearController(model.observation_space, model.action_space, config, np.concatenate(parameters))
