"""A player by the clock, who looks at nothing: how deadly a dream is beside reality, and a dream made as deadly."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray

from worldsim.agents.progress import Bar
from worldsim.checkpoint import World, new_model
from worldsim.dream import Dream
from worldsim.errors import BadInput
from worldsim.vision_memory.world import VisionMemoryWorld
from worldsim.whole_file import write_whole

_WIDEST, _HALVINGS = 8.0, 7  # logits to either side of the published 0; a search to within 1/8


def side(half: int, step: int) -> float:
    """The action of a step counted from 0: right (1) or left (-1), ``half`` steps each, the first time half as many."""
    return 1.0 if (step + half // 2) // half % 2 == 0 else -1.0


def lives(env: gym.Env[NDArray[np.uint8], NDArray[np.float32]], half: int, seeds: Sequence[int]) -> NDArray[np.float64]:
    """Steps survived in a real game of one action in [-1, 1], from each seed."""
    lengths = np.zeros(len(seeds))
    for i, seed in enumerate(seeds):
        env.reset(seed=int(seed))
        over, step = False, 0
        while not over:
            _, _, terminated, truncated, _ = env.step(np.array([side(half, step)], np.float32))
            over, step = terminated or truncated, step + 1
        lengths[i] = step
    return lengths


def mean_lives(
    make: Callable[[], gym.Env[NDArray[np.uint8], NDArray[np.float32]]],
    halves: Sequence[int],
    seeds: Sequence[int],
    kept: Path,
) -> dict[int, float]:
    """Mean steps survived in the real game by half period; each is kept in a file as soon as it is known."""
    known: dict[str, float] = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}
    names = {half: f"{half} steps, {len(seeds)} games from seed {seeds[0]} on" for half in halves}
    missing = [half for half in halves if names[half] not in known]
    if missing:
        with make() as env, Bar("games by the clock", len(missing) * len(seeds), "games") as bar:
            for half in missing:
                lived = []
                for seed in seeds:
                    lived.append(lives(env, half, [seed])[0])
                    bar.advance(1)
                known[names[half]] = float(np.mean(lived))
                write_whole(kept, json.dumps(known, indent=1) + "\n")
    return {half: known[name] for half, name in names.items()}


def dreamed_lives(
    world: World, halves: Sequence[int], seeds: Sequence[int], horizon: int, temperature: float = 1.0
) -> NDArray[np.float64]:
    """Steps survived in the dream, (halves, seeds); all of it is one batch."""
    rows, begun = len(halves) * len(seeds), torch.tensor(list(seeds)).repeat(len(halves))
    dream = Dream(world, rows, temperature, precision="bf16")
    dream.reset(torch.arange(rows), begun)
    playing, lengths = torch.ones(rows, dtype=torch.bool), torch.zeros(rows)
    for step in range(horizon):
        sides = torch.tensor([side(half, step) for half in halves]).repeat_interleave(len(seeds))
        lengths += playing
        playing &= ~dream.step(sides[:, None]).terminated
        if not playing.any():
            break
    return lengths.double().numpy().reshape(len(halves), len(seeds))


def ending_above(world: World, threshold: float) -> World:
    """The same world, whose dreams end where M's logit of an ending is above ``threshold`` (published: 0)."""
    model = world.model
    if not isinstance(model, VisionMemoryWorld) or not model.config.done:
        raise BadInput(f"expected a vision-memory world with M's logit of endings (takecover-vm), got {world.name}")
    made = new_model(world.kind, replace(model.config, ends_above=threshold))
    made.load_state_dict(model.state_dict())
    return replace(world, model=made.eval().requires_grad_(False))


def as_deadly(
    world: World,
    real: Mapping[int, float],
    seeds: Sequence[int],
    horizon: int,
    temperature: float = 1.0,
) -> World:
    """A world in which players by the clock live as long as in reality, by the threshold of its endings alone.

    What is matched is the mean over players of log(steps in the dream / steps in reality); the threshold is found by
    halving, on the same dreams each time.

    Args:
        world: with M's logit of endings.
        real: mean steps of life in reality, by the player's half period.
        seeds: of the dreams.
        horizon: steps after which a dream is cut, as reality is.
        temperature: of the dreams.
    """
    halves, known = list(real), np.log(list(real.values()))
    low, high = -_WIDEST, _WIDEST
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        lived = dreamed_lives(ending_above(world, middle), halves, seeds, horizon, temperature).mean(1)
        if np.mean(np.log(lived) - known) > 0:  # too kind: it must end sooner
            high = middle
        else:
            low = middle
    return ending_above(world, (low + high) / 2)
