"""Search: where a run of CMA-ES is, generation by generation, and what it keeps on disk."""

from __future__ import annotations

import json
import os
import pickle
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium.error import DependencyNotInstalled
from numpy.typing import NDArray
from torch.utils.tensorboard import SummaryWriter

from worldsim import __version__
from worldsim.agents.agent import Agent, agent_folder, place_of, read_about
from worldsim.agents.linear import LinearController
from worldsim.agents.seat import Seat
from worldsim.data.chance import key
from worldsim.errors import BadInput

SCORE_SEEDS = 2_200_000_000
"""First seed of the scores: above those of training, below those of `worldsim.agents.evaluate`."""

_NEW: dict[str, Any] = {"patience": 0, "same_seeds": False, "start_from": None, "tune": "all"}
"""What older searches know nothing of."""


class Normals:
    """CMA-ES's standard normals: those of a generation are a function of the seed and its number."""

    def __init__(self, seed: int) -> None:
        self.seed, self.generation, self._drawn = seed, 0, 0

    def begin(self, generation: int) -> None:
        """Draw those of a generation next."""
        self.generation, self._drawn = generation, 0

    def __call__(self, *shape: int) -> NDArray[np.float64]:
        self._drawn += 1
        return np.random.default_rng([self.seed, self.generation, self._drawn]).standard_normal(shape)


class Search:
    """One run: the strategy, how far it is, its scores, and its files in ``out``.

    Args:
        out: folder for search.pkl, train.jsonl, tensorboard/ and the agent.
        seat: where its controllers play.
        settings: a `worldsim.agents.cma.CMASettings`.
        controller: of which kind they are.
        seed: of everything.
        start: an agent's folder, whose parameters are the first mean (default: zeros); its draws and episodes are then
            others than those of the same seed from zeros.

    Raises:
        BadInput: ``out`` holds another search, or ``start`` another kind of controller; says what differs.
    """

    def __init__(
        self,
        out: Path,
        seat: Seat,
        settings: Any,
        controller: LinearController,
        seed: int,
        start: str | Path | None = None,
    ) -> None:
        self.out, self.seat, self.settings, self.controller, self.seed = out, seat, settings, controller, seed
        self.start = None if start is None else str(place_of(start).resolve())
        self.generation, self.steps, self.seconds = 0, 0, 0.0
        self.scores: list[dict[str, float]] = []
        self.best = np.zeros(controller.size)
        self.last: dict[str, float] = {}
        self._path = out / "search.pkl"
        if self._path.exists():
            self._restore()
        elif (out / "agent.json").exists():
            raise BadInput(f"{out} holds another agent and no search.pkl; choose another out")
        else:
            self.first, stream = np.zeros(controller.size), seed
            if start is not None:
                self.first = parameters_of(start, controller)
                stream = key(seed, *blake2b(self.first.tobytes(), digest_size=8).digest()) % 2**31
            elif settings.tune != "all":
                raise BadInput("tune=outputs needs a controller to begin from; give --start-from")
            self._normals = Normals(stream)
            begin = self.first if settings.tune == "all" else np.zeros(2 * controller.outputs)
            self.controllers(begin[None])  # now, so that one without biases is refused
            self.strategy = _strategy(begin, settings.sigma, settings.popsize, self._normals)
            self._frozen = pickle.dumps((self.strategy, self._normals))

    @property
    def request(self) -> dict[str, Any]:
        """What must agree for a run to go on (when and how often it is scored may change)."""
        chosen = {k: v for k, v in asdict(self.settings).items() if not k.startswith("evaluate")}
        request = {"seed": self.seed, "parameters": self.controller.size, **chosen}
        return request | {"seat": asdict(self.seat.resolved()), "start_from": self.start}

    def controllers(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Parameters (P, N) of what the strategy asks for or tells, points (P, D) of what evolves."""
        return points if self.settings.tune == "all" else self.controller.retuned(self.first, points)

    def advance(self, players: Any) -> None:
        """One generation: ask, play, tell."""
        began, number = time.monotonic(), self.generation + 1
        self._normals.begin(number)
        asked = self.strategy.ask()
        settings = self.settings
        pairs = 1 if settings.same_seeds else -(-settings.popsize // 2)
        base = key(self._normals.seed, number) % (2**31 - pairs * settings.rollouts)
        pair = np.arange(settings.popsize)[:, None] % pairs
        seeds = base + pair * settings.rollouts + np.arange(settings.rollouts)  # (P, R)
        returns, lengths = players.play(self.controllers(np.stack(asked)), seeds)
        fitness = returns.mean(1)
        self.strategy.tell(asked, (-fitness).tolist())
        self._frozen = pickle.dumps((self.strategy, self._normals))
        taken = time.monotonic() - began
        self.generation, self.steps, self.seconds = number, self.steps + int(lengths.sum()), self.seconds + taken
        deviation = float(np.sqrt(np.mean(np.square(self.strategy.stds))))
        self.last = {"mean": float(fitness.mean()), "best": float(fitness.max()), "worst": float(fitness.min())}
        self.last |= {"length": float(lengths.mean()), "sigma": deviation}
        self._log({**self.last, "seconds": round(taken, 3), "steps_per_second": round(lengths.sum() / taken, 1)})

    def score(self, players: Any, episodes: int) -> bool:
        """Score the mean controller on seeds that training never uses; whether it is the best so far."""
        began = time.monotonic()
        mean = self._mean()
        seeds = SCORE_SEEDS + self.generation * episodes + np.arange(episodes)
        returns, lengths = players.play(mean[None], seeds[None])
        found = {"generation": self.generation, "step": self.steps, "mean": float(returns.mean()), "n": episodes}
        found |= {"sd": float(returns.std(ddof=1)) if episodes > 1 else 0.0, "length": float(lengths.mean())}
        better = not self.scores or found["mean"] > max(score["mean"] for score in self.scores)
        if better:
            self.best = mean
        self.scores.append(found)
        self.seconds += time.monotonic() - began
        self._log({f"score/{name}": found[name] for name in ("mean", "sd", "n", "length")})
        return better

    def agent(self, asked: int = 0, threads: int | None = None) -> Agent:
        """The best mean that was scored, else the present one."""
        kind = self.controller
        chosen = self.best if self.scores else self._mean()
        model = LinearController(kind.observation_space, kind.action_space, kind.config, chosen)
        about = {
            "seed": self.seed,
            "steps": self.steps,
            "asked_steps": asked,
            "generations": self.generation,
            "hyperparameters": asdict(self.settings),
            "start_from": None if self.start is None else Path(self.start).name,
            "parameters": kind.size,
            "seconds": round(self.seconds, 1),
            "return": self.last.get("mean"),
            "scores": self.scores,
            "threads": threads or torch.get_num_threads(),
            "versions": {"worldsim": __version__, **{name: version(name) for name in ("cma", "torch", "numpy")}},
        }
        return Agent(model, "cma", self.seat, self.out.name, about)

    def _mean(self) -> NDArray[np.float64]:
        """Parameters (N,) of the controller in the middle of the distribution."""
        return self.controllers(np.asarray(self.strategy.mean, np.float64)[None])[0]

    def save(self, asked: int = 0, threads: int | None = None) -> None:
        """Write the search, then the agent, each whole under another name first."""
        self.out.mkdir(parents=True, exist_ok=True)
        content: dict[str, Any] = {
            "strategy": self._frozen,
            "request": self.request,
            "first": self.first,
            "best": self.best,
            "scores": self.scores,
        }
        content |= {"generation": self.generation, "steps": self.steps, "seconds": self.seconds, "last": self.last}
        temporary = self._path.with_name("search.pkl.tmp")
        temporary.write_bytes(pickle.dumps(content))
        os.replace(temporary, self._path)
        self.agent(asked, threads).save(self.out)

    def _restore(self) -> None:
        try:
            content = pickle.loads(self._path.read_bytes())
            self.strategy, self._normals = pickle.loads(content["strategy"])
            found = _NEW | content["request"]
        except Exception as error:  # whatever a damaged pickle raises
            raise BadInput(
                f"{self._path} is damaged ({type(error).__name__}); delete it or choose another out"
            ) from None
        theirs, mine = _flat(found), _flat(self.request)
        for name in dict.fromkeys([*mine, *theirs]):
            if theirs.get(name) != mine.get(name):
                both = f"{name} {theirs.get(name)}, not {mine.get(name)}"
                raise BadInput(f"{self.out} holds a search with {both}; choose another out")
        self.first = content.get("first", np.zeros(self.controller.size))  # older ones evolve all parameters
        self._frozen, self.best, self.scores = content["strategy"], content["best"], content["scores"]
        self.generation, self.steps, self.seconds = content["generation"], content["steps"], content["seconds"]
        self.last = content["last"]

    @contextmanager
    def logging(self) -> Iterator[None]:
        """Lines of train.jsonl and TensorBoard for a while; drops what a killed run logged beyond where it saved."""
        self.out.mkdir(parents=True, exist_ok=True)
        path, kept = self.out / "train.jsonl", []
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
            try:
                kept += [line + "\n"] if json.loads(line)["generation"] <= self.generation else []
            except (ValueError, KeyError):
                continue  # half a line
        path.write_text("".join(kept), encoding="utf-8")
        board = SummaryWriter(
            str(self.out / "tensorboard"), purge_step=self.generation + 1 if self.generation else None
        )
        with path.open("a", encoding="utf-8") as file:
            self._sinks = (file, board)
            try:
                yield
            finally:
                board.close()
                del self._sinks

    def _log(self, numbers: dict[str, float]) -> None:
        if not hasattr(self, "_sinks"):
            return
        file, board = self._sinks
        file.write(json.dumps({"generation": self.generation, "step": self.steps, **numbers}) + "\n")
        file.flush()
        for name, value in numbers.items():
            board.add_scalar(name if "/" in name else f"search/{name}", value, self.generation)


def _flat(request: dict[str, Any]) -> dict[str, Any]:
    """Without dictionaries in it: ``seat.env_kwargs.horizon``, for instance."""
    flat: dict[str, Any] = {}
    for name, value in request.items():
        inner = _flat(value) if isinstance(value, dict) else None
        flat |= {name: value} if inner is None else {f"{name}.{part}": found for part, found in inner.items()}
    return flat


def parameters_of(agent: str | Path, controller: LinearController) -> NDArray[np.float64]:
    """The parameters of an agent's folder, if it is a controller of this kind; where it was trained does not matter."""
    folder = agent_folder(agent)
    if folder.is_dir() and (algo := read_about(folder)["algo"]) != "cma":
        raise BadInput(f"{agent} holds an agent of {algo}, expected a controller of cma to begin from")
    found = LinearController.load(folder if folder.is_file() else folder / "agent.zip")
    if (found.config, found.size) != (controller.config, controller.size):
        raise BadInput(
            f"{agent} holds a controller of {found.size} parameters ({found.config}), this one has {controller.size} "
            f"({controller.config}); begin from one of the same kind"
        )
    return found.parameters.astype(np.float64)


def _strategy(first: NDArray[np.float64], sigma: float, popsize: int, normals: Normals) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that there is no matplotlib
            import cma
    except ImportError:
        raise DependencyNotInstalled('--algo cma needs pycma; run pip install "worldsim-rl[cma]"') from None
    options = {"popsize": popsize, "randn": normals, "seed": np.nan, "verbose": -9, "verb_log": 0, "verb_disp": 0}
    return cma.CMAEvolutionStrategy(first, sigma, options)
