"""What rounds are worth: World Models' iterative procedure on a task that random play does not cover.

    python scripts/iterate.py

The task: a path in fog. A path of 18 cells runs over a board of 6 x 6, another one for each seed, and nothing of it is
seen but its light: the whole picture has the colour of the cell where the player stands, each its own. (The first
picture is dark, and the first move leads onto the first cell whatever it is.) Of four moves one leads on and pays 1,
one leads back, the others end the episode; 17 is all there is. Random play gets 0.35 of it and meets each further cell
four times less often than the one before: what lies farther is not in its recordings.

For each seed: `worldsim iterate` for some rounds; the same with curiosity, where a second agent of each dream explores;
and the control, one round with as many real frames as all of them, all from random play, and as many updates of the
world and imagined steps of the agent. Run again, it goes on where it was stopped. Ends with rows.json and table.md.
"""

from __future__ import annotations

import colorsys
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import tyro
from gymnasium.spaces import Box, Discrete
from numpy.typing import NDArray

from worldsim.commands.iterate import Iterate
from worldsim.errors import BadInput, Stopped
from worldsim.iteration import Iteration, cell

ENV = "Script/FogPath-v0"
SIDE, STEPS, PIXELS, LONGEST = 6, 17, 16, 50
MOVES = ((0, -1), (0, 1), (-1, 0), (1, 0))  # left, right, up, down
DARK, FALLEN = (0, 0, 0), (90, 90, 90)
WORLD = (
    "patch=16",
    "codes=32",
    "batch=96",
    "length=12",
    "learning_rate=4e-3",
    "opening_steps=12",
    "transition.hidden=64",
)
ROUNDS, CURIOUS, CONTROL = "rounds", "curious", "control"
PPO = ("n_steps=8", "batch_size=256", "learning_rate=1e-3", "n_epochs=6")


class FogPath(gym.Env[NDArray[np.uint8], np.int64]):
    """A hidden path of 18 cells; 1 for each new cell, over when the player leaves it, at its end or after 50 steps.

    Args:
        path: which path.
    """

    metadata = {"render_modes": [], "render_fps": 4}

    def __init__(self, path: int = 0, render_mode: str | None = None) -> None:
        self.observation_space = Box(0, 255, (PIXELS, PIXELS, 3), np.uint8)
        self.action_space = Discrete(len(MOVES))
        self.path, self.render_mode = walk(path), render_mode

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        super().reset(seed=seed)
        self.at, self.best, self.age = self.path[0], 0, 0
        return self._draw(DARK), {}

    def step(self, action: np.int64 | int) -> tuple[NDArray[np.uint8], float, bool, bool, dict[str, Any]]:
        self.age += 1
        if self.age > 1:
            self.at = (self.at[0] + MOVES[action][0], self.at[1] + MOVES[action][1])
        if self.at not in self.path:
            return self._draw(FALLEN), 0.0, True, False, {}
        place = self.path.index(self.at)
        reward, self.best = float(place > self.best), max(place, self.best)
        return self._draw(glow(place)), reward, place == STEPS, self.age == LONGEST and place < STEPS, {}

    def _draw(self, colour: tuple[int, int, int]) -> NDArray[np.uint8]:
        return np.full((PIXELS, PIXELS, 3), colour, np.uint8)


def glow(place: int) -> tuple[int, int, int]:
    """The colour of one who stands on this cell of the path: no two are alike."""
    red, green, blue = colorsys.hsv_to_rgb(place * 7 % (STEPS + 1) / (STEPS + 1), 0.9 - 0.4 * (place % 2), 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)


def walk(seed: int) -> list[tuple[int, int]]:
    """A self-avoiding walk of 18 cells whose cells touch only those before and after them."""
    rng = np.random.default_rng(seed)
    while True:
        path = [(int(rng.integers(SIDE)), int(rng.integers(SIDE)))]
        while len(path) <= STEPS:
            row, col = path[-1]
            ways = [(row + r, col + c) for r, c in MOVES]
            ways = [w for w in ways if min(w) >= 0 and max(w) < SIDE and w not in path]
            ways = [w for w in ways if sum(abs(w[0] - p[0]) + abs(w[1] - p[1]) == 1 for p in path) == 1]
            if not ways:
                break
            path.append(ways[int(rng.integers(len(ways)))])
        if len(path) > STEPS:
            return path


@dataclass(frozen=True)
class Args:
    """Rounds, without and with curiosity, against one round."""

    out: Path = Path("runs/iterate")
    """Folder for all of each seed, rows.json and table.md."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Of everything, and each with a path of its own."""
    rounds: int = 5
    """Of the iteration."""
    frames: int = 2000
    """Real frames of a round."""
    vision_steps: int = 400
    """Updates of its codebook in the first round."""
    world_steps: int = 600
    """Updates of the world's transition in the first round."""
    later: float = 0.6
    """Share of these in every later round."""
    steps: int = 25_000
    """Imagined steps of a round's agent."""
    episodes: int = 200
    """Real episodes that score an agent."""
    curiosity: float = 1.0
    """Of the rounds with curiosity (see worldsim iterate); 0 leaves them out."""
    threads: int = 1
    """Of torch."""


def iteration(args: Args, seed: int, what: str) -> Iteration:
    """The rounds of one seed, the same with curiosity, or the one round of its control."""
    control = what == CONTROL
    rounds = args.rounds if control else 1
    updates = 1 + args.later * (rounds - 1)
    asked = Iterate(
        ENV,
        args.out / f"{what}-{seed}",
        "spatial",
        rounds=1 if control else args.rounds,
        frames=args.frames * rounds,
        world=(
            *WORLD,
            f"vision_steps={round(args.vision_steps * updates)}",
            f"steps={round(args.world_steps * updates)}",
        ),
        later=args.later,
        hyperparameters=PPO,
        steps=args.steps * rounds,
        horizon=(LONGEST,),
        episodes=args.episodes,
        curiosity=args.curiosity if what == CURIOUS else 0.0,
        seed=seed,
        env_kwargs=json.dumps({"path": seed}),
        threads=args.threads,
    )
    return Iteration(asked)


def rows_of(iteration: Iteration, name: str, seed: int) -> list[dict[str, Any]]:
    """A row for each round that is scored."""
    found = iteration.kept["rounds"]
    return [
        {"what": name, "seed": seed, "round": int(number), "frames": done["train"]["frames"]}
        | {part: done[part] for part in ("dream", "real")}
        for number, done in found.items()
        if "real" in done
    ]


def markdown(rows: list[dict[str, Any]]) -> str:
    """A line for each round and for the control: the seeds' means, and their mean and spread."""
    seeds = sorted({row["seed"] for row in rows})
    head = ["", "real frames", *(f"seed {seed} (95 %)" for seed in seeds), "mean of seeds", "sd of seeds", "n each"]
    lines = [head, ["---", *["---:"] * (len(head) - 1)]]
    for what, number in dict.fromkeys((row["what"], row["round"]) for row in rows):
        mine = {row["seed"]: row for row in rows if (row["what"], row["round"]) == (what, number)}
        means = np.array([row["real"]["mean"] for row in mine.values()])
        some = next(iter(mine.values()))
        lines.append(
            [
                {ROUNDS: f"round {number}", CURIOUS: f"round {number}, curious"}.get(what, what),
                f"{max(row['frames'] for row in mine.values()):,}" if some["frames"] else "",
                *(cell(mine[seed]["real"]) if seed in mine else "" for seed in seeds),
                f"{means.mean():.2f}",
                f"{means.std(ddof=1):.2f}" if len(means) > 1 else "",
                f"{some['real']['n']:,}",
            ]
        )
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main(args: Args) -> None:
    """What is missing, then the table."""
    gym.register(ENV, entry_point=FogPath)
    rows: list[dict[str, Any]] = []
    for seed in args.seeds:
        for what in (ROUNDS, *([CURIOUS] if args.curiosity else []), CONTROL):
            work = iteration(args, seed, what)
            work.run()
            if what == ROUNDS:
                rows.append({"what": "random", "seed": seed, "round": 0, "frames": 0, "real": work.kept["random"]})
            rows += rows_of(work, what, seed)
            order = ("random", ROUNDS, CURIOUS, CONTROL)
            shown = sorted(rows, key=lambda row: (order.index(row["what"]), row["round"], row["seed"]))
            (args.out / "rows.json").write_text(json.dumps(shown, indent=1) + "\n", encoding="utf-8")
            (args.out / "table.md").write_text(markdown(shown) + "\n", encoding="utf-8")
    print((args.out / "table.md").read_text(encoding="utf-8"), end="")
    print(f"wrote {args.out / 'table.md'} and {args.out / 'rows.json'}")


if __name__ == "__main__":
    try:
        main(tyro.cli(Args, description=__doc__))
    except (BadInput, Stopped) as error:
        raise SystemExit(f"iterate: {error}") from None
