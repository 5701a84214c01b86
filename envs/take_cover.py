"""WorldSim/TakeCover-v0: ViZDoom's take_cover, set back to the task that World Models played."""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box, Discrete
from numpy.typing import NDArray

from worldsim.envs.shrink import shrink
from worldsim.errors import BadInput

MAX_STEPS = 2100
FPS = 35
_HUD = 400
"""First row of the 480 that shows health and arms; from there on the picture is cut."""
_START_TIC = 14
_SIDE = 64


class TakeCoverEnv(gym.Env[NDArray[np.uint8], Any]):
    """Dodge fireballs by stepping left and right for as long as you live.

    **Description** ViZDoom's ``take_cover`` as World Models (arXiv:1803.10122) and gym-doom ran it: 640x480 with the
    status bar, one tic a step (35 a second), no crosshair, weapon, decals or particles, start at tic 14, skill 5.

    **Action space** ``Box(-1, 1, (1,))``: below -1/3 left, above 1/3 right, between them nothing; or ``Discrete(3)``
    (nothing, right, left) with ``continuous=False``.

    **Observation space** ``Box(0, 255, (64, 64, 3), uint8)``: rows 0 to 399 of the picture, averaged down; RGB.

    **Rewards** 1 for every step, the last one included.

    **Episode end** terminated at death; truncated after 2,100 steps. Solved: mean above 750 over 100 episodes.

    **Differs from the paper** gym-doom's pictures were BGR, resized by dropping pixels, stretched in contrast, with
    black wrapped around to white; here nothing of it is done. ViZDoom shows nothing of the tic at which an episode
    ends, so the last frame is the one before it. Today's ViZDoom is not gym-doom's of 2016, and skill 5 ("Nightmare",
    fast fireballs) does not seem to be what it was: see docs/world_models.md for random play at skills 4 and 5.

    **Arguments** ``skill``: 1 to 5; today's take_cover.cfg says 4. ``continuous``: see above. ``render_mode``:
    "rgb_array" gives the 400x640 picture.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": FPS}
    resolution = "RES_640X480"
    """ViZDoom's name for it; the rows that are cut off are those of this one."""

    def __init__(self, skill: int = 5, continuous: bool = True, render_mode: str | None = None) -> None:
        if skill not in (1, 2, 3, 4, 5):
            raise BadInput(f"skill is 1 to 5 (the paper's is 5, today's take_cover.cfg says 4), got {skill}")
        try:
            import vizdoom
        except ImportError:
            raise gym.error.DependencyNotInstalled(
                'WorldSim/TakeCover-v0 needs ViZDoom; run pip install "worldsim-rl[vizdoom]"'
            ) from None
        self.continuous, self.render_mode = continuous, render_mode
        self.observation_space = Box(0, 255, (_SIDE, _SIDE, 3), np.uint8)
        self.action_space = Box(-1.0, 1.0, (1,), np.float32) if continuous else Discrete(3)
        self._gone = (vizdoom.ViZDoomErrorException, vizdoom.ViZDoomUnexpectedExitException)
        self._folder = tempfile.TemporaryDirectory(prefix="worldsim-doom-")
        self._game: Any = vizdoom.DoomGame()
        self._game.set_doom_config_path(str(Path(self._folder.name) / "vizdoom.ini"))
        self._game.load_config(str(Path(vizdoom.scenarios_path) / "take_cover.cfg"))
        self._game.set_doom_skill(skill)
        self._game.set_screen_resolution(getattr(vizdoom.ScreenResolution, self.resolution))
        self._game.set_screen_format(vizdoom.ScreenFormat.RGB24)
        self._game.set_render_hud(True)
        for switch in ("crosshair", "weapon", "decals", "particles"):
            getattr(self._game, f"set_render_{switch}")(False)
        self._game.set_available_buttons([vizdoom.Button.MOVE_RIGHT, vizdoom.Button.MOVE_LEFT])
        self._game.set_episode_start_time(_START_TIC)
        self._game.set_episode_timeout(0)  # Gymnasium counts the steps
        self._game.set_window_visible(False)
        self._game.set_sound_enabled(False)
        self._end = weakref.finalize(self, _end, self._game, self._folder)  # also when nobody closes it
        with _inside(self._folder.name):  # it makes a folder _vizdoom where it is started
            self._game.init()
        self._picture = np.zeros((_HUD, 640, 3), np.uint8)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        super().reset(seed=seed)
        self._game.set_seed(int(self.np_random.integers(1 << 31)))
        with self._alive():
            self._game.new_episode()
        return self._look(), {}

    def step(self, action: Any) -> tuple[NDArray[np.uint8], float, bool, bool, dict[str, Any]]:
        with self._alive():
            reward = self._game.make_action(self._buttons(action))
        over = bool(self._game.is_episode_finished())
        return self._look(), float(reward), over, False, {}

    def render(self) -> NDArray[np.uint8] | None:
        """The picture without the status bar, 400x640."""
        return self._picture.copy() if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """End the game's process."""
        self._end()

    def get_keys_to_action(self) -> dict[Any, Any]:
        """Left and right."""
        if not self.continuous:
            return {(): 0, ("right",): 1, ("left",): 2}
        return {key: np.array([x], np.float32) for key, x in (((), 0.0), (("right",), 1.0), (("left",), -1.0))}

    def _buttons(self, action: Any) -> list[bool]:
        """Right and left."""
        if self.continuous:
            x = float(np.ravel(action)[0])
            return [x > 1 / 3, x < -1 / 3]
        return [int(action) == 1, int(action) == 2]

    def _look(self) -> NDArray[np.uint8]:
        state = self._game.get_state()
        if state is not None:  # None at an episode's end
            self._picture = np.asarray(state.screen_buffer)[:_HUD]
        return shrink(self._picture, _SIDE, _SIDE)

    @contextmanager
    def _alive(self) -> Iterator[None]:
        try:
            yield
        except self._gone as error:
            raise BadInput(f"the process of ViZDoom went away ({error}); make the environment anew") from None


def _end(game: Any, folder: tempfile.TemporaryDirectory[str]) -> None:
    """The game first: it writes into its folder when it ends."""
    game.close()
    with suppress(OSError):
        folder.cleanup()


@contextmanager
def _inside(folder: str) -> Iterator[None]:
    """The current folder is another one for a moment."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


class UnseenTakeCover(TakeCoverEnv):
    """The same game with pictures that are cheap to draw and that nobody sees: for players who do not look."""

    resolution = "RES_160X120"

    def _look(self) -> NDArray[np.uint8]:
        return self._picture
