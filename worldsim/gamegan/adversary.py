"""What the judges and the simulator tell each other: the adversarial losses of GameGAN."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from worldsim.gamegan.judges.judges import Judges
from worldsim.gamegan.weights import LossWeights
from worldsim.gan.losses import LOSSES
from worldsim.gan.penalties import r1

_HINGE = LOSSES["hinge"]

Losses = dict[str, Tensor]


class Play(NamedTuple):
    """Real and generated frames of the same stretches."""

    real: Tensor  # (B, T+1, C, H, W)
    fake: Tensor  # (B, T, C, H, W), what the simulator made of frames 1 to T
    actions: Tensor  # (B, T, A)
    noise: Tensor | None  # (B, T, Z), if it is to be recognised
    mask: Tensor  # (B, T) bool, steps before the end of the episode
    warm: int  # steps that saw a real frame


def critic_losses(judges: Judges, play: Play, wrong: Tensor, weights: LossWeights) -> Losses:
    """What the critics minimise, weighted, by name.

    Args:
        judges: the critics.
        play: ``fake`` without gradient.
        wrong: (B, T, A), actions other than the true ones.
        weights: of the losses.
    """
    keep = play.mask.flatten()
    real, fake = judges.frames(play.real), judges.frames(play.fake)
    losses: Losses = {}
    if judges.single is not None:
        pairs = zip(judges.single(_flat(real[:, 1:])), judges.single(_flat(fake)), strict=True)
        losses["single"] = weights.single * _sum(_HINGE.discriminator(r[keep], f[keep]) for r, f in pairs)
    if judges.action is not None:
        action = play.actions.flatten(0, 1)
        moved = judges.action.transitions(_flat(real[:, :-1]), _flat(real[:, 1:]))
        made = judges.action.transitions(_flat(_before(real, fake, play.warm)), _flat(fake))
        true, made_up = judges.action(moved, action)[keep], judges.action(made, action)[keep]
        lie = F.relu(1 + judges.action(moved, wrong.flatten(0, 1))[keep].float()).mean()
        losses["action"] = weights.action * (_HINGE.discriminator(true, made_up) + weights.wrong_action * lie)
        told = judges.action.recognise(moved).action
        losses["recognise"] = weights.recognise * F.cross_entropy(told[keep], action[keep])
        if play.noise is not None:
            told = judges.action.recognise(made).noise
            losses["info"] = weights.info_critic * F.mse_loss(told[keep], play.noise.flatten(0, 1)[keep])
    if judges.temporal is not None and bool((whole := play.mask.all(1)).any()):
        levels = zip(_stretch(judges, real[whole]), _stretch(judges, _join(real, fake)[whole]), strict=True)
        gaps = [_HINGE.discriminator(r, f) for r, f in levels]
        losses["temporal"] = weights.temporal * _sum(gaps) / len(gaps)
    if weights.penalty or (weights.penalty_temporal and judges.temporal is not None):
        losses["penalty"] = _penalty(judges, play, weights)
    return losses


def generator_losses(judges: Judges, play: Play, paired: int, weights: LossWeights) -> Losses:
    """What the simulator minimises to please the critics, weighted, by name.

    Args:
        judges: the critics, whose weights collect no gradient.
        play: ``fake`` with gradient.
        paired: rows, from the first on, whose generated frames should equal the real ones.
        weights: of the losses.
    """
    keep = play.mask.flatten()
    with torch.no_grad():
        real = judges.frames(play.real)
    fake = judges.frames(play.fake)
    losses: Losses = {}
    if judges.single is not None:
        losses["single"] = weights.single * _sum(_HINGE.generator(f[keep]) for f in judges.single(_flat(fake)))
    if judges.action is not None:
        action = play.actions.flatten(0, 1)
        made = judges.action.transitions(_flat(_before(real, fake, play.warm)), _flat(fake))
        losses["action"] = weights.action * _HINGE.generator(judges.action(made, action)[keep])
        told = judges.action.recognise(made)
        losses["recognise"] = weights.recognise * F.cross_entropy(told.action[keep], action[keep])
        if play.noise is not None:
            losses["info"] = weights.info * F.mse_loss(told.noise[keep], play.noise.flatten(0, 1)[keep])
    if judges.temporal is not None and bool((whole := play.mask.all(1)).any()):
        levels = _stretch(judges, _join(real, fake)[whole])
        losses["temporal"] = weights.temporal * _sum(_HINGE.generator(f) for f in levels) / len(levels)
    if weights.feature and paired:
        kept = play.mask[:paired]
        apart = (fake[:paired] - real[:paired, 1:])[kept].float()
        norm = apart.square() if weights.feature_norm == "squared" else apart.abs()
        losses["feature"] = weights.feature * norm.mean()
    return losses


def _penalty(judges: Judges, play: Play, weights: LossWeights) -> Tensor:
    """R1 at real frames, as released: a third each of three logits, and of the temporal ones, times T / 6."""
    steps = play.actions.shape[1]
    total = play.real.new_zeros(())
    channels, third = play.real.shape[2], 2 * 0.33 * weights.penalty  # r1 halves
    if weights.penalty:
        action = play.actions.flatten(0, 1)
        pairs = torch.cat([play.real[:, :-1], play.real[:, 1:]], 2).flatten(0, 1)  # (B*T, 2 C, H, W)

        def transitions(pair: Tensor) -> Tensor:
            assert judges.action is not None
            before, after = pair.split(channels, 1)
            return judges.action.transitions(judges.features(before), judges.features(after))

        if judges.action is not None:
            judge = judges.action
            total = total + third * r1(lambda x: judge(transitions(x), action), pairs, 1.0)
            total = total + third * r1(lambda x: judge.recognise(transitions(x)).action, pairs, 1.0)
        if judges.single is not None:
            single = judges.single
            frames = play.real[:, 1:].flatten(0, 1)
            total = total + third * r1(lambda x: single(judges.features(x))[-1], frames, 1.0)
    if weights.penalty_temporal and judges.temporal is not None:
        whole = lambda x: torch.cat(_stretch(judges, judges.frames(x)), 1)  # noqa: E731
        total = total + 2 * weights.penalty_temporal * r1(whole, play.real, 1.0)
    return total * steps / 6


def _before(real: Tensor, fake: Tensor, warm: int) -> Tensor:
    """What each generated frame followed: a real one for the first ``warm`` steps, then a generated one."""
    return torch.cat([real[:, : max(1, warm)], fake[:, max(1, warm) - 1 : -1]], 1)


def _join(real: Tensor, fake: Tensor) -> Tensor:
    """The generated stretch with the real frame that it began at."""
    return torch.cat([real[:, :1], fake], 1)


def _stretch(judges: Judges, features: Tensor) -> list[Tensor]:
    assert judges.temporal is not None
    logits: list[Tensor] = judges.temporal(features.transpose(1, 2))
    return logits


def _flat(features: Tensor) -> Tensor:
    return features.flatten(0, 1)


def _sum(terms: object) -> Tensor:
    return torch.stack(list(terms)).sum()  # type: ignore[call-overload]
