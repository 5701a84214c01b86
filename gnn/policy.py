"""A policy for boards of any size: Stable-Baselines3's features extractor on padded graphs."""

from __future__ import annotations

from typing import Any, Literal

import torch
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn

from worldsim.envs.pacman.nodes import FEATURES, SIDES
from worldsim.errors import BadInput

PLAYER = FEATURES.index("player")


class PaddedMessages(nn.Module):
    """One layer of messages over padded graphs, for batches too many for a disjoint union.

    ``"relational"``: ``h_v = b + B x_v + sum_r W_r x_{N_r(v)}``, the same numbers as RGCNConv; ``"gcn"``: the same as
    GCNConv. Tests compare both.

    Shapes:
        x (B, V, inputs), edges (B, V, 4) int64 with V for none -> (B, V, outputs)
    """

    def __init__(self, kind: Literal["relational", "gcn"], inputs: int, outputs: int) -> None:
        super().__init__()
        if kind not in ("relational", "gcn"):
            raise BadInput(f"expected messages of kind relational or gcn, got {kind!r}")
        self.kind = kind
        count = 1 + SIDES if kind == "relational" else 1
        self.weight = nn.Parameter(torch.empty(count, inputs, outputs))  # B, then W_r for each side
        self.bias = nn.Parameter(torch.zeros(outputs))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        """One round."""
        around = neighbours(x, edges)  # (B, V, 4, inputs)
        if self.kind == "relational":
            whole = torch.cat([x[:, :, None], around], 2).flatten(2)
            return whole @ self.weight.flatten(0, 1) + self.bias
        there = (edges < x.shape[1]).to(x.dtype)
        scale = (1 + there.sum(2)).rsqrt()  # (B, V)
        beside = neighbours(scale[..., None], edges)
        mixed = scale[..., None] * (scale[..., None] * x + (around * beside).sum(2))
        return mixed @ self.weight[0] + self.bias


def neighbours(x: Tensor, edges: Tensor) -> Tensor:
    """What lies on each side of each node, zeros where nothing does: (B, V, 4, F)."""
    count, nodes, features = x.shape
    padded = torch.cat([x, x.new_zeros(count, 1, features)], 1)
    index = edges.flatten(1)[..., None].expand(-1, -1, features)
    return padded.gather(1, index).view(count, nodes, SIDES, features)


class MazeExtractor(BaseFeaturesExtractor):
    """Rounds of messages over the maze; what the player's node and its four neighbours then hold is the features.

    ``h_0 = tanh(E x)``, ``h_{k+1} = tanh(E x + messages(h_k))``, the same weights in every round, so the number of
    rounds may be another one when the policy plays on larger boards. The neighbours' places in the features are the
    actions' sides: the policy's next layer can tell what lies where.

    Args:
        observation_space: of `WorldSim/PacManGraph-v0`.
        hidden: width.
        rounds: how many steps far the player sees.
        kind: "relational" or "gcn".
    """

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        hidden: int = 32,
        rounds: int = 8,
        kind: Literal["relational", "gcn"] = "relational",
    ) -> None:
        if not isinstance(observation_space, spaces.Dict) or set(observation_space) != {"x", "mask", "edges"}:
            raise BadInput(
                f"expected the Dict of x, mask and edges of WorldSim/PacManGraph-v0, got {observation_space}"
            )
        super().__init__(observation_space, features_dim=hidden * (1 + SIDES))
        inputs = (observation_space["x"].shape or (0, 0))[1]
        self.rounds = rounds
        self.embed = nn.Linear(inputs, hidden)
        self.messages = PaddedMessages(kind, hidden, hidden)

    def forward(self, observations: dict[str, Tensor]) -> Tensor:
        """(B, 5 * hidden)."""
        x, edges = observations["x"].float(), observations["edges"].long()
        there = observations["mask"].float()[..., None]
        given = self.embed(x)
        h = torch.tanh(given) * there
        for _ in range(self.rounds):
            h = torch.tanh(given + self.messages(h, edges)) * there
        player = x[..., PLAYER].argmax(1)  # (B,)
        rows = torch.arange(len(x), device=x.device)
        beside = neighbours_of(h, edges[rows, player])
        return torch.cat([h[rows, player][:, None], beside], 1).flatten(1)


def neighbours_of(h: Tensor, edges: Tensor) -> Tensor:
    """The nodes that edges (B, 4) lead to: (B, 4, F), zeros where there is none."""
    padded = torch.cat([h, h.new_zeros(len(h), 1, h.shape[2])], 1)
    return padded.gather(1, edges[..., None].expand(-1, -1, h.shape[2]))


def policy_kwargs(**extractor: Any) -> dict[str, Any]:
    """What `MultiInputPolicy` needs to read mazes: ``PPO("MultiInputPolicy", env, policy_kwargs=policy_kwargs())``."""
    return {
        "features_extractor_class": MazeExtractor,
        "features_extractor_kwargs": extractor,
        "net_arch": [64],
        "normalize_images": False,
    }


def on_space(model: BaseAlgorithm, observation_space: spaces.Space[Any], rounds: int | None = None) -> Any:
    """The policy of a trained agent for boards of another size, without training: the same weights.

    Args:
        model: trained with `policy_kwargs`.
        observation_space: of the other environment.
        rounds: of messages there; None keeps as many as it was trained with.

    Returns:
        Stable-Baselines3's policy: ``policy.predict(observations)``.
    """
    policy: Any = model.policy
    made = type(policy)(observation_space, model.action_space, lambda _: 0.0, **(model.policy_kwargs or {}))
    made.load_state_dict(policy.state_dict())
    if rounds is not None:
        for part in made.modules():
            if isinstance(part, MazeExtractor):
                part.rounds = rounds
    return made.to(policy.device).eval()
