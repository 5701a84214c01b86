"""train_agent: any algorithm of Stable-Baselines3 in a dream, in reality, or in reality seen through a world."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from gymnasium.vector import VectorEnv
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.vec_env import VecMonitor

from worldsim import __version__
from worldsim.agents.agent import Agent, algorithm, load_agent, load_model
from worldsim.agents.hyperparameters import complete, default_policy, default_rows
from worldsim.agents.journal import Journal, Watch
from worldsim.agents.progress import Bar
from worldsim.agents.sb3 import SB3VecEnv
from worldsim.agents.seat import Seat, find_seat, is_image
from worldsim.errors import BadInput, Stopped

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

_OFF_POLICY_EPISODES_PER_LOG = 100
_VERSIONS = ("stable-baselines3", "torch", "gymnasium", "numpy")


def train_agent(
    inside: str | Path | Seat | VectorEnv,
    algo: str = "ppo",
    steps: int = 250_000,
    seed: int = 0,
    out: str | Path = "runs/agent",
    num_envs: int | None = None,
    observation: str | None = None,
    through: str | Path | None = None,
    policy: str | None = None,
    env_kwargs: dict[str, Any] | None = None,
    hyperparameters: Mapping[str, Any] | None = None,
    checkpoint_every: int = 100_000,
    threads: int | None = None,
    device: str = "auto",
    progress: bool = False,
) -> Agent:
    """Train an agent and write its folder: agent.zip, agent.json, train.jsonl, tensorboard/.

    Called again on the same ``out``, it goes on where an interrupted run saved itself, and returns at once if the steps
    are done; more ``steps`` than before train on. After a stop the environment begins new episodes and off-policy
    algorithms fill their buffer anew, so the curve is a continuation, not a copy, of the unbroken one. Unbroken, the
    same call gives the same agent. (Stable-Baselines3 seeds the global generators of python, numpy and torch.)

    Args:
        inside: where it learns: a dream's id, a world's name or folder (its dream), a real id, a `Seat`, or a vector
            environment with same-step autoreset.
        algo: any of Stable-Baselines3's, in any case: ppo, a2c, dqn, sac, td3, ddpg; and sb3-contrib's if installed.
        steps: environment steps over all rows; rounded up to whole rollouts.
        seed: of the weights, of exploration and of the training episodes, below 2**31.
        out: the agent's folder.
        num_envs: rows; by algorithm if None.
        observation: what it sees in a dream: features or pixels.
        through: a world: learn in the real ``inside``, seeing this world's features of it.
        policy: MlpPolicy, CnnPolicy or MultiInputPolicy; what fits the observations if None.
        env_kwargs: for an environment given by id, or a dream (temperature, horizon).
        hyperparameters: over the defaults of `worldsim.agents.hyperparameters`; see Stable-Baselines3.
        checkpoint_every: steps between saves.
        threads: torch's threads; None: one for small networks on a CPU (two were slower there), else torch's choice.
        device: of a world and of networks for images; small networks always compute on the CPU.
        progress: show a bar on stderr.

    Raises:
        Stopped: Ctrl-C; what was trained is saved.
        BadInput: something does not fit; one line says what.
    """
    out = Path(out)
    if steps < 1 or not 0 <= seed < 2**31 or (num_envs is not None and num_envs < 1):
        raise BadInput(f"steps and num_envs must be at least 1, seed in [0, 2**31), got {steps}, {num_envs} and {seed}")
    algo, device = algo.lower(), _device(device)
    if algo == "cma":
        raise BadInput("cma is no algorithm of Stable-Baselines3: call worldsim.agents.train_cma")
    algorithm(algo)  # now, so that a misspelt name is said before anything is opened
    seat = None
    if isinstance(inside, VectorEnv):
        venv = inside
    else:
        seat = inside if isinstance(inside, Seat) else find_seat(inside, observation, through, env_kwargs)
        venv = seat.open(num_envs or default_rows(algo, seat.shows_images), device)
    try:
        space = venv.single_observation_space
        chosen = complete(algo, space, hyperparameters or {}, venv.num_envs)
        request = Request(algo, seed, venv.num_envs, policy or default_policy(space), chosen)
        earlier = _earlier(out, request, seat)
        if earlier is not None and earlier.model.num_timesteps >= steps:
            return earlier
        small = not is_image(space)
        run = _Run(out, request, seat, steps, threads or (1 if small else torch.get_num_threads()), checkpoint_every)
        with _threads(run.threads):
            return run.learn(venv, earlier, "cpu" if small else device, progress)
    finally:
        if venv is not inside:
            venv.close()


@dataclass(frozen=True)
class Request:
    """What must agree for a training to go on."""

    algo: str
    seed: int
    num_envs: int
    policy: str
    hyperparameters: dict[str, Any]


@dataclass
class _Run:
    """One call's share of a training."""

    out: Path
    request: Request
    seat: Seat | None
    steps: int
    threads: int
    checkpoint_every: int

    def learn(self, venv: VectorEnv, earlier: Agent | None, device: str, progress: bool) -> Agent:
        """Learn until the steps are done; save now and then, at the end, and on Ctrl-C."""
        env = VecMonitor(SB3VecEnv(venv))
        model = self._begin(env, device) if earlier is None else self._go_on(env, device)
        done, began = model.num_timesteps, time.monotonic()
        before = 0.0 if earlier is None else float(earlier.about["seconds"])
        self.out.mkdir(parents=True, exist_ok=True)
        title = f"{self.request.algo} in {self.seat or type(venv.unwrapped).__name__}"
        with Bar(title, self.steps, "steps", done, progress) as bar, Journal(self.out, done, bar) as journal:
            model.set_logger(Logger(str(self.out), [journal]))

            def save() -> Agent:
                return self._save(model, before + time.monotonic() - began, journal.last_return)

            watch = Watch(bar, save, self.checkpoint_every, done)
            try:
                often = 1 if isinstance(model, OnPolicyAlgorithm) else _OFF_POLICY_EPISODES_PER_LOG
                model.learn(self.steps - done, watch, often, reset_num_timesteps=earlier is None)
            except KeyboardInterrupt:
                save()
                raise Stopped(
                    f"stopped at {model.num_timesteps:,} of {self.steps:,} steps; the agent so far is in {self.out}, "
                    "the same command goes on from there"
                ) from None
            return save()

    def _begin(self, env: VecMonitor, device: str) -> BaseAlgorithm:
        """A new model."""
        settings = deepcopy(self.request.hyperparameters)  # SB3 writes into policy_kwargs
        if isinstance(settings.get("action_noise"), int | float):
            shape = env.action_space.shape or ()
            settings["action_noise"] = NormalActionNoise(np.zeros(shape), np.full(shape, settings["action_noise"]))
        try:
            learner = algorithm(self.request.algo)
            return learner(self.request.policy, env, seed=self.request.seed, device=device, **settings)
        except (AssertionError, ValueError, TypeError, KeyError) as error:
            line = " ".join(str(error).split())
            raise BadInput(f"{self.request.algo} cannot learn here with these hyperparameters: {line}") from None

    def _go_on(self, env: VecMonitor, device: str) -> BaseAlgorithm:
        """The saved model, its generators at a new place."""
        model, _ = load_model(self.out / "agent.zip", self.request.algo, device, env=env)
        if isinstance(model, OffPolicyAlgorithm):
            model.learning_starts += model.num_timesteps  # the buffer is empty again
        model.set_random_seed((self.request.seed + model.num_timesteps) % 2**31)
        return model

    def _save(self, model: BaseAlgorithm, seconds: float, last_return: float | None) -> Agent:
        """Write the agent's folder."""
        done = model.num_timesteps
        about = {
            **asdict(self.request),
            "steps": done,
            "asked_steps": self.steps,
            "seconds": round(seconds, 1),
            "return": last_return,
            "threads": self.threads,
            "device": str(model.device),
            "versions": {"worldsim": __version__, **{name: version(name) for name in _VERSIONS}},
        }
        agent = Agent(model, self.request.algo, self.seat, self.out.name, about)
        agent.save(self.out)
        return agent


def _earlier(out: Path, request: Request, seat: Seat | None) -> Agent | None:
    """What an earlier call left in ``out``, if it asked for the same."""
    if not (out / "agent.json").exists():
        return None
    earlier = load_agent(out)
    asked = json.loads(json.dumps(asdict(request), default=str))
    for name, value in asked.items():
        found = earlier.algo if name == "algo" else earlier.about.get(name)
        if found != value:
            raise BadInput(f"{out} holds an agent with {name} {found}, not {value}; choose another out")
    if (None if seat is None else seat.resolved()) != (None if earlier.seat is None else earlier.seat.resolved()):
        raise BadInput(f"{out} holds an agent of {earlier.seat}, not of {seat}; choose another out")
    return earlier


def _device(device: str) -> str:
    return ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Torch with so many threads, for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
