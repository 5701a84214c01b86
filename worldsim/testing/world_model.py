"""check_world_model: hold any object to the contract of `worldsim.protocol.WorldModel`."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from gymnasium import Space
from numpy.typing import NDArray
from torch import Tensor, nn

from worldsim.protocol import Imagined, State, WorldModel, select, where
from worldsim.testing.outputs import check_attributes, check_imagined, check_seen, check_state
from worldsim.testing.requirement import require

_B = 6  # rows of most checks
_ALONE = 32  # rows of the large batch that are also run alone, in each step
_PIXEL = 2  # levels by which a drawn pixel may differ between batch sizes


def check_world_model(
    model: WorldModel,
    frame: NDArray[np.uint8] | Tensor | None = None,
    *,
    action_matters: bool = True,
    rows: int = 1024,
    steps: int = 3,
    tolerance: float = 1e-3,
    flips: float = 0.02,
    seed: int = 0,
) -> None:
    """Raise AssertionError with one line on what is wrong, unless ``model`` is a well-behaved world model.

    Checked: the shape, dtype and range of everything returned; that a call changes nothing that it was given, nothing
    on the model and no global random state, and gives the same result twice; that rows do not influence each other;
    that restarting some rows leaves the others bit-equal; that a row alone equals the same row in a large batch up to
    rounding; that the same noise with another action is a well-formed counterfactual.

    Args:
        model: the object to check, in the state in which it will be used (``model.eval()``).
        frame: a real frame (H, W, C) uint8, or several (n, H, W, C); without it, random pixels of the size in
            ``model.config.frame_shape``.
        action_matters: fail if no action makes any difference to what is seen, rewarded or ended.
        rows: of the large batch.
        steps: imagined in a row.
        tolerance: relative and absolute, between a row alone and in a large batch (raise it for bfloat16).
        flips: share of the rows compared that may differ by more than that: where something discrete is drawn, a
            rounding can tip a draw that is nearly a tie.
        seed: of the actions, noise and pixels tried.
    """
    check_attributes(model)
    case = _Case(model, frame, seed)
    with torch.inference_mode():
        with _nothing_left_behind(model):
            state = _check_outputs(case, steps)
            _check_purity(case, state)
            _check_rows(case, state)
            _check_noise_size(case, state)
            _check_temperature(case, state)
            _check_actions(case, state, steps, action_matters)
        _check_alone(case, rows, steps, tolerance, flips)


class _Case:
    """A model and inputs to try it on."""

    def __init__(self, model: WorldModel, frame: NDArray[np.uint8] | Tensor | None, seed: int) -> None:
        self.model = model
        parameter = next(model.parameters(), None) if isinstance(model, nn.Module) else None
        self.device = torch.device("cpu") if parameter is None else parameter.device
        self.generator = torch.Generator().manual_seed(seed)
        self.space: Space[Any] = copy.deepcopy(model.action_space)
        self.space.seed(seed)
        if frame is None:
            shape = tuple(getattr(getattr(model, "config", None), "frame_shape", ()))
            require(len(shape) == 3, "pass a frame: the model has no config.frame_shape to make one from")
            frame = torch.randint(0, 256, (16, *shape), generator=self.generator, dtype=torch.uint8)
        frames = torch.as_tensor(frame)
        require(
            frames.dtype == torch.uint8 and frames.dim() in (3, 4),
            f"frame must be (H, W, C) or (n, H, W, C) uint8, got {tuple(frames.shape)} {frames.dtype}",
        )
        self.pool = frames[None] if frames.dim() == 3 else frames

    def frames(self, rows: int = _B) -> Tensor:
        """(rows, H, W, C) uint8."""
        return self.pool[torch.randint(len(self.pool), (rows,), generator=self.generator)].to(self.device)

    def noise(self, rows: int = _B, extra: int = 0) -> Tensor:
        """(rows, N + extra) standard normals."""
        return torch.randn(rows, self.model.noise_size + extra, generator=self.generator).to(self.device)

    def actions(self, rows: int = _B) -> Tensor:
        """(rows, ...) from the action space."""
        return torch.from_numpy(np.stack([np.asarray(self.space.sample()) for _ in range(rows)])).to(self.device)


def _check_outputs(case: _Case, steps: int) -> State:
    """Every method's shapes and dtypes, along a short dream; returns a state in its middle."""
    model, frames = case.model, case.frames()
    state = model.start(frames, case.noise())
    check_state(state, state, "start", _B)
    first = state
    for _ in range(steps):
        state = model.follow(state, case.actions(), case.frames(), case.noise())
        check_state(state, first, "follow", _B)
        check_seen(model, state, frames)
        imagined = model.imagine(state, case.actions(), case.noise())
        check_imagined(imagined, first, _B)
        state = imagined.state
        check_seen(model, state, frames)
    return state


def _check_purity(case: _Case, state: State) -> None:
    """Same inputs, same outputs; the inputs stay as they were."""
    model, frames, noise, actions = case.model, case.frames(), case.noise(), case.actions()
    calls: dict[str, Callable[[], Mapping[str, Tensor]]] = {
        "start": lambda: model.start(frames, noise),
        "follow": lambda: model.follow(state, actions, frames, noise),
        "imagine": lambda: _flat(model.imagine(state, actions, noise)),
        "observe": lambda: {"seen": model.observe(state)},
        "render": lambda: {"drawn": model.render(state)},
    }
    inputs = {**{f"state[{k!r}]": v for k, v in state.items()}, "frame": frames, "action": actions, "noise": noise}
    before = {name: value.clone() for name, value in inputs.items()}
    for verb, call in calls.items():
        with _global_randomness_unused(verb):
            once = {name: value.clone() for name, value in call().items()}
            twice = call()
        for name, value in inputs.items():
            require(
                torch.equal(value, before[name]),
                f"{verb}() changed the {name} that it was given; most likely an in-place operation (+=, copy_, "
                "index assignment) needs a clone",
            )
        different = _differing(once, twice)
        require(
            not different,
            f"{verb}() gave another {different} the second time for equal inputs; most likely dropout is on (call "
            "model.eval()), or something is remembered on self",
        )


def _check_rows(case: _Case, state: State) -> None:
    """Changing row 2 leaves the others equal; restarting rows 1 and 4 leaves the others bit-equal."""
    model, frames, noise, actions = case.model, case.frames(), case.noise(), case.actions()
    others = torch.arange(_B, device=case.device) != 2
    mixed = [torch.where(_column(others, old), old, new) for old, new in _replacements(case, frames, noise, actions)]
    verbs = {
        "start": (model.start(frames, noise), model.start(mixed[0], mixed[1])),
        "follow": (model.follow(state, actions, frames, noise), model.follow(state, mixed[2], mixed[0], mixed[1])),
        "imagine": (_flat(model.imagine(state, actions, noise)), _flat(model.imagine(state, mixed[2], mixed[1]))),
    }
    for verb, (one, other) in verbs.items():
        different = _differing(select(one, others), select(other, others))
        require(
            not different,
            f"{verb}(): another frame, action or noise in row 2 changed {different} of other rows; most likely "
            "something is averaged or normalised over the batch (BatchNorm in training mode?)",
        )
    again = torch.zeros(_B, dtype=torch.bool, device=case.device)
    again[[1, 4]] = True
    fresh = model.start(frames, noise)
    restarted = _everything(model, where(again, fresh, state), actions, noise)
    kept, begun = _everything(model, state, actions, noise), _everything(model, fresh, actions, noise)
    different = _differing(select(restarted, ~again), select(kept, ~again))
    require(
        not different,
        f"restarting rows 1 and 4 changed {different} of the other rows; most likely the rows share something: a "
        "step count, a maximum or a mean over the batch",
    )
    different = _differing(select(restarted, again), select(begun, again))
    require(
        not different,
        f"rows 1 and 4, restarted among others, differ in {different} from the same rows started together; most "
        "likely something outside the state (on self) remembers the stream",
    )


def _check_noise_size(case: _Case, state: State) -> None:
    size = case.model.noise_size
    for extra in [1] + [-1] * (size > 1):
        try:
            case.model.imagine(state, case.actions(), case.noise(extra=extra))
        except Exception:  # any refusal will do
            continue
        if size > 0:
            raise AssertionError(
                f"imagine() took {size + extra} normals a row without complaint though noise_size is {size}; most "
                "likely it slices or broadcasts its noise: compare noise.shape[1] with noise_size first"
            )


def _check_temperature(case: _Case, state: State) -> None:
    model, old = case.model, state.get("temperature")
    if old is None:
        return
    first = model.start(case.frames(), case.noise())["temperature"]
    require(
        first.shape == (_B,) and first.dtype == torch.float32 and bool((first == 1).all()),
        f"state['temperature'] must be (B,) float32 and 1 after start(), got {tuple(first.shape)} {first.dtype}, "
        f"values from {first.min()} to {first.max()}",
    )
    for value in (0.1, 3.0):
        warm = state | {"temperature": torch.full_like(old, value)}
        imagined = model.imagine(warm, case.actions(), case.noise())
        check_imagined(imagined, state, _B)
        followed = model.follow(warm, case.actions(), case.frames(), case.noise())
        for verb, after in (("imagine", imagined.state), ("follow", followed)):
            require(
                torch.equal(after["temperature"], warm["temperature"]),
                f"{verb}() changed state['temperature'] from {value}; it belongs to the dream: pass it on",
            )


def _check_actions(case: _Case, state: State, steps: int, action_matters: bool) -> None:
    """Other actions under the same noise: well-formed counterfactuals, and different somewhere."""
    model, one, other = case.model, state, state
    differs = False
    for _ in range(max(steps, 2)):
        noise, actions = case.noise(), case.actions()
        left, right = model.imagine(one, actions, noise), model.imagine(other, case.actions(), noise)
        for imagined in (left, right):
            check_imagined(imagined, state, _B)
        one, other = left.state, right.state
        seen = [
            {"s": model.observe(i.state), "p": model.render(i.state), "r": i.reward, "t": i.terminated}
            for i in (left, right)
        ]
        differs = differs or bool(_differing(*seen))
    require(
        differs or not action_matters,
        "no action made a difference to what is seen, rewarded or ended; most likely imagine() does not use its "
        "action (an untrained or truly passive world: action_matters=False)",
    )


def _check_alone(case: _Case, rows: int, steps: int, tolerance: float, flips: float) -> None:
    """Row b of a large batch equals a batch of one."""
    model, frames, noise = case.model, case.frames(rows), case.noise(rows)
    picked = torch.randperm(rows, generator=case.generator)[:_ALONE].to(case.device)
    many = model.start(frames, noise)
    pairs = [(select(many, b), model.start(frames[b], noise[b])) for b in picked[:, None]]
    for _ in range(steps):
        before, actions, noise = many, case.actions(rows), case.noise(rows)
        whole = _everything(model, before, actions, noise)
        pairs += [
            (select(whole, b), _everything(model, select(before, b), actions[b], noise[b])) for b in picked[:, None]
        ]
        many = model.imagine(before, actions, noise).state
    wrong = [key for large, alone in pairs if (key := _far(large, alone, tolerance))]
    require(
        len(wrong) <= flips * len(pairs),
        f"{len(wrong)} of {len(pairs)} rows differ between a batch of {rows} and a batch of 1 (first in {wrong[:1]}); "
        "most likely rows are normalised together, or a row's result depends on its place (tolerance is for rounding, "
        "flips for discrete draws near a tie)",
    )


def _everything(model: WorldModel, state: State, actions: Tensor, noise: Tensor) -> dict[str, Tensor]:
    imagined = model.imagine(state, actions, noise)
    return _flat(imagined) | {"observe()": model.observe(imagined.state), "render()": model.render(imagined.state)}


def _flat(imagined: Imagined) -> dict[str, Tensor]:
    state = {f"state[{key!r}]": value for key, value in imagined.state.items()}
    return state | {"reward": imagined.reward, "terminated": imagined.terminated}


def _replacements(case: _Case, *inputs: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Each input with another one like it: other pixels, other noise, other actions."""
    frames, noise, actions = inputs
    return [(frames, 255 - frames), (noise, noise + 1), (actions, case.actions())]


def _column(rows: Tensor, like: Tensor) -> Tensor:
    return rows.view(-1, *[1] * (like.dim() - 1))


def _differing(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> str:
    """The first key whose values are not bit-equal, or ''."""
    return next((key for key in one if not torch.equal(one[key], other[key])), "")


def _far(one: Mapping[str, Tensor], other: Mapping[str, Tensor], tolerance: float) -> str:
    """The first key whose values differ by more than rounding, or ''."""
    for key, value in one.items():
        if value.dtype == torch.uint8:
            near = bool(((value.int() - other[key].int()).abs() <= _PIXEL).all())
        elif value.is_floating_point():
            near = torch.allclose(value, other[key], rtol=tolerance, atol=tolerance)
        else:
            near = torch.equal(value, other[key])
        if not near:
            return key
    return ""


@contextmanager
def _global_randomness_unused(verb: str) -> Iterator[None]:
    before = _global_randomness()
    yield
    after = _global_randomness()
    used = [name for name in before if before[name] != after[name]]
    require(
        not used,
        f"{verb}() drew from the global random generator of {', '.join(used)}; most likely a sample() or dropout: "
        "make it from the noise argument (uniforms: worldsim.noise.uniforms)",
    )


def _global_randomness() -> dict[str, object]:
    _, keys, position, *_ = np.random.get_state(legacy=True)  # noqa: NPY002
    return {
        "torch": torch.get_rng_state().numpy().tobytes(),
        "random": random.getstate(),
        "numpy": (np.asarray(keys).tobytes(), position),
    }


@contextmanager
def _nothing_left_behind(model: WorldModel) -> Iterator[None]:
    """The weights and buffers are the same afterwards."""
    if not isinstance(model, nn.Module):
        yield
        return
    before = {key: value.clone() for key, value in model.state_dict().items()}
    yield
    different = _differing(before, model.state_dict())
    require(
        not different,
        f"the model's own {different} changed while it was used; most likely BatchNorm or spectral norm is in "
        "training mode (call model.eval())",
    )
