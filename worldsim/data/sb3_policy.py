"""A saved Stable-Baselines3 model as a player, with noise drawn for each episode."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import Space

from worldsim.data.turn import Array, Turn, checked, sample, size
from worldsim.errors import BadInput

_ALGORITHMS = {  # what only this algorithm keeps in its file; DDPG keeps, and acts, as TD3 does
    "PPO": "clip_range",
    "A2C": "gae_lambda",
    "DQN": "exploration_fraction",
    "SAC": "target_entropy",
    "TD3": "target_policy_noise",
}


class SB3Policy:
    """Acts as the model does: a draw from its distribution where an action is one number, else its best action.

    Args:
        spec: "PATH" of the model's zip file, or of the folder that ``train-agent`` wrote; or "PATH@EPSILON": in each
            episode a probability is drawn from U(0, EPSILON), and so often the action is a random one instead.
        actions: the recorded environment's.
    """

    blind = False

    def __init__(self, spec: str, actions: Space[Any]) -> None:
        path, self._epsilon = parse_spec(spec)
        file = find_sb3(Path(path))
        self._model = load_sb3(file)
        self._space = checked(actions) if self._epsilon else actions
        if self._model.action_space != actions:
            raise BadInput(f"{path} acts in {self._model.action_space}, the environment takes {actions}")
        self.observation_space: Space[Any] | None = self._model.observation_space
        digest = hashlib.sha256(file.read_bytes()).hexdigest()[:6]  # a model of the same name is another player
        self.name = f"sb3:{Path(path).name}#{digest}" + (f"@{self._epsilon:g}" if path != spec else "")

    def act(self, turn: Turn) -> Array:
        chances = turn.chances(2 + size(self._space))
        actions = choose(self._model, turn.observations, chances[:, 1])
        noisy = chances[:, 0] < self._epsilon * turn.lots()
        if noisy.any():
            actions[noisy] = sample(self._space, chances[noisy, 2:])
        return actions


def parse_spec(spec: str) -> tuple[str, float]:
    """Path and probability of "PATH@EPSILON"; 0 where there is none."""
    path, epsilon = parse_number(spec, "@")
    if not 0.0 <= epsilon <= 1.0:
        raise BadInput(f"the noise in PATH@EPSILON is between 0 and 1, got {epsilon}")
    return path, epsilon


def parse_number(spec: str, mark: str) -> tuple[str, float]:
    """What stands before and after the last ``mark``, if a number follows it; else all, and 0."""
    rest, found, number = spec.rpartition(mark)
    try:
        return (rest, float(number)) if found and rest else (spec, 0.0)
    except ValueError:
        return spec, 0.0


def choose(model: Any, observations: Any, chances: Array) -> Array:
    """A model's own choice, (n, ...); ``chances`` (n,) stand for SB3's global generator."""
    import torch
    from stable_baselines3.common.policies import ActorCriticPolicy

    policy = getattr(model, "policy", None)
    if isinstance(policy, ActorCriticPolicy) and not model.action_space.shape:
        policy.set_training_mode(False)
        with torch.no_grad():
            distribution = policy.get_distribution(policy.obs_to_tensor(observations)[0]).distribution
        assert isinstance(distribution, torch.distributions.Categorical)
        cumulative = distribution.probs.cumsum(-1).cpu().numpy()  # (n, A)
        return np.minimum((cumulative < chances[:, None]).sum(-1), cumulative.shape[1] - 1)
    return np.array(model.predict(observations, deterministic=True)[0])


def find_sb3(path: Path) -> Path:
    """The zip file that is meant: itself, with ".zip" left out, or agent.zip in the folder of ``train-agent``."""
    for file in (path, path.with_name(path.name + ".zip"), path / "agent.zip"):
        if file.is_file():
            return file
    raise BadInput(f"expected a saved Stable-Baselines3 model at {path}, found no such file")


def load_sb3(path: Path) -> Any:
    """A Stable-Baselines3 model from its zip file; which algorithm saved it is read off its settings."""
    file = find_sb3(path)
    try:
        with zipfile.ZipFile(io.BytesIO(file.read_bytes())) as archive:
            settings = json.loads(archive.read("data"))
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise BadInput(
            f"{file} is no saved Stable-Baselines3 model ({error}); give the .zip that save() wrote"
        ) from None
    import stable_baselines3  # seconds, so after everything that can be refused without it

    for name, mark in _ALGORITHMS.items():
        if mark in settings:
            try:
                return getattr(stable_baselines3, name).load(file, device="cpu")
            except (zipfile.BadZipFile, AssertionError, AttributeError, EOFError, KeyError, RuntimeError) as error:
                line = " ".join(str(error).split())[:200] or type(error).__name__
                raise BadInput(f"{file} is damaged ({line}); save the model again") from None
    raise BadInput(f"{file} was saved by none of {', '.join(_ALGORITHMS)}; pass a function as policy from Python")
