"""CMA-ES, World Models' way to train C: a population of linear controllers, in a dream or in reality."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from worldsim.agents.agent import Agent
from worldsim.agents.linear import LinearConfig, LinearController
from worldsim.agents.population import DreamPopulation, Episodes
from worldsim.agents.progress import Bar
from worldsim.agents.reality import RealPlayer
from worldsim.agents.search import Search
from worldsim.agents.seat import DREAM_HORIZON, Seat, find_seat, open_world
from worldsim.agents.workers import Alone, Workers
from worldsim.errors import BadInput, Stopped

_SAVE_SECONDS = 30.0
_KINDS = {int: "a whole number", float: "a number", bool: "True or False", str: "a word"}


@dataclass(frozen=True)
class CMASettings:
    """What ``--hyperparameters`` may set; the defaults are the paper's where it has one."""

    popsize: int = 64
    """Controllers in a generation."""
    rollouts: int = 16
    """Episodes of each, whose mean return is its fitness."""
    sigma: float = 0.1
    """First standard deviation."""
    features: Literal["plain", "hidden", "mixed"] = "mixed"
    """Part of the world's features that a controller sees, see `LinearConfig`."""
    hidden: int = 0
    """Tanh units in between."""
    bias: bool = True
    """Whether there are biases."""
    evaluate_every: int = 25
    """Generations between scores of the mean controller; the best one scored is the agent."""
    evaluate_episodes: int = 1024
    """Episodes of such a score."""
    same_seeds: bool = False
    """Whether a whole generation plays the same episodes, not only controllers i and i + popsize / 2 (the paper): where
    scores depend on how an episode begins, that tells controllers apart with fewer of them."""
    patience: int = 0
    """Steps in a row without a reward above 0 after which an episode of the search is over; 0 waits for ever."""
    tune: Literal["all", "outputs"] = "all"
    """What of the controller evolves: all parameters, or, of one to begin from, only a gain and an offset for every
    output, few enough for some hundred real episodes."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Of a dream."""

    def __post_init__(self) -> None:
        """Refuse what could only fail later."""
        if self.popsize < 4 or min(self.rollouts, self.evaluate_every, self.evaluate_episodes) < 1 or self.sigma <= 0:
            raise BadInput(
                "cma needs popsize >= 4, rollouts, evaluate_every and evaluate_episodes >= 1 and sigma > 0, got "
                f"{self.popsize}, {self.rollouts}, {self.evaluate_every}, {self.evaluate_episodes} and {self.sigma}"
            )
        if min(self.patience, self.hidden) < 0:
            raise BadInput(
                "patience and hidden are at least 0 (0: as long as it takes; no units in between), got "
                f"{self.patience} and {self.hidden}"
            )


class Players(Protocol):
    """Who plays episodes for controllers."""

    def play(self, parameters: NDArray[np.floating], seeds: NDArray[np.int64]) -> Episodes:
        """One episode each for controllers (P, N) and seeds (P, R)."""


class RealPopulation:
    """The same as `DreamPopulation` in real environments, one in each worker."""

    def __init__(self, workers: Any) -> None:
        self.workers = workers

    def play(self, parameters: NDArray[np.floating], seeds: NDArray[np.int64]) -> Episodes:
        """One episode each for controllers (P, N) and seeds (P, R)."""
        jobs = [(parameters[i], int(seed)) for i, row in enumerate(seeds) for seed in row]
        played = self.workers.map(jobs)
        returns, lengths = (np.array(column).reshape(seeds.shape) for column in zip(*played, strict=True))
        return Episodes(returns.astype(np.float64), lengths.astype(np.int64))


def train_cma(
    inside: str | Path | Seat,
    steps: int = 20_000_000,
    seed: int = 0,
    out: str | Path = "runs/agent",
    observation: str | None = None,
    through: str | Path | None = None,
    env_kwargs: dict[str, Any] | None = None,
    hyperparameters: Mapping[str, Any] | None = None,
    workers: int = 1,
    ray: str | None = None,
    threads: int | None = None,
    progress: bool = False,
    start_from: str | Path | None = None,
) -> Agent:
    """Evolve a `LinearController` by CMA-ES (Hansen 2016, arXiv:1604.00772) and write its folder.

    Source: Ha & Schmidhuber 2018, arXiv:1803.10122, appendix A.4. Fitness is the mean return of ``rollouts`` episodes;
    controllers i and i + popsize / 2 play the same seeds (all do with ``same_seeds``). Every ``evaluate_every``
    generations, and at the end, the mean of the distribution plays ``evaluate_episodes`` episodes of seeds that no
    training uses; the best mean so scored is the agent (its score is then a little flattered: `worldsim evaluate`
    scores it anew).

    Each generation is a function of the seed and of its number, so a run that was killed and goes on follows the same
    curve. ``search.pkl`` holds where it is (at most half a minute is lost); like all pickles it should only be opened
    by who wrote it.

    Differs from the paper: its weight decay, whose sign is reversed in the released code, is left out; returns are not
    rounded to 1e-4. ``tune`` and ``same_seeds`` are ours, and so is ``patience``: above 0 the search's own episodes,
    those of its scores too, end where nothing was gained for so long, for a dream can be too kind to who has left the
    road.

    Args:
        inside: a dream, or a real environment's id.
        steps: of all episodes of the search together (not of the scores), rounded up to whole generations.
        seed: of the search.
        out: the agent's folder.
        observation: must be features (or None) in a dream.
        through: a world: evolve in the real ``inside``, on this world's features.
        env_kwargs: for the environment; ``temperature`` and ``horizon`` for a dream.
        hyperparameters: of `CMASettings`.
        workers: processes that play in a real environment.
        ray: address of a Ray cluster that plays instead, with so many ``workers``.
        threads: of torch, in a dream.
        progress: show a bar on stderr.
        start_from: a controller of the same kind, whose parameters are the first mean (the paper: zeros); it is scored
            first.
    """
    seat = inside if isinstance(inside, Seat) else find_seat(inside, observation, through, env_kwargs)
    if steps < 1 or not 0 <= seed < 2**31 or workers < 1:
        raise BadInput(f"steps and workers must be at least 1, seed in [0, 2**31), got {steps}, {workers} and {seed}")
    settings = complete(hyperparameters or {})
    controller, horizon = _controller(seat, settings)
    search = Search(Path(out), seat, settings, controller, seed, start_from)
    if search.steps >= steps and search.scores:
        return search.agent(steps, threads)
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    players, close = _players(seat, settings, controller, horizon, workers, ray)
    try:
        _run(search, players, settings, steps, progress, threads)
    except KeyboardInterrupt:
        search.save(steps, threads)
        raise Stopped(
            f"stopped at {search.steps:,} of {steps:,} steps (generation {search.generation}); the same command goes on"
        ) from None
    finally:
        close()
        torch.set_num_threads(before)
    return search.agent(steps, threads)


def complete(given: Mapping[str, Any]) -> CMASettings:
    """Settings from what was given; an unknown name is an error that lists the known ones."""
    known = [field.name for field in fields(CMASettings)]
    if unknown := sorted(set(given) - set(known)):
        raise BadInput(f"cma has no hyperparameter {unknown[0]!r}; it has {', '.join(known)}")
    for name, value in given.items():
        default = getattr(CMASettings, name)
        kinds: tuple[type, ...] = (int, float) if isinstance(default, float) else (type(default),)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise BadInput(f"{name} of cma is {_KINDS[type(default)]}, got {value!r}")
    for name, choices in (("precision", ("fp32", "bf16")), ("tune", ("all", "outputs"))):
        if given.get(name, choices[0]) not in choices:
            raise BadInput(f"{name} of cma is {' or '.join(choices)}, got {given[name]!r}")
    return CMASettings(**given)


def _run(
    search: Search, players: Players, settings: CMASettings, steps: int, progress: bool, threads: int | None
) -> None:
    """Generations until the steps are done."""
    saved = time.monotonic()
    with search.logging(), Bar(f"cma in {search.seat}", steps, "steps", search.steps, progress) as bar:
        if search.start is not None and not search.generation:
            search.score(players, settings.evaluate_episodes)  # what it begins with may be the best there will be
        while search.steps < steps:
            before = search.steps
            search.advance(players)
            bar.note(f"generation {search.generation}, mean {search.last['mean']:.1f}")
            bar.advance(search.steps - before)
            if search.generation % settings.evaluate_every == 0 or search.steps >= steps:
                better = search.score(players, settings.evaluate_episodes)
                bar.note(f"generation {search.generation}, scored {search.scores[-1]['mean']:.1f}")
                saved = saved if not better else -np.inf
            if time.monotonic() - saved > _SAVE_SECONDS:
                search.save(steps, threads)
                saved = time.monotonic()
        if not search.scores or search.scores[-1]["generation"] != search.generation:
            search.score(players, settings.evaluate_episodes)
        search.save(steps, threads)


def _controller(seat: Seat, settings: CMASettings) -> tuple[LinearController, int]:
    """An empty controller that fits the seat, and the horizon."""
    world = None if seat.world is None else open_world(seat.world)
    if world is not None and seat.observation != "features":
        raise BadInput(f"a linear controller sees a world's features, got observation {seat.observation}")
    if world is not None:
        shown, taken = world.model.observation_space, world.model.action_space
    else:
        venv = seat.open(1)
        shown, taken = venv.single_observation_space, venv.single_action_space
        venv.close()
    latent = None if world is None else getattr(world.model.config, "latent", None)
    config = LinearConfig(settings.features, latent, settings.hidden, settings.bias)
    horizon = 100_000
    if seat.dreamed and world is not None:
        horizon = int(seat.env_kwargs.get("horizon") or world.provenance.get("horizon") or DREAM_HORIZON)
    return LinearController(shown, taken, config), horizon


def _players(
    seat: Seat, settings: CMASettings, controller: LinearController, horizon: int, workers: int, ray: str | None
) -> tuple[Players, Any]:
    """Who plays, and how to end it."""
    if seat.dreamed:
        if workers > 1 or ray is not None:
            raise BadInput("--workers and --ray are for real environments; a dream plays the whole population at once")
        assert seat.world is not None
        temperature, device = float(seat.env_kwargs.get("temperature", 1.0)), seat.env_kwargs.get("device", "cpu")
        world = open_world(seat.world)
        precision, patience = settings.precision, settings.patience
        dreamed = DreamPopulation(world, controller, horizon, temperature, precision, device, patience)
        return dreamed, lambda: None
    make = partial(RealPlayer, seat, controller.config, horizon, settings.patience)
    if ray is not None:
        from worldsim.agents.ray_workers import RayWorkers

        pool: Any = RayWorkers(workers, make, ray)
    else:
        pool = Alone(make) if workers == 1 else Workers(workers, make)
    return RealPopulation(pool), pool.close
