"""Explorer: an agent of ``worldsim train-agent`` as a recording's player, seeing the frames as it knows them."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import torch
from gymnasium import Space
from gymnasium.spaces import Box

from worldsim.agents.agent import load_agent
from worldsim.agents.seat import open_world
from worldsim.data.sb3_policy import choose, parse_number, parse_spec
from worldsim.data.shift import Shift
from worldsim.data.turn import Array, Turn, checked, sample, size
from worldsim.errors import BadInput
from worldsim.noise import normals
from worldsim.protocol import State


class Explorer:
    """Acts on a world's features of the frames being recorded, or on the frames, as its agent learned to in the dream.

    What the world remembers is kept for each episode by its key, and the world's noise follows from key and step: an
    episode does not depend on which others are played beside it (but for rounding in batches of another size).

    Args:
        spec: "PATH" of the agent's folder, or "PATH@EPSILON": in each episode a probability is drawn from
            U(0, EPSILON), and so often the action is a random one instead. "PATH@EPSILON~SHIFT" or "PATH~SHIFT" also
            shifts actions of real numbers for a while, as `worldsim.data.shift.Shift` does.
        actions: the recorded environment's.

    Raises:
        BadInput: no such agent, one that knows other actions, or one that learned in no world.
    """

    blind = False

    def __init__(self, spec: str, actions: Space[Any]) -> None:
        noisy, shift = parse_number(spec, "~")
        path, self._epsilon = parse_spec(noisy)
        agent = load_agent(path)
        if agent.seat is None or agent.seat.world is None:
            raise BadInput(f"{path} learned in no world; record it with --policy sb3:{path}")
        if agent.model.action_space != actions:
            raise BadInput(f"{path} acts in {agent.model.action_space}, the environment takes {actions}")
        self._model, self._space = agent.model, checked(actions) if self._epsilon else actions
        self._shift = Shift(actions, shift) if shift else None
        self._world = open_world(agent.seat.world).model
        self._features = agent.seat.observation == "features"
        shape = tuple(self._world.config.frame_shape)
        self.observation_space: Space[Any] | None = Box(0, 255, shape, np.uint8)
        assert agent.file is not None
        digest = hashlib.sha256(agent.file.read_bytes()).hexdigest()[:6]  # an agent of the same name is another player
        self.name = f"agent:{agent.name}#{digest}" + (f"@{self._epsilon:g}" if path != noisy else "")
        self.name += f"~{shift:g}" if shift else ""
        self._keys = np.zeros(0, np.uint64)  # sorted, one for each stream of the state
        self._state: State = {}

    def act(self, turn: Turn) -> Array:
        """One action per row: (n, ...)."""
        chances = turn.chances(2 + size(self._space))
        seen = self._look(turn) if self._features else turn.observations
        actions = choose(self._model, seen, chances[:, 1])
        if self._shift is not None:
            actions = self._shift(actions, turn)
        noisy = chances[:, 0] < self._epsilon * turn.lots()
        if noisy.any():
            actions[noisy] = sample(self._space, chances[noisy, 2:])
        return actions

    @torch.inference_mode()
    def _look(self, turn: Turn) -> Array:
        """Follow the frames and give the features (n, F)."""
        world, fresh = self._world, turn.ages == 0
        frames = torch.from_numpy(np.ascontiguousarray(turn.observations))
        noise = normals(
            torch.from_numpy(turn.keys.view(np.int64)), torch.from_numpy(turn.ages.astype(np.int64)), world.noise_size
        )
        parts: list[tuple[Array, State]] = []
        if fresh.any():
            rows = torch.from_numpy(np.flatnonzero(fresh))
            parts.append((np.flatnonzero(fresh), world.start(frames[rows], noise[rows])))
        if not fresh.all():
            old = np.flatnonzero(~fresh)
            rows, streams = torch.from_numpy(old), torch.from_numpy(np.searchsorted(self._keys, turn.keys[old]))
            before = {name: value[streams] for name, value in self._state.items()}
            action = torch.from_numpy(np.ascontiguousarray(turn.previous[old]))
            parts.append((old, world.follow(before, action, frames[rows], noise[rows])))
        order = torch.from_numpy(np.argsort(np.concatenate([at for at, _ in parts])))
        state = {name: torch.cat([part[name] for _, part in parts])[order] for name in parts[0][1]}
        by_key = np.argsort(turn.keys)
        self._keys, sort = turn.keys[by_key], torch.from_numpy(by_key)
        self._state = {name: value[sort] for name, value in state.items()}
        return np.asarray(world.observe(state).numpy())
