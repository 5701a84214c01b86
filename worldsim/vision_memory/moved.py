"""Moved: the dream that one world's M makes, as another world's M follows it."""

from __future__ import annotations

from torch import Tensor, nn

from worldsim.errors import BadInput
from worldsim.protocol import Imagined, State
from worldsim.vision_memory.world import VisionMemoryWorld

_MINE = "moved."  # prefix of what the mover remembers


class Moved(nn.Module):
    """A world model of two: the mover makes up z, reward and ending, the eyes remember it as if it had been real.

    An agent sees through the eyes with which it learned, here as in reality, and what it has found out that holds in
    their dream alone does not help it in the mover's. The two must agree about z: rounds of one iteration do nearly,
    each V beginning with the weights of the one before.

    Raises:
        BadInput: the two are no vision-memory worlds with the same z, actions and noise.
    """

    def __init__(self, eyes: nn.Module, mover: nn.Module) -> None:
        super().__init__()
        if not isinstance(eyes, VisionMemoryWorld) or not isinstance(mover, VisionMemoryWorld):
            raise BadInput("the dream of one world is seen through another one where both are of vision-memory")
        for name in ("latent", "action", "frame_shape", "done"):
            one, other = getattr(eyes.config, name), getattr(mover.config, name)
            if one != other:
                raise BadInput(f"the other world must have {name} {one} like the agent's own, got {other}")
        if eyes.noise_size != mover.noise_size:
            raise BadInput("one of the two worlds has no head for reward and ending; expected both or none")
        self.eyes, self.mover, self.config = eyes, mover, eyes.config
        self.observation_space, self.action_space = eyes.observation_space, eyes.action_space
        self.noise_size = eyes.noise_size

    def start(self, frame: Tensor, noise: Tensor) -> State:
        """Both look at the first frame."""
        return _joined(self.eyes.start(frame, noise), self.mover.start(frame, noise))

    def follow(self, state: State, action: Tensor, frame: Tensor, noise: Tensor) -> State:
        """Both look at the next one."""
        seen, moved = self.eyes.follow(state, action, frame, noise), self.mover.follow(_of(state), action, frame, noise)
        return _joined(seen, moved)

    def imagine(self, state: State, action: Tensor, noise: Tensor) -> Imagined:
        """The mover goes on; the eyes remember the old z and look at the new one."""
        seen, made = self.eyes.imagine(state, action, noise).state, self.mover.imagine(_of(state), action, noise)
        return Imagined(_joined(seen | {"z": made.state["z"]}, made.state), made.reward, made.terminated)

    def observe(self, state: State) -> Tensor:
        """What the eyes know."""
        return self.eyes.observe(state)

    def render(self, state: State) -> Tensor:
        """What the eyes' V draws."""
        return self.eyes.render(state)


def _joined(seen: State, moved: State) -> State:
    return seen | {_MINE + name: value for name, value in moved.items() if name != "temperature"}


def _of(state: State) -> State:
    """The mover's part."""
    mine = {name.removeprefix(_MINE): value for name, value in state.items() if name.startswith(_MINE)}
    return mine | {"temperature": state["temperature"]}
