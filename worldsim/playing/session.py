"""Session: somebody at a game; the window's clock, the commands and what is shown."""

from __future__ import annotations

import math
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from worldsim.errors import BadInput
from worldsim.playing.controls import Choice, Controls
from worldsim.playing.film import LARGEST_GIF, Film, write_gif
from worldsim.playing.keys import Keyboard, command_for, command_table
from worldsim.playing.player import Player
from worldsim.playing.window import Cell, Hud, PlayerWindow, WindowEvent

STEADY = 30.0
"""Refreshes of the window a second, at least, however slow the game: keys and commands answer at once."""
TOAST_SECONDS = 3.0


class Session:
    """One refresh after another: events, a step of the game when it is due, a picture.

    Args:
        player: the environment.
        window: where it is shown.
        controls: what the keys mean to it.
        fps: steps of the game a second.
        name: used for the files that are written.
        agent: plays when the person lets it: observation -> action.
        folder: where gifs and screenshots go.
        wait: the game only moves when a key asks for an action.
        again: seconds after which a finished episode begins anew; None waits for the person.
        refresh_fps: least refreshes a second (a whole number of them make a step); 0 is one for each step.
    """

    def __init__(
        self,
        player: Player,
        window: PlayerWindow,
        controls: Controls,
        fps: float,
        name: str = "play",
        agent: Callable[[Any], Any] | None = None,
        folder: Path = Path(),
        wait: bool = False,
        again: float | None = None,
        refresh_fps: float = STEADY,
        side: int = LARGEST_GIF,
    ) -> None:
        """Begin with the player's present episode."""
        self.player, self.window, self.controls, self.agent = player, window, controls, agent
        self.fps, self.folder, self.wait, self.again = fps, folder, wait, again
        self.name = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-") or "play"
        self.refreshes_per_step = max(1, math.ceil(refresh_fps / fps - 1e-9))
        self.keyboard = Keyboard(controls.twins)
        self.keys = [*controls.table(), *command_table(controls.keys, player.is_dream, agent is not None)]
        self.film = Film(fps, side=side)
        self.film.add(player.frame)
        self.paused = self.help = self.done = False
        self.agent_plays = agent is not None
        self.steps = self.draws = 0
        self.step_seconds = self.draw_seconds = 0.0
        self.written: list[Path] = []
        self._commands: dict[str, Callable[[], None]] = {
            "pause": self._pause,
            "step": self._single,
            "restart": lambda: self._begin(player.restart),
            "again": lambda: self._begin(lambda: player.restart(same_seed=True)),
            "next": lambda: self._begin(lambda: player.change_opening(1)),
            "previous": lambda: self._begin(lambda: player.change_opening(-1)),
            "hotter": lambda: player.change_temperature(0.1),
            "cooler": lambda: player.change_temperature(-0.1),
            "switch": self._switch,
            "gif": self._gif,
            "screenshot": self._screenshot,
            "help": self._help,
            "quit": self._quit,
        }
        self._since_step = 0  # refreshes
        self._since_end = 0
        self._recent: deque[float] = deque(maxlen=max(1, round(2 * fps)))  # seconds between steps
        self._stepped: float | None = None  # when the last step was, None after a pause
        self._intervals, self._interval_seconds = 0, 0.0
        self._last: Choice | None = None
        self._toast, self._toast_until = "", 0.0
        self._writers: list[threading.Thread] = []

    def refresh(self) -> None:
        """Answer the events, play a step if one is due, draw."""
        for event in self.window.events():
            self._answer(event)
        if self.player.over:
            self.keyboard.waiting.clear()  # pressed at a game that has ended
            self._since_end += 1
            if self.again is not None and self._since_end >= self.again * self.fps * self.refreshes_per_step:
                self._begin(self.player.restart)
        self._since_step += 1
        due = self._since_step >= self.refreshes_per_step and not self.paused and not self.player.over
        if due and not self._waits():
            self._step()
        self.draw()

    def draw(self) -> None:
        """Show the present frame."""
        began = time.perf_counter()
        self.window.draw(self.player.frame, self.hud())
        self.draw_seconds += time.perf_counter() - began
        self.draws += 1

    def close(self) -> None:
        """Wait for files that are still being written; the window and the environment stay the caller's."""
        for writer in self._writers:
            writer.join()

    @property
    def measured_fps(self) -> float:
        """Steps a second, over the last few seconds."""
        return len(self._recent) / sum(self._recent) if self._recent else 0.0

    @property
    def pace(self) -> float:
        """Steps a second over the whole session, without pauses and restarts."""
        return self._intervals / self._interval_seconds if self._intervals else 0.0

    def hud(self) -> Hud:
        """What is written around the picture."""
        player, person = self.player, not self.agent_plays
        choice = self.controls.choose(self.keyboard) if person else self._last
        measured = self.measured_fps
        cells = [
            Cell("score", number(player.score)),
            Cell("step", str(player.steps)),
            Cell("fps", "-" if not measured or self.paused or player.over else f"{measured:.0f}"),
        ]
        if player.temperature is not None:
            cells.append(Cell("temperature", f"{player.temperature:g}"))
        if player.opening is not None:
            cells.append(Cell("opening", str(player.opening)))
        cells.append(Cell("seed", str(player.seed)))
        label = choice.label if choice else "-"
        cells.append(Cell("you" if person else "agent", label, lit=bool(person and choice and choice.keys)))
        banner: tuple[str, ...] = ()
        if player.over and not self.help:
            end = "the end" if player.terminated else "time is up"
            banner = (end.upper(), f"score {number(player.score)} in {player.steps} steps", "R plays on")
        toast = self._toast if time.perf_counter() < self._toast_until else ""
        return Hud(cells, "paused" if self.paused else "", banner, toast, self.keys if self.help else ())

    def say(self, text: str) -> None:
        """Show a line for a moment."""
        self._toast, self._toast_until = text, time.perf_counter() + TOAST_SECONDS

    def _answer(self, event: WindowEvent) -> None:
        if event.kind == "close":
            self._quit()
        elif event.kind == "blur":
            self.keyboard.clear()  # the keys will come up elsewhere
        elif event.kind == "release":
            self.keyboard.release(event.key)
        else:
            command = command_for(event.key, event.shift, event.ctrl, self.controls.keys)
            if command is None and event.key in self.controls.keys:
                self.keyboard.press(event.key)
            elif command is not None:
                try:
                    self._commands[command]()
                except (BadInput, OSError) as error:
                    self.say(str(error))

    def _waits(self) -> bool:
        """Whether a turn-based game waits for its person."""
        return self.wait and not self.agent_plays and not self.controls.choose(self.keyboard).keys

    def _step(self) -> None:
        began = time.perf_counter()
        if self.agent_plays and self.agent is not None:
            action = self.agent(self.player.observation)
            self._last = Choice(action, self.controls.label(action), frozenset())
        else:
            choice = self.controls.choose(self.keyboard)
            self.keyboard.serve(choice.keys)
            action = choice.action
        self.player.step(action)
        self.step_seconds += time.perf_counter() - began
        self._since_step = self._since_end = 0
        self.steps += 1
        if self._stepped is not None:
            self._recent.append(began - self._stepped)
            self._intervals += 1
            self._interval_seconds += began - self._stepped
        self._stepped = began
        self.film.add(self.player.frame)

    def _begin(self, how: Callable[[], None]) -> None:
        how()
        self._stepped = None
        self._since_step = self._since_end = 0
        self.film.add(self.player.frame)

    def _pause(self) -> None:
        self.paused = not self.paused
        self._stepped = None

    def _single(self) -> None:
        if not self.paused:
            self._pause()
        if not self.player.over:
            self._step()

    def _switch(self) -> None:
        if self.agent is None:
            raise BadInput("no agent to hand over to; start with --agent PATH")
        self.agent_plays = not self.agent_plays
        self.say("the agent plays" if self.agent_plays else "you play")

    def _help(self) -> None:
        self.help = not self.help

    def _quit(self) -> None:
        self.done = True

    def _screenshot(self) -> None:
        self.draw()  # without the last toast's line, if it has gone
        path = self._new_file("png")
        self.window.save(path)
        self.written.append(path)
        self.say(f"wrote {path.name}")

    def _gif(self) -> None:
        path, frames = self._new_file("gif"), list(self.film.frames)
        self.say(f"writing {path.name} ...")

        def write() -> None:
            try:
                count = write_gif(path, frames, self.film.fps, self.film.side)
                self.written.append(path)
                self.say(f"wrote {path.name}: {count} frames")
            except OSError as error:
                self.say(f"could not write {path.name}: {error}")

        writer = threading.Thread(target=write)  # so that the game goes on meanwhile
        writer.start()
        self._writers.append(writer)

    def _new_file(self, kind: str) -> Path:
        """A name in the folder that no file has yet."""
        stem, taken = f"{self.name}-{time.strftime('%Y%m%d-%H%M%S')}", 0
        while (path := self.folder / f"{stem}{f'-{taken}' if taken else ''}.{kind}").exists():
            taken += 1
        return path


def number(score: float) -> str:
    """A score as a person reads it: at most two decimals, no exponent."""
    return f"{score:.2f}".rstrip("0").rstrip(".")
