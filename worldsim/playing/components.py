"""ComponentView: what a GameGAN's picture is made of, beside it, and its components swapped for other images."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, SupportsFloat

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

from worldsim.dream import Dream
from worldsim.errors import BadInput
from worldsim.gamegan.simulator import Layers
from worldsim.gamegan.skin import picture_of, reskin
from worldsim.gamegan.world import GameGANWorld

PANELS = ("picture", "static", "dynamic", "mask", "masked", "memory")
"""Left to right, in two rows."""
CAPTION = 12  # pixels above each panel that hold its name


class ComponentView(gym.Wrapper[Any, Any, Any, Any]):
    """Draws a dream of a GameGAN that has several components; the game itself goes on as without it.

    Panels, two rows of three: the picture, its static and its dynamic component, the dynamic one's mask, that
    component through the mask, and the memory (what is remembered where; bright: what is read), each under its name.
    The dynamic component means nothing where the mask is black. Before the first step
    nothing was drawn yet: the opening's frame is shown.

    Args:
        env: a `worldsim.envs.dream.DreamEnv` whose world is a GameGAN.
        panels: show them; else the picture alone.
        background: an image file of the frames' size that replaces the static component's dark parts.
        foreground: an image file of the frames' size that colours what moves.

    Example:
        worldsim play pacman-gamegan --components --background sea.png
    """

    def __init__(
        self,
        env: gym.Env[Any, Any],
        panels: bool = True,
        background: Path | None = None,
        foreground: Path | None = None,
    ) -> None:
        super().__init__(env)
        model = getattr(getattr(env.unwrapped, "world", None), "model", None)  # Box2D's games have a world, too
        if not isinstance(model, GameGANWorld):
            raise BadInput("only the dream of a GameGAN has components to show or to swap; try pacman-gamegan")
        self.model: GameGANWorld = model
        self.panels, self.metadata = panels, env.metadata
        shape = self.model.config.frame_shape
        self.background, self.foreground = (
            None if path is None else picture_of(path, *shape) for path in (background, foreground)
        )
        self._layers: Layers | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin; the opening's frame was not drawn by the model."""
        self._layers = None
        return self.env.reset(seed=seed, options=options)

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """One step, and the components of what it drew."""
        dream: Dream = self.env.unwrapped.dream  # type: ignore[attr-defined]
        with torch.inference_mode():
            taken = torch.as_tensor(np.asarray(action))[None]
            self._layers = self.model.layers(dream.state, taken, dream.chance())
        if self._layers is None:
            raise BadInput("this GameGAN draws its picture in one piece: it has no components; try pacman-gamegan")
        return self.env.step(action)

    def render(self) -> Any:
        """(H, W, C) uint8, or with panels (2 (H + CAPTION), 3 W, C)."""
        frame = np.asarray(self.env.render())
        height, width, _ = frame.shape
        unit = torch.from_numpy(frame).permute(2, 0, 1)[None] / 255
        layers = self._layers
        if layers is None:  # all of it is static
            nothing = torch.zeros_like(unit)
            mask = torch.zeros_like(unit[:, :1])
            layers = Layers(torch.stack([unit, nothing], 1), torch.stack([1 - mask, mask], 1))
        elif self.model.scale == "signed":
            layers = Layers((layers.pictures + 1) / 2, layers.masks)
        layers = Layers(*(_sized(part[0], height, width)[None] for part in layers))
        seen = unit
        if self.background is not None or self.foreground is not None:
            seen = reskin(layers, self.background, self.foreground)
        if not self.panels:
            return _frame(seen[0])
        still, moving, mask = layers.pictures[:, 0], layers.pictures[:, 1], layers.masks[:, 1]
        remembered = self.model.memory_map(self.env.unwrapped.dream.state)  # type: ignore[attr-defined]
        if remembered is None:
            remembered = torch.zeros(1, 1, 1)
        shown = [seen, still, moving, mask, mask * moving, remembered[:, None]]
        tiles = [
            np.concatenate([_caption(name, *frame.shape[1:]), _frame(_sized(image, height, width).expand_as(unit)[0])])
            for name, image in zip(PANELS, shown, strict=True)
        ]
        rows = [np.concatenate(tiles[at : at + 3], 1) for at in (0, 3)]
        return np.concatenate(rows, 0)


@cache
def _caption(name: str, width: int, channels: int) -> NDArray[np.uint8]:
    """White on dark, (CAPTION, width, channels)."""
    image = Image.new("L", (width, CAPTION), 40)
    draw = ImageDraw.Draw(image)
    draw.fontmode = "1"  # crisp when it is blown up
    draw.text((2, 0), name, 255)
    return np.repeat(np.asarray(image)[:, :, None], channels, 2)


def _sized(image: Tensor, height: int, width: int) -> Tensor:
    """(n, C, h, w) in another size."""
    return torch.nn.functional.interpolate(image.float(), (height, width), mode="nearest")


def _frame(image: Tensor) -> NDArray[np.uint8]:
    """(C, H, W) in [0, 1] to (H, W, C) uint8."""
    frame: NDArray[np.uint8] = image.clamp(0, 1).mul(255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    return frame
