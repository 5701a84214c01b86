"""Count what is on screen in a dreamed Pac-Man, step by step, beside the real game: ghosts, food, walls, obedience.

    python scripts/pacman_census.py --world pacman-spatial --env WorldSim/PacManFlag-v0 --out census.json

Both games are played by the same policy (uniform actions, each held with probability 0.5); frames of either are read
by the nearest of the game's own tiles, which on real frames makes no mistake. A row counts until its episode ends.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import gymnasium as gym
import numpy as np
import torch
import tyro
from numpy.typing import NDArray

from worldsim.envs.pacman import tiles
from worldsim.envs.pacman.paint import CELL, paint_codes

Codes = NDArray[np.int64]  # (B, 7, 7) tile codes
DELTAS = np.array([(0, 0), (0, -1), (0, 1), (-1, 0), (1, 0)])
CENTRE = 3


@dataclass(frozen=True)
class Args:
    """What to compare."""

    world: str = "pacman-spatial"
    """A bundled name or a world folder."""
    env: str = "WorldSim/PacManFlag-v0"
    """The real game it learned."""
    rows: int = 1024
    """Episodes side by side."""
    steps: int = 30
    """Imagined steps."""
    temperature: float = 1.0
    """Of the dream."""
    seed: int = 1_000_000
    """Of both."""
    out: Path | None = None
    """Where to write the numbers as json."""


def read(frames: NDArray[np.uint8]) -> Codes:
    """The nearest tile of every cell: (B, 84, 84, 3) uint8 -> (B, 7, 7)."""
    atlas = paint_codes(np.arange(tiles.NUM_TILES, dtype=np.uint8)[:, None, None]).reshape(tiles.NUM_TILES, -1)
    batch, size = len(frames), frames.shape[1] // CELL
    cut = frames.reshape(batch, size, CELL, size, CELL, 3).swapaxes(2, 3).reshape(-1, CELL * CELL * 3)
    a, b = torch.from_numpy(cut).float(), torch.from_numpy(atlas).float()
    return (b.pow(2).sum(1) - 2 * a @ b.T).argmin(1).numpy().reshape(batch, size, size)


def kinds(codes: Codes) -> dict[str, NDArray[np.bool_]]:
    """Masks of the things that are counted."""
    return {
        "ghosts": (codes >= tiles.GHOST) & (codes < tiles.PLAYER),
        "food": codes == tiles.FOOD,
        "walls": (codes >= tiles.WALL) & (codes < tiles.EMPTY),
        "flags": codes == tiles.FLAG,
    }


class Census:
    """Sums over rows and steps; `summary` divides them."""

    def __init__(self) -> None:
        self.sums: dict[str, list[float]] = {}

    def add(self, name: str, hits: NDArray[np.generic] | float, of: NDArray[np.generic] | float) -> None:
        """Count ``hits`` of ``of`` chances."""
        total = self.sums.setdefault(name, [0.0, 0.0])
        total[0] += float(np.sum(hits))
        total[1] += float(np.sum(of))

    def step(self, t: int, before: Codes, action: NDArray[np.int64], after: Codes, alive: NDArray[np.bool_]) -> None:
        """One transition of every row that is alive."""
        before, action, after = before[alive], action[alive], after[alive]
        if len(before) == 0:
            return
        span = "1-5" if t <= 5 else "6-15" if t <= 15 else "16+"
        now, then = kinds(after), kinds(before)
        for name, mask in now.items():
            self.add(f"{name} on screen, steps {span}", mask.sum(), len(mask))
        double = sum(
            ((after >= tiles.GHOST + 4 * g) & (after < tiles.GHOST + 4 * g + 4)).sum((1, 2)) > 1 for g in range(4)
        )
        self.add(f"frames with a ghost twice, steps {span}", np.asarray(double) > 0, len(after))
        rows = np.arange(len(after))
        shift = DELTAS[action]
        target = before[rows, CENTRE + shift[:, 0], CENTRE + shift[:, 1]]
        blocked = (target >= tiles.WALL) & (target < tiles.EMPTY)
        moved = np.where(blocked[:, None], 0, shift)
        aligned, known = _shifted(then["walls"], moved), _shifted(np.ones_like(then["walls"]), moved)
        stayed = _shifted(then["walls"], np.zeros_like(moved))
        went = _shifted(then["walls"], shift)
        inner = _shifted(np.ones_like(then["walls"]), shift)
        differ = ((stayed != went) & inner).sum((1, 2)) >= 3  # else both answers look the same
        as_went = ((went != now["walls"]) & inner).sum((1, 2)) < ((stayed != now["walls"]) & inner).sum((1, 2))
        free = differ & ~blocked & (action > 0)
        stuck = differ & blocked & (action > 0)
        self.add(f"free moves obeyed, steps {span}", as_went & free, free)
        self.add(f"blocked moves obeyed, steps {span}", ~as_went & stuck, stuck)
        self.add(f"walls kept, steps {span}", (aligned == now["walls"]) & known, known)
        near = then["ghosts"].copy()
        near[:, [0, 1, -2, -1], :] = False
        near[:, :, [0, 1, -2, -1]] = False
        colour_before = np.where(near, (before - tiles.GHOST) // 4, -1)
        frightened = ((after >= tiles.FRIGHTENED) & (after < tiles.PLAYER)).any((1, 2))
        for g in range(4):
            has = (colour_before == g).any((1, 2)) & ~frightened
            moved_mask = _shifted(colour_before == g, moved)
            reach = _grown(moved_mask)
            there = (after >= tiles.GHOST + 4 * g) & (after < tiles.GHOST + 4 * g + 4)
            caught = (after == tiles.CAUGHT).any((1, 2))
            self.add(f"ghosts that stay within a cell, steps {span}", ((there & reach).any((1, 2)) | caught) & has, has)

    def summary(self) -> dict[str, float]:
        """Shares and means."""
        return {name: hits / of if of else float("nan") for name, (hits, of) in sorted(self.sums.items())}


def _shifted(mask: NDArray[np.bool_], moved: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Where the contents of the view lie after the player moved: (B, 7, 7), false where nothing is known."""
    batch, size, _ = mask.shape
    r = np.arange(size)[None, :, None] + moved[:, 0, None, None]
    c = np.arange(size)[None, None, :] + moved[:, 1, None, None]
    inside = (r >= 0) & (r < size) & (c >= 0) & (c < size)
    return mask[np.arange(batch)[:, None, None], r.clip(0, size - 1), c.clip(0, size - 1)] & inside


def _grown(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A mask and its four neighbours."""
    out = mask.copy()
    out[:, 1:] |= mask[:, :-1]
    out[:, :-1] |= mask[:, 1:]
    out[:, :, 1:] |= mask[:, :, :-1]
    out[:, :, :-1] |= mask[:, :, 1:]
    return out


def play(
    env: gym.vector.VectorEnv, frames: NDArray[np.uint8], args: Args, of: Callable[..., NDArray[np.uint8]]
) -> dict[str, float]:
    """Play one vector environment and count."""
    rng = np.random.default_rng(args.seed)
    census, alive = Census(), np.ones(args.rows, bool)
    before, action = read(frames), rng.integers(0, 5, args.rows)
    for t in range(1, args.steps + 1):
        action = np.where(rng.random(args.rows) < 0.5, action, rng.integers(0, 5, args.rows))
        frames, _, terminated, truncated, info = env.step(action)
        done = terminated | truncated
        last = frames.copy()
        for row in np.flatnonzero(done):
            last[row] = info["final_obs"][row]
        after = read(last)
        census.step(t, before, action, after, alive & ~done)
        alive &= ~done
        before = after
    return census.summary()


def main(args: Args) -> None:
    """Count in both and print them side by side."""
    torch.set_num_threads(1)
    real = gym.make_vec(args.env, num_envs=args.rows)
    frames, _ = real.reset(seed=args.seed)
    rng = np.random.default_rng(args.seed + 1)
    for _ in range(8):  # dreams begin in the middle of play too
        frames, *_ = real.step(rng.integers(0, 5, args.rows))
    dream = gym.make_vec(
        "WorldSim/Dream-v0", num_envs=args.rows, model=args.world, observation="pixels", temperature=args.temperature
    )
    first, _ = dream.reset(seed=args.seed)
    rows = {"real": play(real, frames, args, paint_codes), "dream": play(dream, first, args, paint_codes)}
    print(f"{'':50s} {'real':>9s} {'dream':>9s}")
    for name in rows["real"]:
        print(f"{name:50s} {rows['real'][name]:9.3f} {rows['dream'].get(name, float('nan')):9.3f}")
    if args.out is not None:
        args.out.write_text(json.dumps({"args": {k: str(v) for k, v in asdict(args).items()}, **rows}, indent=2) + "\n")


if __name__ == "__main__":
    main(tyro.cli(Args))
