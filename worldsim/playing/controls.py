"""Controls: what pressed keys mean to one environment."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Any, NamedTuple, Protocol

import gymnasium
import numpy as np
from gymnasium import Env, Space, spaces

from worldsim.errors import BadInput
from worldsim.playing.keys import Keyboard, spell

ARROWS = {"left": "a", "right": "d", "up": "w", "down": "s"}
"""Each arrow and its twin: a game that listens to one of the two sets listens to both."""

Chord = frozenset[str]


class Choice(NamedTuple):
    """The action that the pressed keys mean."""

    action: Any
    label: str
    keys: Chord  # what it used; empty: nothing pressed


class Controls(Protocol):
    """Turns pressed keys into the actions of one environment."""

    keys: frozenset[str]  # that mean something to the game, twins included
    twins: dict[str, str]  # keys that count as another one

    def choose(self, keyboard: Keyboard) -> Choice:
        """The action for the next step; does not change the keyboard."""

    def label(self, action: Any) -> str:
        """What a person calls an action."""

    def table(self) -> list[tuple[str, str]]:
        """Rows of (key, what it does) for a person to read."""


class Chords:
    """Each chord of keys is one whole action; the longest chord that is pressed wins.

    Of equally long ones the one whose key waits longest wins, else the one pressed last.
    """

    def __init__(self, chords: Mapping[Chord, Any], idle: Any = 0, labels: Mapping[int, str] | None = None) -> None:
        """``chords`` is the table, ``idle`` the action of no key unless the table has one, ``labels`` name actions."""
        names = {int(action): action.name.lower() for action in chords.values() if isinstance(action, IntEnum)}
        chords = {chord: int(action) if np.ndim(action) == 0 else action for chord, action in chords.items()}
        self.idle = chords.pop(frozenset(), idle)
        self.chords = chords
        used = {key for chord in chords for key in chord}
        self.twins = twins_of(used)
        self.keys = frozenset({*used, *self.twins})
        self.labels = {**names, **(labels or {})}
        for arrow in ARROWS:
            action = chords.get(frozenset({arrow}))
            if action is not None and np.ndim(action) == 0:
                self.labels.setdefault(int(action), arrow)

    def choose(self, keyboard: Keyboard) -> Choice:
        """See `Controls`."""
        pressed = keyboard.pressed()
        found = [chord for chord in self.chords if chord and chord <= set(pressed)]
        if not found:
            return Choice(self.idle, self.label(self.idle), frozenset())

        def rank(chord: Chord) -> tuple[int, int, int]:
            waits = [keyboard.waiting.index(key) for key in chord if key in keyboard.waiting]
            return len(chord), -min(waits, default=len(pressed)), max(pressed.index(key) for key in chord)

        best = max(found, key=rank)
        return Choice(self.chords[best], self.label(self.chords[best]), best)

    def table(self) -> list[tuple[str, str]]:
        """See `Controls`; chords of several keys follow from the single ones and are left out if there are any."""
        most = 1 if any(len(chord) == 1 for chord in self.chords) else 9
        rows = [(self.spell(chord), self.label(action)) for chord, action in self.chords.items() if len(chord) <= most]
        return [*rows, ("no key", self.label(self.idle))]

    def spell(self, chord: Chord) -> str:
        """A chord as a person reads it, with its twin."""
        twin = {key: other for other, key in self.twins.items()}
        plain, second = sorted(chord), sorted(twin.get(key, key) for key in chord)
        if set(second) & set(ARROWS):
            plain, second = second, plain
        return " or ".join("+".join(spell(key) for key in keys) for keys in dict.fromkeys(map(tuple, (plain, second))))

    def label(self, action: Any) -> str:
        """See `Controls`."""
        if np.ndim(action) == 0 and int(action) in self.labels:
            return self.labels[int(action)]
        return f"action {action}" if np.ndim(action) == 0 else " ".join(f"{value:.2g}" for value in np.ravel(action))


class Parts:
    """Each key sets one component of a vector action; all that are pressed count, the last pressed wins."""

    def __init__(self, parts: Mapping[str, tuple[int, float]], idle: np.ndarray) -> None:
        """``parts`` is the (component, value) of each key, ``idle`` the action of no key."""
        self.idle = idle
        self.parts = dict(parts)
        self.twins = twins_of(parts)
        self.keys = frozenset({*parts, *self.twins})

    def choose(self, keyboard: Keyboard) -> Choice:
        """See `Controls`."""
        action = self.idle.copy()
        used = [key for key in keyboard.pressed() if key in self.parts]
        for key in used:
            component, value = self.parts[key]
            action.flat[component] = value
        return Choice(action, self.label(action), frozenset(used))

    def label(self, action: Any) -> str:
        """See `Controls`."""
        return " ".join(f"{value:.2g}" for value in np.ravel(action)[:6])

    def table(self) -> list[tuple[str, str]]:
        """See `Controls`."""
        return [(spell(key), f"component {part} = {value:g}") for key, (part, value) in self.parts.items()]


def twins_of(keys: Iterable[str]) -> dict[str, str]:
    """Keys w a s d as twins of the arrows (or the arrows of them), unless the game uses some of both."""
    used = set(keys)
    arrows, letters = used & set(ARROWS), used & set(ARROWS.values())
    if arrows and not letters:
        return {letter: arrow for arrow, letter in ARROWS.items() if arrow in used}
    if letters and not arrows:
        return {arrow: letter for arrow, letter in ARROWS.items() if letter in used}
    return {}


def chord_of(keys: Any) -> Chord:
    """A key of Gymnasium's ``get_keys_to_action``: a tuple of names or codes, or a string of characters."""
    old_arrows = {273: "up", 274: "down", 275: "right", 276: "left"}  # pygame 1, still in MountainCar
    if isinstance(keys, int):
        keys = (keys,)
    if isinstance(keys, str) and (keys in ARROWS or keys in ("space", "return", "tab")):
        keys = (keys,)
    names = (old_arrows.get(key) or chr(key) if isinstance(key, int) else key for key in keys)
    return frozenset("space" if name == " " else name.lower() for name in names)


def _single(**actions: int) -> dict[Chord, Any]:
    return {frozenset({key}): action for key, action in actions.items()}


FAMILIAR: dict[str, dict[Chord, Any]] = {
    "CartPole": _single(left=0, right=1),
    "Acrobot": {frozenset(): 1, **_single(left=0, right=2)},
    "MountainCar": {frozenset(): 1, **_single(left=0, right=2)},
    "LunarLander": _single(left=1, up=2, right=3),
    "FrozenLake": _single(left=0, down=1, right=2, up=3),
    "CliffWalking": _single(up=0, right=1, down=2, left=3),
    "Taxi": _single(down=0, up=1, right=2, left=3, space=4, x=5),
    "TakeCover": _single(right=1, left=2),
}
"""Keys of well-known environments that do not say them; found by a part of the id."""


def controls_for(env: Env[Any, Any]) -> Controls:
    """The keys of an environment: what it says itself, what is known of its kind, or a general mapping.

    A dream is played with the keys of the game it learned, where that game can be made here.
    """
    learned = getattr(getattr(env.unwrapped, "world", None), "provenance", {}).get("env_id", "")
    said = _said(env)
    if not said and learned:
        with contextlib.suppress(gymnasium.error.Error, ImportError, TypeError, ValueError):
            real = gymnasium.make(learned, disable_env_checker=True)
            said = _said(real) if real.action_space == env.action_space else {}
            real.close()
    space, labels = env.action_space, _meanings(env)
    if not said and learned == "WorldSim/CarRacing-v0":  # a dream needs no Box2D
        from worldsim.envs.car_racing import KEYS

        said = dict(KEYS)
    if said:
        return Chords({chord_of(keys): action for keys, action in said.items()}, labels=labels)
    if isinstance(space, spaces.Discrete):
        name = learned or (env.spec.id if env.spec else "")
        familiar = next((chords for part, chords in FAMILIAR.items() if part in name), None)
        middle = familiar is None and not labels and int(space.n) == 3  # left, stay, right
        return Chords(familiar or _discrete(space), idle=int(space.start) + middle, labels=labels)
    return _vector(space)


def _said(env: Env[Any, Any]) -> dict[Any, Any]:
    """The table of ``get_keys_to_action``; empty where there is none."""
    say = getattr(env.unwrapped, "get_keys_to_action", None)
    try:
        return dict(say()) if callable(say) else {}
    except AttributeError:  # ale_py's way to say that continuous actions have no keys
        return {}


def _discrete(space: spaces.Discrete) -> dict[Chord, Any]:
    """Number keys, and left and right where there are two or three actions."""
    n, start = int(space.n), int(space.start)
    numbers = {str(i): start + i for i in range(min(n, 10))}
    if n == 2:
        return _single(left=start, right=start + 1, **numbers)
    return _single(**({"left": start, "right": start + n - 1} if n == 3 else {}), **numbers)


def _vector(space: Space[Any]) -> Controls:
    """Box, MultiBinary and MultiDiscrete actions."""
    if isinstance(space, spaces.Box):
        low = np.maximum(space.low.ravel(), -1.0 if not space.is_bounded("below") else -np.inf)
        high = np.minimum(space.high.ravel(), 1.0 if not space.is_bounded("above") else np.inf)
        idle = np.clip(np.zeros(space.shape), space.low, space.high).astype(space.dtype)
        if space.shape == (3,) and low.tolist() == [-1, 0, 0]:  # a car: steer, gas, brake
            return Parts({"left": (0, low[0]), "right": (0, high[0]), "up": (1, high[1]), "down": (2, high[2])}, idle)
        pairs = [("left", "right"), ("down", "up"), ("j", "l"), ("k", "i")][: idle.size]
        parts = [((minus, (i, low[i])), (plus, (i, high[i]))) for i, (minus, plus) in enumerate(pairs)]
        return Parts(dict(part for pair in parts for part in pair), idle)
    if isinstance(space, spaces.MultiBinary | spaces.MultiDiscrete):
        values = [2] * int(np.prod(space.shape)) if isinstance(space, spaces.MultiBinary) else space.nvec.ravel()
        choices = [(part, float(value)) for part, n in enumerate(values) for value in range(1, int(n))]
        return Parts(dict(zip("123456789", choices, strict=False)), np.zeros(space.shape, space.dtype))
    raise BadInput(f"play has keys for Discrete, Box, MultiBinary and MultiDiscrete actions, got {space}")


def _meanings(env: Env[Any, Any]) -> dict[int, str]:
    """Names of discrete actions, where the environment tells them (``get_action_meanings``, as Atari does)."""
    say = getattr(env.unwrapped, "get_action_meanings", None)
    return {i: str(name).lower() for i, name in enumerate(say())} if callable(say) else {}
