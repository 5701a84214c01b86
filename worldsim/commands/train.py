"""``worldsim train``: a world model from a recording."""

from __future__ import annotations

from typing import Annotated

import tyro

from worldsim.gamegan.train import TrainGameGAN
from worldsim.spatial.train import TrainSpatial
from worldsim.vision_memory.train import TrainVisionMemory

Train = (
    Annotated[TrainSpatial, tyro.conf.subcommand("spatial")]
    | Annotated[TrainVisionMemory, tyro.conf.subcommand("vision-memory")]
    | Annotated[TrainGameGAN, tyro.conf.subcommand("gamegan")]
)
"""One subcommand for each kind of world; their modules import torch, this one is imported when it is asked for."""
