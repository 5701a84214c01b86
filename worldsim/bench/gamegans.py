"""GameGAN's presets, untrained: updates, pictures, parameters, and what an update keeps for its gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from worldsim.bench.contest import Entry, Pace, Timer
from worldsim.bench.dreams import pictures
from worldsim.checkpoint import World
from worldsim.data.windows import Batch
from worldsim.gamegan.objective import GameGANObjective
from worldsim.gamegan.presets import PRESETS, Settings
from worldsim.training.config import FitConfig
from worldsim.training.turns import Turn, give_gradients_to, turns_of


def contest(preset: str, world: World, stretches: int, streams: tuple[int, ...]) -> list[Entry]:
    """One preset: training from its own frames with every judge, on so many stretches; then play."""
    settings = replace(PRESETS[preset], batch=stretches)
    count = sum(p.numel() for p in world.model.simulator.parameters())
    entries = [
        Entry(
            f"train GameGAN {preset}",
            f"{stretches} x {settings.length} steps, fp32",
            "frames/s",
            _training(settings, world),
            note=f"{count / 1e6:.2f} M parameters; {_kept(settings, world) / 2**20 / stretches:,.0f} MB a stretch kept",
        )
    ]
    for rows in streams:
        entries += [replace(entry, against="") for entry in pictures(world, rows)]  # fp32 is there once for each B
    return entries


def _training(settings: Settings, world: World) -> Timer:
    """Frames a second of whole updates (every turn); one update at least, none to warm up: some take a minute."""

    def timer(pace: Pace) -> float:
        update = _update(settings, world)
        updates, began = 0, pace.clock()
        while updates == 0 or pace.clock() - began < pace.seconds:
            update()
            updates += 1
        return updates * settings.batch * settings.length / (pace.clock() - began)

    return timer


def _update(settings: Settings, world: World) -> Callable[[], None]:
    """One update as `worldsim.training.fit` does it, at the end of the run: own frames, all judges."""
    objective, turns = _objective(settings, world)
    batch, generator, config = _noise(settings, world), torch.Generator().manual_seed(0), FitConfig()

    def update() -> None:
        objective.step.fill_(settings.steps - 1)
        for turn in turns:
            give_gradients_to(turn, turns)
            loss, _ = objective.loss(batch, generator, turn.name)
            turn.update(loss, 0, config, 1)

    return update


def _kept(settings: Settings, world: World) -> int:
    """Bytes that autograd keeps from the generator's forward pass to its backward pass, weights apart."""
    objective, turns = _objective(settings, world)
    objective.step.fill_(settings.steps - 1)
    give_gradients_to(turns[-1], turns)
    weights = {p.untyped_storage().data_ptr() for p in objective.parameters()}
    seen: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            seen[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        loss, _ = objective.loss(_noise(settings, world), torch.Generator().manual_seed(0), turns[-1].name)
        total = sum(seen.values())
    del loss
    return total


def _objective(settings: Settings, world: World) -> tuple[GameGANObjective, list[Turn]]:
    world.model.requires_grad_(True)
    objective = GameGANObjective(world.model, replace(settings, alone=0)).train()
    return objective, turns_of(objective, FitConfig())


def _noise(settings: Settings, world: World) -> Batch:
    """Stretches of nothing."""
    shape, frame = (settings.batch, settings.length), world.model.config.frame_shape
    generator = torch.Generator().manual_seed(0)
    return Batch(
        torch.randint(0, 256, (shape[0], shape[1] + 1, *frame), dtype=torch.uint8, generator=generator),
        torch.randint(0, 5, shape, generator=generator),
        torch.zeros(shape),
        torch.zeros(shape, dtype=torch.bool),
        torch.ones(shape, dtype=torch.bool),
    )
