"""fit(): the curve it follows and what it leaves behind."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.toys import Duel, Regression, Slopes, config, curve, rows_at
from worldsim.errors import BadInput
from worldsim.training import FitConfig, fit


def test_finds_the_known_weights_and_says_what_it_did(tmp_path: Path) -> None:
    objective = Regression().eval()
    result = fit(objective, rows_at, config(steps=300, learning_rate=0.1, schedule="cosine"), tmp_path)
    assert torch.allclose(objective.layer.weight[0], Regression.truth, atol=1e-3)
    assert result.steps == 300
    assert result.rank == 0
    assert result.seconds > 0
    assert result.logs["loss"] < 1e-4 < curve(tmp_path)[0]["loss"]
    assert set(result.logs) == {"loss", "error", "learning_rate", "seconds", "steps_per_second"}
    assert not objective.training  # as it was given
    assert [line["step"] for line in curve(tmp_path)] == [*range(3, 301, 3)]
    assert not list(tmp_path.glob("*.part"))


def test_a_line_is_the_mean_since_the_last_one(tmp_path: Path) -> None:
    fit(Regression(noise=1.0), rows_at, config(steps=12, log_every=1), tmp_path / "each")
    fit(Regression(noise=1.0), rows_at, config(steps=12, log_every=4), tmp_path / "mean")
    losses = [line["loss"] for line in curve(tmp_path / "each")]
    expected = np.reshape(losses, (3, 4)).mean(1)
    assert np.allclose([line["loss"] for line in curve(tmp_path / "mean")], expected, rtol=1e-6)


def test_what_is_only_looked_at_is_in_the_log_and_changes_nothing(tmp_path: Path) -> None:
    """Two batches of known error, beside a run without them."""
    plain, looking = Regression(), Regression()
    settings = config(steps=7, log_every=3, sample_every=5)
    fit(plain, rows_at, settings, tmp_path / "plain")
    batches = [rows_at(1000, 0, 1), rows_at(1001, 0, 1)]
    result = fit(looking, rows_at, settings, tmp_path / "looking", checks={"held_out": batches})
    assert torch.equal(looking.layer.weight, plain.layer.weight)
    with torch.no_grad():
        costs = [float(looking.loss(batch, torch.Generator(), "model")[0]) for batch in batches]
    assert result.logs["held_out_loss"] == pytest.approx(np.mean(costs), rel=1e-5)
    lines = {line["step"]: line for line in curve(tmp_path / "looking")}
    assert ["held_out_loss" in lines[step] for step in (3, 6, 7)] == [False, True, True]  # the 5th joins the next line
    assert lines[6]["held_out_loss"] != lines[7]["held_out_loss"]


def test_each_turn_has_its_own_cost_of_what_is_looked_at(tmp_path: Path) -> None:
    result = fit(Duel(), lambda *_: torch.ones(1), config(steps=1), tmp_path, checks={"held_out": [torch.ones(1)]})
    assert {"critic/held_out_loss", "maker/held_out_loss"} <= set(result.logs)


def test_turns_move_their_own_parameters_at_their_own_rate(tmp_path: Path) -> None:
    duel = Duel()
    fit(duel, lambda *_: torch.ones(1), config(steps=1, learning_rates={"maker": 0.5}, learning_rate=0.25), tmp_path)
    # Adam's first step is the learning rate against the gradient's sign, whatever its size.
    assert duel.critic.item() == pytest.approx(1 - 0.25)
    assert duel.maker.item() == pytest.approx(2 + 0.5)
    assert duel.critic.grad.item() == 2.0  # from its own turn alone
    assert duel.maker.grad.item() == pytest.approx(-0.75)  # after the critic had moved
    assert duel.critic.requires_grad
    assert duel.maker.requires_grad
    line = curve(tmp_path)[0]
    assert line["critic/loss"] == 2.0
    assert line["maker/loss"] == pytest.approx(-1.5)
    assert (line["critic/learning_rate"], line["maker/learning_rate"]) == (0.25, 0.5)


def test_clips_by_element_and_by_norm(tmp_path: Path) -> None:
    value, norm = Slopes(), Slopes()
    fit(value, rows_at, config(steps=1, clip_value=1.0), tmp_path / "value")
    assert value.w.grad.tolist() == [1.0, -1.0, 0.5]
    fit(norm, rows_at, config(steps=1, clip_norm=1.0), tmp_path / "norm")
    length = float(np.sqrt(9 + 16 + 0.25))
    assert torch.allclose(norm.w.grad, torch.tensor([3.0, -4.0, 0.5]) / length)
    assert curve(tmp_path / "norm")[0]["grad_norm"] == pytest.approx(length)


def test_the_result_is_the_moving_average(tmp_path: Path) -> None:
    objective = Slopes()
    fit(objective, rows_at, config(steps=12, ema=0.6), tmp_path)
    raw = torch.load(tmp_path / "train.pt", weights_only=True)["objective"]["w"]
    average = torch.zeros(3)
    for step, weights in enumerate([*objective.seen[1:], raw]):
        decay = min(0.6, (1 + step) / (10 + step))
        average = decay * average + (1 - decay) * weights
    assert torch.allclose(objective.w, average)
    assert not torch.allclose(objective.w, raw)


def test_learning_rates_are_the_formulas() -> None:
    assert [FitConfig(learning_rate=0.5).learning_rate_at(step) for step in (0, 9999)] == [0.5, 0.5]
    ha = FitConfig(learning_rate=1e-3, min_learning_rate=1e-5, decay=0.99999, schedule="exponential")
    assert ha.learning_rate_at(70_000) == pytest.approx((1e-3 - 1e-5) * 0.99999**70_000 + 1e-5)
    cosine = FitConfig(steps=101, learning_rate=1.0, min_learning_rate=0.2, schedule="cosine")
    assert [cosine.learning_rate_at(step) for step in (0, 50, 100)] == pytest.approx([1.0, 0.6, 0.2])
    warm = FitConfig(steps=110, warmup=10, learning_rate=1.0, schedule="cosine", learning_rates={"critic": 4.0})
    assert [warm.learning_rate_at(step) for step in (0, 4, 9, 10, 109)] == pytest.approx([0.1, 0.5, 1.0, 1.0, 0.0])
    assert warm.learning_rate_at(4, "critic") == pytest.approx(2.0)
    apart = FitConfig(steps=101, learning_rate=1.0, schedule="cosine", schedules={"critic": "constant"})
    assert [apart.learning_rate_at(100, turn) for turn in ("critic", "maker")] == pytest.approx([1.0, 0.0])


class Breaking(Regression):
    """Not finite from step 15 on."""

    def loss(self, batch: Tensor, generator: torch.Generator, turn: str) -> tuple[Tensor, dict[str, Tensor]]:
        loss, logs = super().loss(batch, generator, turn)
        return loss + (torch.nan if torch.equal(batch, rows_at(14)) else 0.0), {**logs, "kl": loss}


def test_stops_where_the_loss_is_not_finite(tmp_path: Path) -> None:
    with pytest.raises(
        BadInput, match=r"the loss of step 15 is not finite \(loss\); .*train.pt keeps an earlier state"
    ):
        fit(Breaking(), rows_at, config(), tmp_path)
    assert torch.load(tmp_path / "train.pt", weights_only=True)["step"] == 10


class Painter(Regression):
    """Draws what it was given."""

    def samples(self, batch: Tensor) -> dict[str, Tensor]:
        assert not self.training
        real = torch.full((3, 4, 5, 1), 200, dtype=torch.uint8)
        return {"real": real, "predicted": real - 100}


def test_pictures_tensorboard_and_progress(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    fit(Painter(), rows_at, config(sample_every=20), tmp_path, "v")
    sheet = imageio.imread(tmp_path / "samples" / "v-00000020.png")
    assert sheet.shape == (3 * 4, 3 * 5, 3)  # rows: real, predicted, difference; three images side by side
    assert [int(sheet[row, 7, 0]) for row in (1, 5, 9)] == [200, 100, 128 + 50]
    assert len(list((tmp_path / "samples").iterdir())) == 2
    error = capfd.readouterr().err
    assert re.search(r"v: 40 of 40 steps, [\d.]+ steps/s, 0:00:00 left, loss [\d.]+", error), error

    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = EventAccumulator(str(tmp_path / "tensorboard" / "v"))
    board.Reload()
    assert {"loss", "error", "learning_rate", "steps_per_second"} <= set(board.Tags()["scalars"])
    assert [event.step for event in board.Scalars("loss")] == [*range(3, 40, 3), 40]
    assert board.Tags()["images"] == ["samples"]


def test_bf16_computes_in_bf16_and_keeps_weights_in_fp32(tmp_path: Path) -> None:
    seen = set()

    class Watching(Regression):
        def loss(self, batch: Tensor, generator: torch.Generator, turn: str) -> tuple[Tensor, dict[str, Tensor]]:
            seen.add(self.layer(batch).dtype)
            return super().loss(batch, generator, turn)

    objective = Watching()
    fit(objective, rows_at, config(precision="bf16-mixed", steps=300, learning_rate=0.1), tmp_path)
    assert seen == {torch.bfloat16}
    assert objective.layer.weight.dtype == torch.float32
    assert torch.allclose(objective.layer.weight[0], Regression.truth, atol=0.05)


def test_leaves_the_callers_randomness_and_threads_alone(tmp_path: Path) -> None:
    objective = Regression(dropout=0.5)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    fit(objective, rows_at, config(threads=2), tmp_path)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"ema": 1.0}, r"ema must be in \[0, 1\), got 1.0"),
        ({"schedule": "linear"}, "schedule must be constant, cosine or exponential, got 'linear'"),
        ({"precision": "16-mixed"}, "precision must be 32-true or bf16-mixed"),
        ({"warmup": -1}, "warmup must not be negative"),
        (
            {"schedules": {"critic": "constant"}},
            r"schedules names \['critic'\], but this model",
        ),
        ({"learning_rates": {"critic": 1.0}}, r"names \['critic'\], but this model's turns are \['model'\]"),
    ],
)
def test_refuses_settings_that_mean_nothing(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        fit(Regression(), rows_at, config(**changes), tmp_path)


def test_refuses_what_cannot_be_trained(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"loss\(batch, generator, turn\), Linear has none"):
        fit(nn.Linear(2, 2), rows_at, config(), tmp_path)
    with pytest.raises(BadInput, match="turn 'model' has no trainable parameters"):
        fit(Regression().requires_grad_(False), rows_at, config(), tmp_path)
    if not torch.cuda.is_available():
        with pytest.raises(BadInput, match=r"asked for 1 CUDA device\(s\), but torch sees 0"):
            fit(Regression(), rows_at, config(device="cuda"), tmp_path)
