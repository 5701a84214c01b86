"""Player: one environment stepped by whoever plays, with the score, the seeds and the openings of its episodes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from gymnasium import Env

from worldsim.errors import BadInput

HOTTEST = 5.0
"""The temperature stays between 0.1 and this when a person turns it."""


class Beginning(NamedTuple):
    """What ``on_reset`` is told: an episode begins."""

    observation: Any
    frame: np.ndarray  # (H, W, 3) uint8, what a person sees
    seed: int
    info: dict[str, Any]


class Transition(NamedTuple):
    """What ``on_step`` is told: an action and what came of it."""

    observation: Any  # after the action
    frame: np.ndarray  # (H, W, 3) uint8, after the action
    action: Any
    reward: float
    terminated: bool
    truncated: bool
    info: dict[str, Any]


class Player:
    """Steps a real or dreamed environment and remembers what a person wants to see of it.

    Needs no window: record, test and script with ``restart`` and ``step``.

    Args:
        env: made with ``render_mode="rgb_array"``.
        seed: of the first episode, the later ones count up from it; a random one if None; or an iterator of seeds.
        opening: where the first episode of a dream begins; the seed chooses if None.
        on_reset: called at the beginning of every episode, also of one that cuts the last episode short.
        on_step: called after every step.

    Example:
        >>> import gymnasium
        >>> player = Player(gymnasium.make("CartPole-v1", render_mode="rgb_array"), seed=3)
        >>> player.step(0).reward, player.steps, player.frame.shape
        (1.0, 1, (400, 600, 3))
    """

    def __init__(
        self,
        env: Env[Any, Any],
        seed: int | Iterator[int] | None = None,
        opening: int | None = None,
        on_reset: Callable[[Beginning], None] | None = None,
        on_step: Callable[[Transition], None] | None = None,
    ) -> None:
        """Begin the first episode."""
        self.env = env
        self.on_reset, self.on_step = on_reset, on_step
        if seed is None:
            seed = int(np.random.default_rng().integers(1_000_000))
        self._seeds = itertools.count(seed) if isinstance(seed, int) else seed
        self.seed = next(self._seeds)
        self.is_dream = hasattr(env.unwrapped, "num_openings")
        self.finished = 0  # episodes that came to their end
        self.cut_short = 0  # episodes of at least one step that were left for another one
        self.steps, self.terminated, self.truncated = 0, False, False
        self._begin(opening)

    def restart(self, same_seed: bool = False) -> None:
        """Begin a new episode, or the same one once more."""
        if not same_seed:
            self.seed = next(self._seeds)
        self._begin(self._asked if same_seed else None)

    def change_opening(self, by: int = 1) -> None:
        """Begin at the next or a previous opening of a dream, with the same seed."""
        if not self.is_dream:
            raise BadInput("only dreams have openings; this is the real environment")
        self._begin(((self.opening or 0) + by) % self.num_openings)

    def change_temperature(self, by: float) -> None:
        """Turn a dream hotter or cooler from the next step on."""
        if self.temperature is None:
            raise BadInput("only dreams have a temperature; this is the real environment")
        self.env.unwrapped.temperature = min(max(round(self.temperature + by, 2), 0.1), HOTTEST)  # type: ignore[attr-defined]

    @property
    def temperature(self) -> float | None:
        """Of the dream; None in reality."""
        value = getattr(self.env.unwrapped, "temperature", None)
        return None if value is None else float(value)

    @property
    def num_openings(self) -> int:
        """Of the dream; 0 in reality."""
        return int(getattr(self.env.unwrapped, "num_openings", 0))

    @property
    def over(self) -> bool:
        """Whether the episode has ended."""
        return self.terminated or self.truncated

    def step(self, action: Any) -> Transition:
        """Play one action; an episode that has ended must be restarted first."""
        if self.over:
            raise BadInput("this episode has ended; call restart() first")
        self.observation, reward, terminated, truncated, info = self.env.step(action)
        self.terminated, self.truncated = bool(terminated), bool(truncated)
        self.score += float(reward)
        self.steps += 1
        self.finished += self.over
        self.frame = picture(self.env)
        done = Transition(self.observation, self.frame, action, float(reward), self.terminated, self.truncated, info)
        if self.on_step is not None:
            self.on_step(done)
        return done

    def _begin(self, opening: int | None) -> None:
        if opening is not None and not 0 <= opening < self.num_openings:
            has = f"openings 0 to {self.num_openings - 1}" if self.is_dream else "no openings, only dreams have"
            raise BadInput(f"opening {opening} was asked for; this environment has {has}")
        self.cut_short += self.steps > 0 and not self.over
        options = None if opening is None else {"opening": opening}
        self.observation, info = self.env.reset(seed=self.seed, options=options)
        self._asked = opening
        drawn = info.get("opening") if self.is_dream else None
        self.opening: int | None = opening if drawn is None else int(drawn)
        self.score, self.steps = 0.0, 0
        self.terminated = self.truncated = False
        self.frame = picture(self.env)
        if self.on_reset is not None:
            self.on_reset(Beginning(self.observation, self.frame, self.seed, info))


def picture(env: Env[Any, Any]) -> np.ndarray:
    """What a person sees now: (H, W, 3) uint8, also of grey pictures."""
    drawn = env.render()
    frame = np.asarray(drawn)
    if frame.ndim == 3 and frame.shape[-1] == 1:
        frame = frame[..., 0]
    if frame.ndim == 2 and frame.dtype == np.uint8:
        frame = np.repeat(frame[..., None], 3, axis=-1)
    if frame.ndim != 3 or frame.shape[-1] not in (3, 4) or frame.dtype != np.uint8:
        got = "nothing" if drawn is None else f"{type(drawn).__name__} {frame.shape} {frame.dtype}"
        raise BadInput(f'expected a picture (H, W, 3) uint8 from render(), got {got}; make it with "rgb_array"')
    return np.ascontiguousarray(frame[..., :3])
