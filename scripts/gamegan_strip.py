"""Real and dreamed stretches side by side, of fixed seeds: the picture in docs/gamegan.md.

    python scripts/gamegan_strip.py --world pacman-gamegan --out docs/gamegan-pacman.png

For each seed a real game (real line) and the world that saw its first steps and then imagines the same actions (dream
line). The seeds are the first ones of those kept for evaluation; nothing is picked by looks. With ``--own`` the dream
line goes on by itself for so many steps before the first picture, so that no real line can stand beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import gymnasium as gym
import numpy as np
import torch
import tyro
from PIL import Image

import worldsim
from worldsim.errors import BadInput
from worldsim.metrics.reality import SEEDS
from worldsim.noise import normals, stream_keys

GAP = 3  # pixels between frames


@dataclass(frozen=True)
class Args:
    """Which world, and what to show."""

    world: str = "pacman-gamegan"
    """Bundled name or folder."""
    out: Path = Path("gamegan-strip.png")
    """The picture."""
    rows: int = 4
    """Games."""
    shown: int = 4
    """Real steps that the world follows."""
    steps: int = 12
    """Imagined steps in the picture."""
    own: int = 0
    """Imagined steps before the first one in the picture."""
    seed: int = 0
    """The first game."""


def stretches(args: Args) -> tuple[np.ndarray, np.ndarray]:
    """Frames of reality and of the dream: (rows, 1 + steps, H, W, C) uint8 each."""
    world = worldsim.load(args.world)
    model, env_id = world.model, str(world.provenance["env_id"])
    seeds = [SEEDS + args.seed + row for row in range(args.rows)]
    env = gym.make_vec(env_id, args.rows)
    frames, _ = env.reset(seed=seeds)
    rng, actions = np.random.default_rng(args.seed), np.zeros(args.rows, np.int64)
    key = stream_keys(torch.tensor(seeds))

    def noise(step: int) -> torch.Tensor:
        return normals(key, torch.full_like(key, step), model.noise_size)

    real, dream = [], []
    over = np.zeros(args.rows, bool)
    with torch.inference_mode():
        state = model.start(torch.from_numpy(np.asarray(frames)), noise(0))
        for step in range(1, args.shown + args.own + args.steps + 1):
            held = rng.random(args.rows) < 0.5  # each action is held with probability one half
            drawn = rng.integers(0, env.single_action_space.n, args.rows)  # type: ignore[attr-defined]
            actions = np.where(held, actions, drawn)
            before = np.asarray(frames)
            frames, _, terminated, truncated, info = env.step(actions)
            frames = np.array(frames)
            for row in np.flatnonzero(terminated | truncated):
                frames[row] = info["final_obs"][row]
            frames[over] = before[over]  # an ended game stands still
            over |= terminated | truncated
            if step <= args.shown:
                state = model.follow(state, torch.from_numpy(actions), torch.from_numpy(frames), noise(step))
            else:
                state = model.imagine(state, torch.from_numpy(actions), noise(step)).state
            if step >= args.shown + args.own:
                real.append(frames.copy())
                dream.append(model.render(state).numpy())
    env.close()
    return np.stack(real, 1), np.stack(dream, 1)


def sheet(real: np.ndarray, dream: np.ndarray, pairs: bool = True) -> np.ndarray:
    """One line a game and kind, one column a step."""
    lines = [kind[row] for row in range(len(real)) for kind in ((real, dream) if pairs else (dream,))]
    padded = [np.pad(line, ((0, 0), (0, GAP), (0, GAP), (0, 0)), constant_values=60) for line in lines]
    return np.concatenate([np.concatenate(list(line), 1) for line in padded], 0)


def main(args: Args) -> None:
    """Play and draw."""
    picture = sheet(*stretches(args), pairs=args.own == 0)
    Image.fromarray(picture).save(args.out, optimize=True)
    print(f"wrote {args.out}: {picture.shape[1]} x {picture.shape[0]} pixels")


if __name__ == "__main__":
    try:
        main(tyro.cli(Args, description=__doc__))
    except BadInput as error:
        raise SystemExit(f"gamegan_strip: {error}") from None
