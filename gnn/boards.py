"""A graph world on another board: new openings by the real generator, and every step after them by the same model."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from worldsim import space_json
from worldsim.checkpoint import World
from worldsim.data.episode import Episode
from worldsim.data.shard import About
from worldsim.envs.pacman.graph import PacManGraphVectorEnv
from worldsim.errors import BadInput
from worldsim.openings import write_openings

ENV_ID = "WorldSim/PacManGraph-v0"


def on_board(
    world: World,
    rows: int = 14,
    cols: int = 14,
    task: str = "arcade",
    ghosts: int | None = None,
    pellets: int | None = None,
    count: int = 32,
    boards_seed: int = 0,
    folder: Path | None = None,
) -> World:
    """The world with openings on boards of another size or task.

    An opening is the real game's first frame and one real step of standing still: the maze is the generator's, what
    happens in it is dreamed.

    Args:
        world: of kind "graph".
        rows: of the boards.
        cols: of the boards.
        task: "arcade" or "flag".
        ghosts: 0 to 4; None takes the task's own number.
        pellets: power pellets, 0 to 4; None takes the task's own number.
        count: openings.
        boards_seed: of the boards.
        folder: where to keep the openings; None takes a temporary one that goes with them.

    Raises:
        BadInput: a world of another kind, or sizes out of range.
    """
    if world.kind != "graph":
        raise BadInput(f"only graph worlds can change their board, {world.name!r} is of kind {world.kind!r}")
    kwargs: dict[str, Any] = {"observation": "board", "rows": rows, "cols": cols, "task": task}
    kwargs |= {} if ghosts is None else {"ghosts": ghosts}
    kwargs |= {} if pellets is None else {"pellets": pellets}
    envs = PacManGraphVectorEnv(count, **kwargs)
    first = envs.reset(seed=boards_seed)[0]
    second, rewards, terminated, _, _ = envs.step(np.zeros(count, np.int64))
    episodes = [
        Episode(
            np.stack([first[row], second[row]]),
            np.zeros(1, np.int64),
            rewards[row : row + 1].astype(np.float32),
            False,
            True,
            boards_seed + row,
            ENV_ID,
            "still",
            row,
        )
        for row in np.flatnonzero(~terminated).tolist()
    ]
    shape = first.shape[1:]
    about = About(ENV_ID, shape, space_json.to_json(envs.single_action_space), kwargs, seed=boards_seed, policy="still")
    kept = Path(tempfile.mkdtemp()) if folder is None else folder
    openings = write_openings(kept / "openings.h5", episodes, about)
    if folder is None:
        weakref.finalize(openings, shutil.rmtree, kept, ignore_errors=True)
    model = type(world.model)(replace(world.model.config, frame_shape=shape))
    model.load_state_dict(world.model.state_dict())
    model.to(next(world.model.parameters()).device).eval().requires_grad_(False)
    return replace(world, model=model, openings=openings, provenance={**world.provenance, "env_kwargs": kwargs})
