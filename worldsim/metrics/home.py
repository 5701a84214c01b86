"""Come back home: K free moves and their reverses; is the maze what it was?"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from worldsim.envs.pacman import tiles
from worldsim.envs.pacman.paint import paint_codes
from worldsim.envs.pacman.types import MOVES, OPPOSITE, Bools, Bytes, Ints
from worldsim.metrics import kinds as k
from worldsim.metrics.estimate import Estimate, mean, share
from worldsim.metrics.games import Played
from worldsim.metrics.look import Eyes
from worldsim.metrics.moves import seen, target

LENGTHS = (2, 4, 8, 16)
"""K."""


@cache
def _colours(skin: str) -> tuple[NDArray[np.float32], Bools]:
    """Every colour (n, 3) of the game, and whether it is one of walls alone."""
    atlas = paint_codes(np.arange(tiles.NUM_TILES, dtype=np.uint8)[:, None, None], skin)
    walls = np.unique(atlas[tiles.WALL : tiles.EMPTY].reshape(-1, 3), axis=0)
    others = np.unique(np.delete(atlas, np.s_[tiles.WALL : tiles.EMPTY], axis=0).reshape(-1, 3), axis=0)
    walls = np.array([colour for colour in walls if not (others == colour).all(1).any()])
    both = np.concatenate([walls, others]).astype(np.float32)
    return both, np.arange(len(both)) < len(walls)


def wall_pixels(frames: NDArray[np.uint8], skin: str) -> Bools:
    """(B, H, W): pixels whose nearest colour of the game is one of walls ("blue" in the arcade's look)."""
    colours, wall = _colours(skin)
    flat = frames.reshape(-1, 3).astype(np.float32)
    found = np.empty(len(flat), bool)
    for begin in range(0, len(flat), 1 << 18):
        part = flat[begin : begin + (1 << 18)]
        found[begin : begin + len(part)] = wall[(np.square(colours).sum(1) - 2 * part @ colours.T).argmin(1)]
    return found.reshape(frames.shape[:3])


def apart(before: Bools, after: Bools) -> NDArray[np.float64]:
    """``d = sum |s - s'| / (sum s + 1)`` of binary pictures (B, H, W), as in GameGAN (arXiv:2005.12126): (B,)."""
    return (before != after).sum((1, 2)) / (before.sum((1, 2)) + 1)


def go_and_return(games: Played, eyes: Eyes, skin: str, length: int, seed: int) -> dict[str, Estimate]:
    """Walk K free moves, drawn without turning back where there is another way, and walk them back.

    A move is free if the picture before it shows no wall there. Rows whose game ends on the way are left out.

    Args:
        games: B games at their starts; they are played for 2 K steps.
        eyes: they read the pictures.
        skin: how the game is painted.
        length: K.
        seed: of the moves.
    """
    rng, rows = np.random.default_rng([seed, length]), len(games.frames)
    home, alive, walked = wall_pixels(games.frames, skin), np.ones(rows, bool), np.zeros((2, rows))
    path: list[NDArray[np.int64]] = []
    kinds, last = _read(eyes, games.frames), np.zeros(rows, np.int64)
    for t in range(2 * length):
        action = _free_move(kinds, last, rng) if t < length else OPPOSITE[path[2 * length - 1 - t]]
        path.append(action)
        turn = games.step(action)
        alive &= ~turn.ended
        after = _read(eyes, turn.frames)
        moves = seen(kinds, action, after)
        walked += np.stack([moves.went & moves.tells, moves.tells]) * alive
        kinds, last = after, action
    d = apart(home, wall_pixels(turn.frames, skin))
    name = f"{length} moves and back"
    return {
        f"walls not as they were, {name}": mean(d * alive, alive),
        f"moves made, {name}": share(*walked),
    }


def two_frames(frames: NDArray[np.uint8], later: NDArray[np.uint8], skin: str) -> Estimate:
    """The reference: two random frames of one real episode (the paper's: 1.17 +- 0.56)."""
    return mean(apart(wall_pixels(frames, skin), wall_pixels(later, skin)), np.ones(len(frames)))


def _read(eyes: Eyes, frames: NDArray[np.uint8]) -> Bytes:
    kinds = eyes.look(frames).kinds
    assert kinds is not None
    return kinds


def _free_move(kinds: Bytes, last: Ints, rng: np.random.Generator) -> Ints:
    """(B,) a move without a wall in its way: rather not back, and a stay where all four are walls."""
    score = rng.random((len(kinds), len(MOVES)))
    score[:, 0] = -1
    score[np.arange(len(kinds)), OPPOSITE[last]] -= np.where(last > 0, 1.0, 0.0)
    for action in range(1, len(MOVES)):
        score[target(kinds, np.full(len(kinds), action)) == k.WALL, action] = -2
    return score.argmax(1)
