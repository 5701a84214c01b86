"""The disentangling rendering engine of the full GameGAN: a static and a dynamic component, and a mask for each."""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worldsim.gamegan.rendering import START, Blocks, head, orthogonal, up_blocks
from worldsim.gamegan.simulator import Layers
from worldsim.gan.spectral import spectral
from worldsim.nn.spade import Spade

_PLACES = 7  # side of the object map
_SHARP = 0.1  # temperature of both masks


class Sketch(nn.Module):
    """One component: from its vector to an object map, an attribute map, a rough sketch, a picture and a mask's logit.

    ``O, A = Linear(x)``, 1 and D maps of 7 x 7; rough mask ``eta = sigmoid(O / 0.1)`` (or a softmax over components);
    type ``v = Linear(x)``; the sketch is ``eta v^T``, enlarged by three blocks, the last of which is steered by SPADE
    with the map ``eta * A``.
    """

    def __init__(self, blocks: Blocks, side: int, channels: int, inputs: int, attributes: int, types: int, width: int):
        super().__init__()
        self.attributes = attributes
        self.maps = nn.Linear(inputs, (1 + attributes) * _PLACES**2)
        self.look = spectral(_orthogonal(nn.Linear(inputs, types)))
        pairs = up_blocks(blocks, side, width, types)
        self.blocks = nn.ModuleList(block for block, _ in pairs)
        steered: Any = self.blocks[2]
        steered.activate = False  # SPADE has just normalised
        if isinstance(steered, nn.Module) and hasattr(steered, "norm1"):
            steered.norm1 = nn.Identity()
        self.picture, self.logit = head(blocks, pairs[2][1], channels), head(blocks, pairs[2][1], 1)
        orthogonal(self.blocks)
        orthogonal(self.picture)
        orthogonal(self.logit)
        for part in (self.blocks, self.picture, self.logit):
            spectral(part)
        self.spade = Spade(pairs[1][1], attributes)

    def scene(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Object map and attribute map: (B, 1, 7, 7) and (B, D, 7, 7)."""
        maps = self.maps(x).float().view(-1, 1 + self.attributes, _PLACES, _PLACES)
        return maps[:, :1], maps[:, 1:]

    def draw(self, x: Tensor, eta: Tensor, attributes: Tensor) -> tuple[Tensor, Tensor]:
        """The picture (B, C, side, side) and the logit of its fine mask (B, 1, side, side)."""
        sketch = eta * self.look(x)[:, :, None, None]
        for number, block in enumerate(self.blocks):
            if number == 2:
                sketch = F.leaky_relu(self.spade(sketch, eta * attributes), 0.2)
            sketch = block(sketch)
        return self.picture(sketch).float().tanh(), F.leaky_relu(self.logit(sketch), 0.2)


class DisentangledRenderer(nn.Module):
    """``x = sum_k mask_k * X_k`` over K components; the first sees what the memory holds (static), the others h.

    The K logits pass two 1x1 convolutions (512 between, LeakyReLU) and a softmax at temperature 0.1: the fine masks.

    Source: Kim et al. 2020, arXiv:2005.12126, section 3.3; sizes of the release (64 pixels, "simple" blocks, width 16:
    33.88 M parameters; 84 pixels, "residual", width 64: 43.41 M).

    Differs from the paper: components beyond the first see the third output of the memory's writer, as in the release,
    not h itself; spectral norm and orthogonal weights as in the release.

    Args:
        blocks: "simple" (64 pixels) or "residual".
        side: 64 or 84.
        channels: C.
        inputs: width of each component's vector.
        components: K.
        attributes: D, depth of the attribute map.
        types: width of the type vector.
        width: the release's ``nfilterG``.
        sigmoid_maps: rough masks from a sigmoid (the release's scripts), else a softmax over components.

    Shapes:
        K vectors (B, inputs) -> (B, C, side, side) and `Layers`.
    """

    def __init__(
        self,
        blocks: Blocks,
        side: int,
        channels: int,
        inputs: int = 512,
        components: int = 2,
        attributes: int = 512,
        types: int = 512,
        width: int = 16,
        sigmoid_maps: bool = True,
    ) -> None:
        super().__init__()
        assert START["simple", 64] == START["residual", 84] == _PLACES
        self.sigmoid_maps = sigmoid_maps
        self.components = nn.ModuleList(
            Sketch(blocks, side, channels, inputs, attributes, types, width) for _ in range(components)
        )
        self.fine = nn.Sequential(nn.Conv2d(components, 512, 1), nn.LeakyReLU(0.2), nn.Conv2d(512, components, 1))

    def forward(self, vectors: list[Tensor]) -> tuple[Tensor, Layers]:
        """The picture and what it is made of."""
        pictures, logits = self._draw(vectors)
        masks = (self.fine(torch.cat(logits, 1)).float() / _SHARP).softmax(1)[:, :, None]  # (B, K, 1, side, side)
        stack = torch.stack(pictures, 1)
        return (stack * masks).sum(1), Layers(stack, masks)

    def static(self, m: Tensor) -> Tensor:
        """X of the static component alone, drawn beside a zero vector for the others, for the cycle loss."""
        if self.sigmoid_maps:
            component = cast(Sketch, self.components[0])
            objects, attributes = component.scene(m)
            return component.draw(m, (objects / _SHARP).sigmoid(), attributes)[0]
        return self._draw([m] + [torch.zeros_like(m)] * (len(self.components) - 1))[0][0]

    def _draw(self, vectors: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        parts = [cast(Sketch, part) for part in self.components]
        scenes = [part.scene(x) for part, x in zip(parts, vectors, strict=True)]
        objects = torch.cat([scene[0] for scene in scenes], 1) / _SHARP  # (B, K, 7, 7)
        eta = objects.sigmoid() if self.sigmoid_maps else objects.softmax(1)
        drawn = [
            part.draw(x, eta[:, k : k + 1], scene[1])
            for k, (part, x, scene) in enumerate(zip(parts, vectors, scenes, strict=True))
        ]
        return [one[0] for one in drawn], [one[1] for one in drawn]


def _orthogonal(layer: nn.Linear) -> nn.Linear:
    orthogonal(layer)
    return layer
