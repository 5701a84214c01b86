"""``worldsim play``: a game or its dream in a window."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from worldsim.errors import BadInput


@dataclass(frozen=True)
class Play:
    """Play a real environment or a dream in a window; the keys are the same.

    - Arrows, w a s d: play, or what else the environment asks for (printed at the start, shown with H)
    - P, Pause: pause, go on
    - ".", E: one step, then pause
    - R, Return: restart with a new seed
    - Shift+R: restart with the same seed
    - O, Shift+O: next, previous opening of a dream
    - +, -: temperature of a dream up, down
    - Tab, M: person or agent plays
    - G: write a gif of the last minute
    - S, F12: write a picture of the window
    - H, F1: shows or hides the keys
    - Escape: quit

    Where the game itself uses one of these keys, hold Ctrl.
    """

    env: tyro.conf.Positional[str]
    """A gymnasium id (WorldSim/PacMan-v0), a bundled world, or a world folder."""
    env_kwargs: str = "{}"
    """More arguments for the environment as JSON, such as '{"ghosts": 2}'."""
    rows: int | None = None
    """Of the board, where it can have any size: WorldSim/PacManGraph-v0, pacman-graph."""
    cols: int | None = None
    """Of the board."""
    fps: float | None = None
    """Steps of the game a second; its own pace by default."""
    size: int = 672
    """Pixels of the picture's longer side, about; the window can be resized. A gif's are at most 336."""
    seed: int | None = None
    """Of the first episode, the later ones count up; a random one by default."""
    opening: int | None = None
    """Where the first episode of a dream begins; by default the seed chooses."""
    temperature: float = 1.0
    """Of a dream: how boldly it samples, 1 is as learned."""
    horizon: int | None = None
    """Steps after which an episode of a dream is cut; never by default."""
    agent: str | None = None
    """An agent that plays until you take over with Tab: a folder of ``worldsim train-agent`` or a saved
    Stable-Baselines3 model. One that learned in a dream plays the real game too."""
    wait: bool = False
    """A game in turns: nothing moves until a key asks for an action."""
    again: float | None = None
    """Seconds after which a finished episode begins anew; by default it waits for R (headless: begins at once)."""
    headless: Annotated[int | None, tyro.conf.arg(metavar="N")] = None
    """Play N steps without a window, as fast as it goes."""
    script: str = ""
    """Keys to press, such as "right*10,up*3,p,.*2,p": a game's key is held for so many steps, "none*5" waits."""
    gif: Path | None = None
    """Write the last minute of play here at the end."""
    screenshot: Path | None = None
    """Write a picture of the window here at the end."""
    folder: Path = Path()
    """Where the keys G and S write."""
    components: bool = False
    """Of a GameGAN: six panels instead of its picture alone. Above: the picture, its static component, its dynamic one
    (which says nothing where the mask is black); below: the mask, the dynamic one through the mask, the memory."""
    background: Path | None = None
    """Of a GameGAN: a PNG or JPEG of your own, as large as its frames (84 x 84 in Pac-Man), behind the game."""
    foreground: Path | None = None
    """Of a GameGAN: a PNG or JPEG of that size in whose colours all that moves is drawn."""

    def run(self) -> None:
        """Play, then say what was written."""
        # One step of a dream is small: with two threads on two busy cores it took 15 times as long.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        from worldsim.env_kwargs import parse_kwargs
        from worldsim.playing.play import play

        for name in ("fps", "size", "headless", "horizon"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise BadInput(f"--{name} must be above 0, got {value}")
        board = {name: size for name, size in (("rows", self.rows), ("cols", self.cols)) if size is not None}
        played = play(
            self.env,
            env_kwargs={**board, **parse_kwargs(self.env_kwargs)},
            fps=self.fps,
            size=self.size,
            seed=self.seed,
            opening=self.opening,
            temperature=self.temperature,
            horizon=self.horizon,
            agent=self.agent,
            wait=self.wait,
            again=self.again,
            steps=self.headless,
            headless=self.headless is not None,
            script=self.script,
            gif=self.gif,
            screenshot=self.screenshot,
            folder=self.folder,
            components=self.components,
            background=self.background,
            foreground=self.foreground,
            show=lambda keys: print(f"{self.env}\n{keys}"),
        )
        print(played)
        for path in played.written:
            print(f"wrote {path}")
        if played.is_dream:
            print("next: what else can be played: worldsim list")
        else:
            print(f"next: worldsim record {self.env} --policy human --episodes 10 --out recordings/me")
