"""One episode of play: T+1 frames and T of everything else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.errors import BadInput


@dataclass(frozen=True, eq=False, repr=False)
class Episode:
    """What happened from one reset to the end, frame by frame; nothing is lost and nothing is implied.

    ``frames[t]`` is what was seen before ``actions[t]``; ``frames[-1]`` is the last thing seen, also when the episode
    terminated. With neither ``terminated`` nor ``truncated`` the recording was cut off.
    """

    frames: NDArray[np.uint8]  # (T+1, H, W, C)
    actions: NDArray[Any]  # (T, ...)
    rewards: NDArray[np.float32]  # (T,)
    terminated: bool
    truncated: bool
    seed: int  # the environment was reset with it; -1 when it was not reset by us
    env_id: str
    policy: str = ""  # who played
    index: int = 0  # which episode of its recording: with the recording's seed it fixes `seed` and the policy's chance

    def __post_init__(self) -> None:
        frames, steps = self.frames, len(self.actions)
        if frames.dtype != np.uint8 or frames.ndim != 4:
            raise BadInput(f"frames must be uint8 (T+1, H, W, C), got {frames.dtype} {frames.shape}")
        if steps == 0 or len(frames) != steps + 1 or self.rewards.shape != (steps,):
            raise BadInput(
                f"an episode of T >= 1 steps has T+1 frames, T actions and T rewards; got {len(frames)} frames, "
                f"{steps} actions and rewards of shape {self.rewards.shape}"
            )

    def __len__(self) -> int:
        return len(self.actions)

    def __repr__(self) -> str:
        end = "terminated" if self.terminated else "truncated" if self.truncated else "cut off"
        return (
            f"Episode({self.env_id}, seed {self.seed}: {len(self)} steps, return {float(self.rewards.sum()):g}, {end}, "
            f"played by {self.policy or 'unknown'}, frames {self.frames.shape[1:]})"
        )
