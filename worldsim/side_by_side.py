"""Side by side: one agent in reality and in the dream of it, from the same opening, as a moving picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from worldsim.agents.policy import Trained
from worldsim.agents.seat import make_frames
from worldsim.checkpoint import World
from worldsim.dream import Dream
from worldsim.envs.through_model import ThroughModel
from worldsim.errors import BadInput
from worldsim.playing.film import write_gif

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

_SIDE = 336  # pixels of a game's longer side, about
_GAP, _STRIP = 12, 28  # pixels between the games; of the lines of text above and below them
_PAPER, _INK, _FAINT = (18, 18, 24), (235, 235, 235), (140, 140, 150)
_HOLD = 1.2  # seconds that the last picture of a scene stays


@dataclass
class Take:
    """One game from its opening to its end: a frame, a score and a step more than actions."""

    frames: list[NDArray[np.uint8]]  # (H, W, C) each
    scores: list[float]
    opening: int  # steps that were replayed, not played
    ended: bool = False  # by the game, not by the last step that was asked for

    def add(self, frame: NDArray[np.uint8], reward: float) -> None:
        """One more step."""
        self.frames.append(frame)
        self.scores.append(self.scores[-1] + reward)


@dataclass(frozen=True)
class Scene:
    """Both games of one opening."""

    number: int  # of the opening
    reality: Take
    dream: Take


def film(
    path: Path, world: World, model: BaseAlgorithm, openings: Sequence[int], seed: int = 0, longest: int = 60
) -> list[Scene]:
    """Play some openings in both worlds and write the gif; see `play_scene`."""
    scenes = [play_scene(world, model, number, seed + i, longest) for i, number in enumerate(openings)]
    fps = int(world.provenance.get("render_fps", 8))
    write_gif(path, list(pictures(scenes, world.name, fps)), fps, side=1)
    return scenes


def short_openings(world: World, count: int, most: int = 8) -> list[int]:
    """The first openings of a world that show the dream at most so many real steps; any, if there are too few."""
    lengths = [len(world.openings.episode(i)) for i in range(len(world.openings))]
    return sorted(range(len(lengths)), key=lambda i: max(lengths[i], most))[:count]


def play_scene(world: World, model: BaseAlgorithm, number: int, seed: int, longest: int = 60) -> Scene:
    """The same agent goes on from an opening, once in the real game and once in the dream.

    The real game is put there by resetting it with the seed of the recorded episode and replaying its actions. From
    there both run on their own, the agent on the same features of each, so they part where chance or the dream does.

    Raises:
        BadInput: the real game does not come to the recorded frames.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        reality = _real(world, model, number, seed, longest)
        torch.manual_seed(seed)
        return Scene(number, reality, _dreamed(world, model, number, seed, longest))


def _real(world: World, model: BaseAlgorithm, number: int, seed: int, longest: int) -> Take:
    about, episode = world.openings.shard.about, world.openings.episode(number)
    camera = Camera(make_frames(about.env_id, 1, about.frames_from, **about.env_kwargs))
    with_eyes = ThroughModel(camera, world)
    observations, _ = with_eyes.reset(seed=episode.seed)
    take = Take([camera.frame], [0.0], len(episode))
    for action in episode.actions:
        observations, rewards, *_ = with_eyes.step(action[None])
        take.add(camera.frame, float(rewards[0]))
    if not np.array_equal(np.stack(take.frames), episode.frames):
        raise BadInput(
            f"{about.env_id} does not come to opening {number} of {world.name} again: the game has changed since it "
            "was recorded, or does not follow its seed; record and train anew"
        )
    policy = Trained(model)
    policy.begin(np.array([seed]))
    while not take.ended and len(take.frames) <= longest:
        observations, rewards, terminated, truncated, _ = with_eyes.step(policy.act(observations))
        take.add(camera.frame, float(rewards[0]))
        take.ended = bool(terminated[0] | truncated[0])
    with_eyes.close()
    return take


def _dreamed(world: World, model: BaseAlgorithm, number: int, seed: int, longest: int) -> Take:
    episode, dream = world.openings.episode(number), Dream(world, 1)
    take = Take([episode.frames[0]], [0.0], len(episode))
    for frame, reward in zip(episode.frames[1:], episode.rewards, strict=True):
        take.add(frame, float(reward))
    dream.reset(torch.tensor([0]), torch.tensor([seed]), torch.tensor([number]))
    policy = Trained(model)
    policy.begin(np.array([seed]))
    while not take.ended and len(take.frames) <= longest:
        imagined = dream.step(torch.from_numpy(policy.act(dream.observe().numpy())))
        take.add(dream.render()[0].numpy(), float(imagined.reward[0]))
        take.ended = bool(imagined.terminated[0])
    return take


class Camera(gym.vector.VectorWrapper[Any, Any, Any, Any, Any]):
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
        draw.text((left + width, middle), f"opening {scene.number}", _FAINT, _font(14), anchor="rm")
        real = take is scene.reality
        how = ("replayed" if real else "shown") if at <= take.opening else ("" if real else "imagined")
        state = f"ended at step {at}" if over else ", ".join(filter(None, (f"step {at}", how)))
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
