"""WorldSim/CarRacing-v0: Gymnasium's CarRacing-v3 as World Models saw and drove CarRacing-v0."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, SupportsFloat

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box
from numpy.typing import ArrayLike, NDArray

from worldsim.envs.frame import Frame, FrameEnv

MAX_STEPS = 1000
BAR = 84
"""First row of the indicator bar, which is cut off."""

KEYS: dict[tuple[str, ...], NDArray[np.float32]] = {
    (*left, *down): np.array([steer, *pedals], np.float32)
    for steer, left in ((0.0, ()), (-1.0, ("left",)), (1.0, ("right",)))
    for pedals, down in (((-1.0, -1.0), ()), ((1.0, -1.0), ("up",)), ((-1.0, 0.8), ("down",)))
}
"""What the arrows mean, also in a dream; with no key the car rolls."""


def squash(controls: ArrayLike) -> NDArray[np.float32]:
    """What the car is given for three controls in [-1, 1]: steering as it is, gas (x + 1) / 2, brake max(x, 0).

    The paper's controller ends in three tanh, and so do its pedals: at zero it drives at half gas and does not brake
    (Ha & Schmidhuber 2018, released code).
    """
    steer, gas, brake = np.clip(np.asarray(controls, np.float32), -1, 1)
    return np.array([steer, (gas + 1) / 2, max(brake, 0)], np.float32)


class CarRacingEnv(FrameEnv):
    """Drive a car along a random track, seen from above.

    **Description** Gymnasium's ``CarRacing-v3`` (Box2D, 50 steps a second), with the picture and the pedals of World
    Models (arXiv:1803.10122). A track is a function of the seed.

    **Action space** ``Box(-1, 1, (3,))``: steering, gas, brake, as `squash` reads them. This is the only place where
    they are squashed; a world model learns the numbers in [-1, 1].

    **Observation space** ``Box(0, 255, (64, 64, 3), uint8)``: rows 0 to 83 of the 96x96 picture (below lies the bar of
    indicators), averaged down.

    **Rewards** -0.1 a step, 1000 / N for each of the track's N tiles when it is first touched; -100, in place of a
    step's reward, beyond the playing field.

    **Episode end** terminated beyond the playing field, and when a lap is done; truncated after 1,000 steps. Solved:
    mean of 900 over 100 tracks.

    **Differs from the paper's** ``CarRacing-v0``: since v1 a lap is done when the start is crossed with more than 95 %
    of the tiles touched, where v0 asked for every tile: the best return is lower and the episode shorter, so scores
    are near to but not those of v0. Pictures are drawn by pygame, not OpenGL. The released code stretched the contrast
    of each picture and wrapped black around to white; here neither is done.

    **Arguments** of ``CarRacing-v3``: ``lap_complete_percent`` (0.95; 1 is as near to v0 as v3 goes),
    ``domain_randomize``.
    """

    def __init__(self, render_mode: str | None = None, **kwargs: Any) -> None:
        if find_spec("Box2D") is None:
            raise gym.error.DependencyNotInstalled(
                'WorldSim/CarRacing-v0 needs Box2D; run pip install "worldsim-rl[box2d]"'
            )
        from worldsim.envs.race_track import RaceTrack

        super().__init__(RaceTrack(render_mode=render_mode, **kwargs), rows=(0, BAR), size=64)
        self.action_space = Box(-1.0, 1.0, (3,), np.float32)

    def step(self, action: Any) -> tuple[Frame, SupportsFloat, bool, bool, dict[str, Any]]:
        return super().step(squash(action))

    def get_keys_to_action(self) -> dict[Any, Any]:
        """Arrows."""
        return dict(KEYS)
