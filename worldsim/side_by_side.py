"""Side by side: one agent in reality and in the dream of it, from the same beginning, as a moving picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from worldsim.agents.evaluation import EVALUATION_SEEDS
from worldsim.agents.policy import Trained
from worldsim.agents.seat import make_frames
from worldsim.checkpoint import World
from worldsim.dream import Dream, Snapshot
from worldsim.envs.through_model import ThroughModel
from worldsim.noise import stream_keys
from worldsim.playing.film import write_gif
from worldsim.protocol import State

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

_SIDE = 336  # pixels of a game's longer side, about
_GAP, _STRIP = 12, 28  # pixels between the games; of the lines of text above and below them
_PAPER, _INK, _FAINT = (18, 18, 24), (235, 235, 235), (140, 140, 150)
_HOLD = 1.2  # seconds that the last picture of a scene stays


@dataclass
class Take:
    """One game from its beginning to its end: a frame and a score more than steps."""

    frames: list[NDArray[np.uint8]]  # (H, W, C) each
    scores: list[float]
    ended: bool = False  # by the game, not by the last step that was asked for

    def add(self, frame: NDArray[np.uint8], reward: float, ended: bool) -> None:
        """One more step."""
        self.frames.append(frame)
        self.scores.append(self.scores[-1] + reward)
        self.ended = ended


@dataclass(frozen=True)
class Scene:
    """Both games from one beginning."""

    number: int  # of the board, as the captions count
    shared: int  # steps that the dream was shown; from there both are on their own
    reality: Take
    dream: Take


def film(
    path: Path, world: World, model: BaseAlgorithm, count: int, seed: int = EVALUATION_SEEDS, longest: int = 60
) -> list[Scene]:
    """Play the games of ``count`` seeds from ``seed`` on in both worlds and write the gif; see `play_scene`."""
    scenes = [play_scene(world, model, seed + i, longest, number=i + 1) for i in range(count)]
    fps = int(world.provenance.get("render_fps", 8))
    write_gif(path, list(pictures(scenes, world.name, fps)), fps, side=1)
    return scenes


def play_scene(
    world: World, model: BaseAlgorithm, seed: int, longest: int = 60, shared: int = 3, number: int = 1
) -> Scene:
    """An agent plays the real game; after some steps the dream goes on from there, too, with the same agent.

    The model follows the real frames of the ``shared`` steps, and its state then begins the dream. From there both run
    on their own, so they part where chance or the dream does.

    Args:
        world: the dream, and the eyes of the agent.
        model: the agent; it knows the world's features.
        seed: of the real game, of the dream and of the agent's draws.
        longest: most steps.
        shared: real steps that the dream is shown.
        number: what the captions call it.
    """
    about = world.openings.shard.about
    camera = Camera(make_frames(about.env_id, 1, about.frames_from, **about.env_kwargs))
    eyes, policy = ThroughModel(camera, world), Trained(model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        observations, _ = eyes.reset(seed=seed)
        policy.begin(np.array([seed]))
        reality, dream = Take([camera.frame], [0.0]), Take([camera.frame], [0.0])
        while not reality.ended and len(reality.frames) <= longest:
            if len(reality.frames) == shared + 1:
                begin, mind, dream = eyes.state, copy(policy), Take([*reality.frames], [*reality.scores])
            observations, rewards, terminated, truncated, _ = eyes.step(policy.act(observations))
            reality.add(camera.frame, float(rewards[0]), bool(terminated[0] | truncated[0]))
        eyes.close()
        if len(reality.frames) <= shared + 1:  # over before the dream began
            return Scene(number, shared, reality, reality)
        torch.manual_seed(seed)
        _dream_on(dream, world, mind, begin, seed, longest)
    return Scene(number, shared, reality, dream)


def _dream_on(take: Take, world: World, policy: Trained, begin: State, seed: int, longest: int) -> None:
    """Play on from a state of the model, all imagined."""
    nought = torch.zeros(1, dtype=torch.int64)
    dreamer = Dream(world, 1)
    dreamer.set_state(Snapshot(begin, stream_keys(torch.tensor([seed])), nought, nought))
    while not take.ended and len(take.frames) <= longest:
        imagined = dreamer.step(torch.from_numpy(policy.act(dreamer.observe().numpy())))
        take.add(dreamer.render()[0].numpy(), float(imagined.reward[0]), bool(imagined.terminated[0]))


class Camera(gym.vector.VectorWrapper):
    """Keeps the latest frame of row 0; of an episode that ended, its last."""

    frame: NDArray[np.uint8]

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        """The first frame."""
        frames, info = self.env.reset(**kwargs)
        self.frame = frames[0].copy()
        return frames, info

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """The next."""
        frames, rewards, terminated, truncated, info = self.env.step(actions)
        self.frame = (info["final_obs"][0] if terminated[0] | truncated[0] else frames[0]).copy()
        return frames, rewards, terminated, truncated, info


def pictures(scenes: Sequence[Scene], name: str, fps: float) -> Iterator[NDArray[np.uint8]]:
    """Every picture (H', W', 3) uint8 of the film."""
    for scene in scenes:
        steps = max(len(scene.reality.frames), len(scene.dream.frames))
        for step in range(steps):
            yield picture(scene, step, name)
        for _ in range(round(_HOLD * fps)):
            yield picture(scene, steps - 1, name)


def picture(scene: Scene, step: int, name: str) -> NDArray[np.uint8]:
    """Reality on the left, the dream on the right, with what they are above and how they stand below."""
    height, width = scene.reality.frames[0].shape[:2]
    scale = max(1, _SIDE // max(height, width))
    height, width = height * scale, width * scale
    sheet = Image.new("RGB", (2 * width + 3 * _GAP, height + 2 * _STRIP), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for left, title, take in (
        (_GAP, "reality", scene.reality),
        (2 * _GAP + width, f"dream of {name}", scene.dream),
    ):
        at = min(step, len(take.frames) - 1)
        over = take.ended and at == len(take.frames) - 1
        sheet.paste(_panel(take.frames[at], scale, dim=over), (left, _STRIP))
        middle = _STRIP // 2
        draw.text((left, middle), title, _INK, _font(16), anchor="lm")
        draw.text((left + width, middle), f"new board {scene.number}", _FAINT, _font(14), anchor="rm")
        how = "" if take is scene.reality else ", shown" if at <= scene.shared else ", imagined"
        state = f"ended at step {at}" if over else f"step {at}{how}"
        below = _STRIP + height + middle
        draw.text((left, below), f"score {take.scores[at]:.1f}", _INK, _font(16), anchor="lm")
        draw.text((left + width, below), state, _INK if over else _FAINT, _font(14), anchor="rm")
    return np.asarray(sheet)


def _panel(frame: NDArray[np.uint8], scale: int, dim: bool) -> Image.Image:
    """A frame with crisp pixels; half as bright if the game is over."""
    rgb = np.repeat(frame, 3, axis=2) if frame.shape[2] == 1 else frame
    large = rgb.repeat(scale, axis=0).repeat(scale, axis=1)
    return Image.fromarray(large // 2 if dim else large)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
