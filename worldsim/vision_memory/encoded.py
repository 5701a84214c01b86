"""A recording as V sees it, episode by episode: where its latents lie, and what was played."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.data.recording import Recording


class Encoded:
    """Latents with the actions and rewards of their episodes; with a mirrored half there are twice as many episodes.

    Args:
        latents: (frames, 2, Z), from `worldsim.vision_memory.latents.encode`.
        recording: that was encoded.
        mirror: the number of an action that changes its sign in the mirrored half of the latents, if they have one.
    """

    def __init__(self, latents: NDArray[np.float16], recording: Recording, mirror: int | None = None) -> None:
        self.latents, self.recording, self.mirror = latents, recording, mirror
        self.lengths = np.tile(recording.lengths, 1 if mirror is None else 2)  # (E,)
        self.first_frame = np.cumsum(self.lengths + 1) - self.lengths - 1  # (E,) row in latents

    def played(self, episode: int, begin: int, steps: int) -> tuple[NDArray[Any], NDArray[np.float32]]:
        """Actions (steps, ...) and rewards (steps,) of an episode from step ``begin`` on."""
        number, row = self.recording.locate(episode % len(self.recording))
        shard = self.recording.shards[number]
        first = int(shard.first_step[row]) + begin
        actions, rewards = shard.actions[first : first + steps], shard.rewards[first : first + steps]
        if self.mirror is not None and episode >= len(self.recording):
            actions = actions.copy()
            actions[:, self.mirror] *= -1
        return actions, rewards

    def terminated(self, episode: int) -> bool:
        """Whether the game ended it."""
        number, row = self.recording.locate(episode % len(self.recording))
        return bool(self.recording.shards[number].terminated[row])
