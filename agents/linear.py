"""LinearController: World Models' C, one linear layer from a world's features to an action."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import torch
from gymnasium import Space
from gymnasium.spaces import Box, Discrete
from numpy.typing import NDArray
from torch import Tensor

from worldsim import space_json
from worldsim.errors import BadInput

Features = Literal["plain", "hidden", "mixed"]


@dataclass(frozen=True)
class LinearConfig:
    """What a `LinearController` looks at, and how it is built."""

    features: Features = "mixed"
    """plain: z alone; hidden: M's memory alone; mixed: both, which is all that the world shows."""
    latent: int | None = None
    """Z, the first numbers of what is seen; only "mixed" can do without."""
    hidden: int = 0
    """Tanh units of a layer in between (the paper's ablation has 40); 0 has none."""
    bias: bool = True
    """Whether layers have a bias (CarRacing: yes; Doom: no)."""
    squash: bool = True
    """Whether a tanh turns the last sum into an action (paper); if not, it is cut off at the bounds, as PPO's is."""


class LinearController:
    """C of World Models (Ha & Schmidhuber 2018, arXiv:1803.10122, section 2.3): ``a = tanh(W x + b)``.

    A bounded `Box` action is the tanh, scaled to the bounds (without `LinearConfig.squash` the sum, cut off there); of
    a `Discrete` one the largest output is taken. It has the methods by which Stable-Baselines3's models are seated, so
    it evaluates and plays like them.

    Shapes:
        parameters (N,): layer by layer W (inputs, outputs) and then b. Published: 867 (z 32 and h 256 to 3 controls),
        1,088 (z 64, c 512 and h 512 to one, no bias), 1,443 (z 32, 40 hidden, 3).

    Example:
        >>> def box(n): return Box(-1.0, 1.0, (n,))
        >>> LinearController(box(288), box(3)).size
        867
        >>> LinearController(box(1088), box(1), LinearConfig(bias=False)).size
        1088
        >>> LinearController(box(288), box(3), LinearConfig("plain", latent=32, hidden=40)).size
        1443

    Raises:
        BadInput: the observations are no vector, or the actions are neither Discrete nor a bounded Box.
    """

    def __init__(
        self,
        observation_space: Space[Any],
        action_space: Space[Any],
        config: LinearConfig | None = None,
        parameters: NDArray[np.floating[Any]] | None = None,
    ) -> None:
        self.observation_space, self.action_space = observation_space, action_space
        self.config = config or LinearConfig()
        if not isinstance(observation_space, Box) or len(observation_space.shape) != 1:
            raise BadInput(
                f"a linear controller sees a vector, got {observation_space}; show it a world's features "
                "(--in WORLD, or --through WORLD in reality)"
            )
        if not isinstance(action_space, Discrete) and not (isinstance(action_space, Box) and action_space.is_bounded()):
            raise BadInput(f"a linear controller acts in Discrete or a bounded Box, got {action_space}; use --algo ppo")
        self._columns = self._chosen(observation_space.shape[0])
        outputs = int(action_space.n) if isinstance(action_space, Discrete) else int(np.prod(action_space.shape))
        widths = [self._columns.stop - self._columns.start, *filter(None, [self.config.hidden]), outputs]
        self._layers = list(zip(widths[:-1], widths[1:], strict=True))
        self.size = sum((i + self.config.bias) * o for i, o in self._layers)
        given = np.zeros(self.size) if parameters is None else np.asarray(parameters)
        if given.shape != (self.size,):
            raise BadInput(f"this controller has {self.size} parameters, got {given.shape}")
        self.parameters: NDArray[np.float32] = given.astype(np.float32)

    def _chosen(self, width: int) -> slice:
        features, latent = self.config.features, self.config.latent
        if features not in ("plain", "hidden", "mixed"):
            raise BadInput(f"features are plain, hidden or mixed, got {features!r}")
        if features == "mixed":
            return slice(0, width)
        if latent is None or not 0 < latent < width:
            raise BadInput(
                f"features {features!r} need a world whose features begin with its latent vector (vision-memory), "
                f"got {width} features and latent {latent}; use features=mixed"
            )
        return slice(0, latent) if features == "plain" else slice(latent, width)

    def layers(self, parameters: Tensor) -> list[tuple[Tensor, Tensor | None]]:
        """Weights (n, outputs, inputs) and biases (n, outputs, 1) of n controllers from their parameters (n, N).

        Turned once here: as (n, inputs, outputs) the product of every step takes several times as long.
        """
        found, at = [], 0
        for i, o in self._layers:
            weight = parameters[:, at : at + i * o].reshape(-1, i, o).transpose(1, 2).contiguous()
            at += i * o
            bias = parameters[:, at : at + o].unsqueeze(2) if self.config.bias else None
            at += o if self.config.bias else 0
            found.append((weight, bias))
        return found

    def retuned(self, parameters: NDArray[np.floating[Any]], changes: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Controllers (P, N) whose outputs are ``exp(g) * (W x + b) + o`` before the tanh, those of one otherwise.

        Args:
            parameters: (N,) of that one.
            changes: (P, 2 A) g of every output and then o of every output; zeros change nothing.
        """
        if not self.config.bias:
            raise BadInput("outputs are retuned by their biases, which a controller with bias=False has not")
        inputs, outputs = self._layers[-1]
        gains, offsets = np.exp(changes[:, :outputs]), changes[:, outputs:]  # (P, A)
        whole = np.repeat(np.asarray(parameters, np.float64)[None], len(changes), axis=0)
        last = whole[:, -(inputs + 1) * outputs :].reshape(len(changes), inputs + 1, outputs)
        last *= gains[:, None]
        last[:, -1] += offsets
        return whole

    @property
    def outputs(self) -> int:
        """A, numbers before the last tanh."""
        return self._layers[-1][1]

    def act(self, layers: list[tuple[Tensor, Tensor | None]], observations: Tensor) -> Tensor:
        """Actions (n, ...) of n controllers (one each, or one for all) for observations (n, F)."""
        x = observations[:, self._columns, None]  # (n, inputs, 1)
        for number, (weight, bias) in enumerate(layers):
            x = torch.matmul(weight, x) if bias is None else torch.matmul(weight, x) + bias
            if number + 1 < len(layers):
                x = x.tanh()
        out = x[..., 0]
        space = self.action_space
        if isinstance(space, Discrete):
            return out.argmax(1) + int(space.start)
        assert isinstance(space, Box)
        low, high = (torch.from_numpy(np.asarray(b.ravel(), np.float32)) for b in (space.low, space.high))
        if not self.config.squash:
            return out.clamp(low, high).reshape(len(out), *space.shape)
        action = low + (out.tanh() + 1) / 2 * (high - low)
        return action.reshape(len(out), *space.shape)

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = True
    ) -> tuple[NDArray[Any], Any]:
        """Actions (n, ...) for observations (n, F), or one for one, as in Stable-Baselines3."""
        seen = np.asarray(observation, np.float32)
        single = seen.ndim == 1
        with torch.inference_mode():
            rows = torch.from_numpy(seen[None] if single else seen)
            action = self.act(self.layers(torch.from_numpy(self.parameters)[None]), rows).numpy()
        taken = action.astype(self.action_space.dtype)
        return (taken[0] if single else taken), state

    def save(self, file: IO[bytes]) -> None:
        """Write it into an open file: a zip of arrays (numpy's npz) that holds nothing which could run."""
        about = {
            "observation_space": space_json.to_json(self.observation_space),
            "action_space": space_json.to_json(self.action_space),
            "config": asdict(self.config),
        }
        np.savez(file, parameters=self.parameters, about=np.array(json.dumps(about)))

    @classmethod
    def load(cls, path: Path) -> LinearController:
        """What `save` wrote."""
        if not path.is_file():
            raise BadInput(f"expected an agent at {path}, found no such file; train one with: worldsim train-agent")
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
                about, parameters = json.loads(str(arrays["about"])), arrays["parameters"]
            shown, taken = (space_json.from_json(about[name]) for name in ("observation_space", "action_space"))
            config = LinearConfig(**about["config"])
        except (zipfile.BadZipFile, ValueError, KeyError, TypeError, EOFError, AttributeError) as error:
            line = " ".join(str(error).split())[:200]
            raise BadInput(f"{path} is damaged or no linear controller ({line}); train it again") from None
        return cls(shown, taken, config, parameters)
