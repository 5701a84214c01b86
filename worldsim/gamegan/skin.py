"""Skin: the components of a picture put together anew, over another background and in another foreground."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from worldsim.errors import BadInput
from worldsim.gamegan.simulator import Layers


def picture_of(path: Path, height: int, width: int, channels: int) -> Tensor:
    """An image file as (C, height, width) in [0, 1]; it must be an image of this very size."""
    try:
        with Image.open(path) as opened:
            image = opened.convert("RGB" if channels == 3 else "L")
    except (OSError, UnidentifiedImageError) as error:
        raise BadInput(f"expected an image, got {path} ({error}); give a PNG or JPEG file") from None
    if image.size != (width, height):
        raise BadInput(
            f"expected an image of {width} x {height} pixels, as the game's frames are, got {path} of "
            f"{image.width} x {image.height}; resize it"
        )
    values = np.asarray(image, np.float32).reshape(height, width, channels) / 255
    return torch.from_numpy(values).permute(2, 0, 1).contiguous()


def reskin(layers: Layers, background: Tensor | None = None, foreground: Tensor | None = None) -> Tensor:
    """Put a picture together again, with other images in place of a component's own.

    ``x = sum_k masks_k X_k``. A background shows through the static component where that is dark,
    ``X_0 <- X_0 + (1 - max_c X_0) background``, so walls remain walls. A foreground paints what moves in its own
    colours, as bright as it was: ``X_k <- max_c(X_k) foreground`` for the others.

    Source: Kim et al. 2020, arXiv:2005.12126, figure 9.

    Differs from the paper: there the component's picture is replaced whole, which hides walls drawn by it.

    Args:
        layers: pictures (B, K, C, H, W) in [0, 1].
        background: (C, H, W) in [0, 1], or None for the game's own.
        foreground: likewise.

    Returns:
        (B, C, H, W) in [0, 1].
    """
    pictures = layers.pictures.float().clamp(0, 1)
    still, moving = pictures[:, :1], pictures[:, 1:]
    if background is not None:
        still = still + (1 - still.amax(2, keepdim=True)) * background
    if foreground is not None:
        moving = moving.amax(2, keepdim=True) * foreground
    return (layers.masks * torch.cat([still, moving], 1)).sum(1).clamp(0, 1)
