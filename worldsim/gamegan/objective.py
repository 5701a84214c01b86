"""What GameGAN is trained on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worldsim.data.windows import Batch
from worldsim.gamegan.adversary import Losses, Play, critic_losses, generator_losses
from worldsim.gamegan.flat import FlatSimulator
from worldsim.gamegan.grid.kinds import NOTHING, kind_of, likeness
from worldsim.gamegan.grid.lessons import Compared, agree, foreseeable, together, told_motion
from worldsim.gamegan.grid.motion import Motion, as_it_lies, find_motion, unlike
from worldsim.gamegan.grid.movers import price
from worldsim.gamegan.judges.judges import Judges
from worldsim.gamegan.presets import Settings
from worldsim.gamegan.rollout import Rollout, roll_out
from worldsim.gamegan.signal import to_frames, to_signal
from worldsim.gamegan.world import GameGANWorld
from worldsim.nn.action import encode_action
from worldsim.vae.colour import pixel_weights
from worldsim.vae.images import shrink


class GameGANObjective(nn.Module):
    """Trains simulator, outcome head and critics on stretches of real play.

    The generator's loss is ``hinge GAN x 3 + L_Action + L_Info + L_recon + L_feat [+ L_cycle + mask + KL of choices] +
    nats of the outcome``, every term with its weight from `LossWeights`; the critics' is in `critic_losses`. At first
    ``warm`` steps of a stretch see real frames, later only the opening one.

    Turns: "critic" (if there are critics) and "generator". With a memory the generator has two optimisers, as in the
    release: "graphic" (the renderer), and "temporal" (all else), which alone pays the cycle loss.

    Source: Kim et al. 2020, arXiv:2005.12126, section 3.5 and equation 24.

    Differs from the paper: the critics move first and the two halves of the generator after each other, each on a
    roll-out of its own, which trains on any torch (the release changes weights that a second backward pass needs);
    rows whose choices come from the prior have no real frame to equal and are trained by the critics alone; steps past
    the end of an episode count nowhere.

    Args:
        world: whose simulator and outcome head are trained.
        settings: losses and schedule.
        colours: weights of the colour bins, from `worldsim.vae.colour.colour_weights`, or None.
        kinds: what comes into view, from `worldsim.gamegan.grid.kinds.find_kinds`, or None.
    """

    step: Tensor
    colours: Tensor | None
    kinds: Tensor | None
    kind_seen: Tensor
    kind_moved: Tensor

    def __init__(
        self, world: GameGANWorld, settings: Settings, colours: Tensor | None = None, kinds: Tensor | None = None
    ) -> None:
        super().__init__()
        self.simulator, self.outcome, self.settings = world.simulator, world.outcome, settings
        self.action_space, self.scale, self._shape = world.action_space, world.scale, world.config.frame_shape
        actions = int(world.action_space.n)  # type: ignore[attr-defined]
        self.recognised = 0 if settings.simulator == "grid" else world.simulator.noise_size
        self.judges = (
            None
            if settings.judges is None
            else Judges(
                settings.judges,
                *world.simulator.image_shape,
                actions=actions,
                noise=self.recognised,
                frames=settings.length + 1,
                cell=settings.grid.cell,
            )
        )
        self.cyclic = isinstance(world.simulator, FlatSimulator) and world.simulator.memory is not None
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))
        self.register_buffer("colours", colours)
        self.register_buffer("kinds", kinds)
        options = settings.grid.options
        self.register_buffer("kind_seen", torch.zeros(options, dtype=torch.int64))  # cells of each alternative's kind
        self.register_buffer("kind_moved", torch.zeros(options, dtype=torch.int64))  # of which what was there moved

    def turns(self) -> dict[str, Iterable[nn.Parameter]]:
        """Critics first."""
        own = [*self.simulator.parameters(), *self.outcome.parameters()]
        groups: dict[str, Iterable[nn.Parameter]] = {}
        if self.judges is not None:
            groups["critic"] = self.judges.parameters()
        if self.cyclic:
            drawing = {id(p) for p in self.simulator.renderer.parameters()}
            groups["graphic"] = [p for p in own if id(p) in drawing]
            groups["temporal"] = [p for p in own if id(p) not in drawing]
        else:
            groups["generator"] = own
        return groups

    @property
    def share(self) -> float:
        """Of the run that is done."""
        return int(self.step) / self.settings.steps

    def loss(self, batch: Batch, generator: torch.Generator, turn: str) -> tuple[Tensor, dict[str, Tensor]]:
        """One batch in one turn; logs every weighted term."""
        judged = int(self.step) - round(self.settings.judged_from * self.settings.steps)
        if turn == "critic":
            assert self.judges is not None
            if judged < 0:
                return _sum(p.flatten()[0] * 0 for p in self.judges.parameters() if p.requires_grad), {}
            losses = self._critic(self.judges, batch, generator)
        else:
            heard = self.judges is not None and judged >= self.settings.alone
            losses = self._generator(batch, generator, heard, cycle=turn == "temporal")
            if turn != "graphic":
                self.step += 1
        return _sum(losses.values()), {name: value.detach() for name, value in losses.items()}

    def _critic(self, judges: Judges, batch: Batch, generator: torch.Generator) -> Losses:
        rows = max(1, round(self.settings.critic_share * len(batch.mask)))
        batch = Batch(*(value[:rows] for value in batch))
        with torch.no_grad():
            play, _ = self._play(batch, generator, judged=True)
        count = play.actions.shape[2]
        turned = torch.randint(1, max(2, count), play.mask.shape, generator=generator, device=play.mask.device)
        other = (play.actions.argmax(2) + turned) % count
        wrong = F.one_hot(other, count).float()
        return critic_losses(judges, play, wrong, self.settings.weights)

    def _generator(self, batch: Batch, generator: torch.Generator, heard: bool, cycle: bool) -> Losses:
        weights = self.settings.weights
        if self.settings.curriculum:
            batch = batch.pieces(self.settings.piece(self.share))
        play, rollout = self._play(batch, generator, judged=heard)
        paired = self._paired(len(play.mask), heard)
        kept = play.mask[:paired].float()
        count = kept.sum().clamp(min=1)
        error = (rollout.images[:paired] - play.real[:paired, 1:]).float().square()
        rare = None if self.colours is None else self._weights(batch.frames[:paired, 1:])
        compared = self._compared(batch, play, rollout, paired)
        if compared is not None:
            found, shown, apart = compared
            more = 1 + (weights.changed - 1) * found.changed.float()
            if weights.motion:
                more = more * agree(found, apart, rollout, paired)
                if rare is not None:
                    rare = 1 + (rare - 1) * (1 - self._pixels(together(rollout, paired, "quiet")[0], kept))
            error = error * self._pixels(more, kept)
        if rare is not None:
            error = error * rare
        losses = {"reconstruction": weights.reconstruction * (error.sum((2, 3, 4)) * kept).sum() / count}
        if rollout.nats.numel():
            prior, posterior = rollout.nats.flatten(0, 1).unbind(1)
            if compared is not None:
                prior = prior * foreseeable(compared, rollout, self._edge)
            nats = (prior + posterior).sum((1, 2)).view(kept.shape)
            losses["choices"] = weights.choices * (nats * kept).sum() / count
        if weights.mask and rollout.layers:
            area = torch.stack([layer.masks[:, 1:].sum((1, 2, 3, 4)) for layer in rollout.layers], 1)
            losses["mask"] = weights.mask * (area[:paired] * kept).sum() / count
        if weights.movers and rollout.moving:
            held = torch.stack([price(moving.presence[:paired]) for moving in rollout.moving], 1)
            losses["movers"] = weights.movers * (held * kept).sum() / count
        if weights.motion and compared is not None:
            losses["motion"] = weights.motion * told_motion(found, apart, rollout, kept) / count
        if self.kinds is not None and compared is not None and rollout.nats.numel():
            losses["kinds"] = weights.kinds * self._named(self.kinds, found, shown, play, rollout, kept) / count
        features = torch.cat([rollout.features[:, :-1], play.actions, rollout.features[:, 1:]], 2)[:paired]
        nats = self.outcome.loss(features, batch.rewards[:paired], batch.terminated[:paired], play.mask[:paired])
        losses["outcome"] = weights.outcome * nats
        if cycle and weights.cycle:
            losses["cycle"] = weights.cycle * self._cycle(rollout, play.mask)
        if heard and self.judges is not None:
            told = generator_losses(self.judges, play, paired, weights)
            losses |= {f"judged_{name}": value for name, value in told.items()}
        return losses

    def _paired(self, rows: int, judged: bool) -> int:
        """Rows whose generated frames should equal the real ones."""
        return rows - int(self.settings.own_share * rows) if judged else rows

    def _play(self, batch: Batch, generator: torch.Generator, judged: bool) -> tuple[Play, Rollout]:
        settings, shape = self.settings, self.simulator.image_shape
        rows, steps = batch.mask.shape
        real = to_signal(batch.frames.flatten(0, 1), *shape[1:], self.scale).unflatten(0, (rows, steps + 1))
        actions = encode_action(self.action_space, batch.actions)
        size = (rows, steps, self.simulator.noise_size)
        noise = torch.randn(size, generator=generator, device=real.device)
        mute = self.share < settings.mute_until
        informed = settings.simulator == "grid" and settings.informed and not mute
        given = self._paired(rows, judged) if informed else 0
        blur = None
        if settings.blur:
            blur = settings.blur * torch.randn(real[:, 1:].shape, generator=generator, device=real.device)
        warm = steps if mute else settings.warm_steps(self.share)
        rollout = roll_out(self.simulator, real, actions, None if mute else noise, warm, given, self.scale, blur)
        told = noise if self.recognised else None
        return Play(real, rollout.images, actions, told, batch.mask, warm), rollout

    @property
    def _edge(self) -> Tensor:
        """(R, C): 1 in the outermost cells of a grid."""
        return cast(Tensor, self.simulator.edge)

    @property
    def _matches(self) -> bool:
        """Whether the real pictures are searched for what moved."""
        weights = self.settings.weights
        told = weights.motion != 0 or weights.changed != 1 or self.kinds is not None
        return self.settings.simulator == "grid" and told

    def _found(self, batch: Batch, play: Play, rows: int) -> Motion:
        """What moved and what changed in the real pictures of the first rows: (rows * T, R, C)."""
        real = play.real[:rows].float()  # of a grid, so within [0, 1]
        rarity = self._rarity(batch.frames[:rows], real)
        return find_motion(
            real[:, :-1].flatten(0, 1),
            real[:, 1:].flatten(0, 1),
            rarity[:, :-1].flatten(0, 1),
            rarity[:, 1:].flatten(0, 1),
            self.settings.grid.cell,
        )

    def _compared(self, batch: Batch, play: Play, rollout: Rollout, rows: int) -> Compared | None:
        """The steps of the first rows beside the real ones; None where nothing is told by it."""
        if not self._matches or not rollout.moving:
            return None
        found = self._found(batch, play, rows)
        own = rollout.images[:rows, play.warm - 1 : -1].detach().float().clamp(0, 1)
        shown = torch.cat([play.real[:rows, : play.warm].float(), own], 1).flatten(0, 1)
        real = play.real[:rows, :-1].float().flatten(0, 1)
        return Compared(found, shown, unlike(shown, real, found.view, self.settings.grid.cell))

    def _pixels(self, cells: Tensor, kept: Tensor) -> Tensor:
        """Numbers of cells (rows * T, R, C) as numbers of pixels (rows, T, 1, H, W)."""
        cell = self.settings.grid.cell
        return cells.repeat_interleave(cell, 1).repeat_interleave(cell, 2).unflatten(0, kept.shape)[:, :, None]

    def _named(self, kinds: Tensor, found: Motion, shown: Tensor, play: Play, rollout: Rollout, kept: Tensor) -> Tensor:
        """Nats of what came into view in the real pictures, and of what each mover looks like, over the steps kept.

        Where the board has come back into view, only what moves can have come: kinds of which a third of the cells do.
        """
        cell, valid = self.settings.grid.cell, kept.bool().flatten()[:, None, None]
        real = play.real[: len(kept)]
        now = 1 + kind_of(real[:, 1:].flatten(0, 1), kinds, cell)
        before = as_it_lies(likeness(real[:, :-1].flatten(0, 1), kinds, cell), found.view)
        for cells, total in ((found.moved, self.kind_moved), (before != NOTHING, self.kind_seen)):
            total += torch.bincount(before[cells & valid], minlength=len(total))
        choices, presence, back, looks = together(rollout, len(kept), "choices", "presence", "back", "looks")
        moves = (3 * self.kind_moved > self.kind_seen)[now]
        nothing = (self._edge > 0) & (presence <= 0) & ~found.moved & ~found.entered
        named = torch.where(found.entered & (moves | (back == 0)), now, NOTHING)
        came = F.nll_loss(choices, named, reduction="none") * (found.entered | nothing)
        mine = as_it_lies(likeness(shown, kinds, cell), found.view)
        alike = F.nll_loss(looks, mine, reduction="none") * (presence > 0)
        return ((came + alike).sum((1, 2)).view(kept.shape) * kept).sum()

    def _rarity(self, frames: Tensor, real: Tensor) -> Tensor:
        """How rare the content of each cell is, (B, T + 1, R, C): its colours' weights, or its brightness."""
        cell = self.settings.grid.cell
        pixels = real.mean(2) if self.colours is None else self._weights(frames)[:, :, 0]
        return F.avg_pool2d(pixels.flatten(0, 1)[:, None], cell)[:, 0].unflatten(0, frames.shape[:2])

    def _cycle(self, rollout: Rollout, mask: Tensor) -> Tensor:
        """``sum |mask_t * X(read(alpha_t, M_T)) - mask_t * X_t|^2`` a frame, of the static component."""
        assert isinstance(self.simulator, FlatSimulator)
        board, total = rollout.carried[-1]["board"], rollout.images.new_zeros(())
        for t, (carried, layers) in enumerate(zip(rollout.carried, rollout.layers, strict=True)):
            again = self.simulator.static_again(carried["alpha"], board)
            apart = (layers.masks[:, 0] * (again - layers.pictures[:, 0])).square().sum((1, 2, 3))
            total = total + (apart * mask[:, t]).sum()
        return total / mask.sum().clamp(min=1)

    def _weights(self, frames: Tensor) -> Tensor:
        """What each pixel counts: (B, T, H, W, C) uint8 to (B, T, 1, h, w)."""
        assert self.colours is not None
        flat = shrink(frames.flatten(0, 1), *self.simulator.image_shape[1:])
        return pixel_weights(flat, self.colours)[..., 0].unflatten(0, frames.shape[:2])[:, :, None]

    def _frames(self, signal: Tensor) -> Tensor:
        """(B, T, C, h, w) as uint8 (B*T, h, w, C)."""
        return to_frames(signal.flatten(0, 1), *self.simulator.image_shape[1:], self.scale)

    def samples(self, batch: Batch) -> dict[str, Tensor]:
        """Three stretches, real and dreamed from their first frame; where there are layers, the dynamic mask."""
        batch = Batch(*(value[:3] for value in batch))
        rows, steps = batch.mask.shape
        shape = self.simulator.image_shape
        real = to_signal(batch.frames.flatten(0, 1), *shape[1:], self.scale).unflatten(0, (rows, steps + 1))
        actions = encode_action(self.action_space, batch.actions)
        generator = torch.Generator(real.device).manual_seed(0)
        size = (rows, steps, self.simulator.noise_size)
        noise = torch.randn(size, generator=generator, device=real.device)
        rollout = roll_out(self.simulator, real, actions, noise, min(2, steps), 0, self.scale)
        out: dict[str, Any] = {}
        for row in range(rows):
            out[f"real {row}"] = self._frames(real[row : row + 1, 1:])
            out[f"dream {row}"] = self._frames(rollout.images[row : row + 1])
            if rollout.layers:
                mask = torch.stack([layer.masks[row, 1:].sum(0) for layer in rollout.layers])  # (T, 1, H, W)
                out[f"moving {row}"] = to_frames(mask, *shape[1:], "unit").expand(-1, -1, -1, shape[0])
        return out


def _sum(terms: Iterable[Tensor]) -> Tensor:
    return torch.stack([term.float() for term in terms]).sum()
