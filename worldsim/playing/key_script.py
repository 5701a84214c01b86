"""KeyScript: keys pressed by a line of text instead of fingers."""

from __future__ import annotations

import re
from collections import deque
from typing import NamedTuple

from worldsim.errors import BadInput
from worldsim.playing.controls import Controls
from worldsim.playing.keys import command_for
from worldsim.playing.window import PlayerWindow, WindowEvent


class Stroke(NamedTuple):
    """Keys that go down together."""

    keys: tuple[str, ...]
    times: int  # steps for which the game's keys are held, or how often a command is given


def parse(text: str) -> list[Stroke]:
    """Read a script such as "right*10,up+right*3,none*5,p,.*4,shift+r".

    A game's key is held for that many steps; a command's key is pressed that often and takes no time; "none" waits.
    """
    strokes = []
    for word in filter(None, (word.strip() for word in text.split(","))):
        match = re.fullmatch(r"(.+?)(?:\*(\d+))?", word)
        assert match is not None  # a word is not empty
        name, times = match.groups()
        keys = tuple(part.lower() for part in name.split("+")) if len(name) > 1 else (name,)
        if not all(keys):
            raise BadInput(f"expected keys like right*10, up+right*3 or shift+r in the script, got {word!r}")
        strokes.append(Stroke(keys, int(times or 1)))
    return strokes


class KeyScript:
    """Posts the events of a script to a window, step by step."""

    def __init__(self, text: str, window: PlayerWindow, controls: Controls) -> None:
        """Read it and check that every key exists."""
        self._window, self._controls = window, controls
        self._strokes = deque(parse(text))
        self._held: tuple[str, ...] = ()
        self._left = 0  # steps for which the present keys stay down
        for stroke in self._strokes:
            for key in stroke.keys:
                if key not in ("none", "shift", "ctrl"):
                    window.key_code(key)

    def advance(self) -> None:
        """Post what happens before the next step: commands, then the next keys to be held."""
        if self._left > 0:
            self._left -= 1
        if self._left:
            return
        for key in self._held:
            self._window.post(WindowEvent("release", key))
        self._held = ()
        while self._strokes and not self._left:
            stroke = self._strokes.popleft()
            shift, ctrl = "shift" in stroke.keys, "ctrl" in stroke.keys
            keys = tuple(key for key in stroke.keys if key not in ("none", "shift", "ctrl"))
            if len(keys) == 1 and command_for(keys[0], shift, ctrl, self._controls.keys):
                for _ in range(stroke.times):
                    self._window.post(WindowEvent("press", keys[0], shift, ctrl))
                    self._window.post(WindowEvent("release", keys[0], shift, ctrl))
            else:
                self._held, self._left = keys, stroke.times
                for key in keys:
                    self._window.post(WindowEvent("press", key))
