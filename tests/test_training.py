"""fit(): the curve, its interruption in every way, and what it leaves behind."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.toys import Duel, Regression, rows_at
from worldsim.errors import BadInput, Stopped
from worldsim.training import FitConfig, fit

ROOT = Path(__file__).resolve().parents[1]


def config(**changes: Any) -> FitConfig:
    return FitConfig(**{"steps": 40, "log_every": 3, "checkpoint_every": 10, "device": "cpu", **changes})


def curve(out: Path, name: str = "train") -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (out / f"{name}.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in ("seconds", "steps_per_second")} for line in lines]


def program(folder: Path, body: str) -> subprocess.CompletedProcess[str]:
    """Run a Python file in a process of its own."""
    path = folder / "program.py"
    path.write_text(body)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, str(path)], env=environment, capture_output=True, text=True, timeout=120)


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


NOISY = {"steps": 60, "ema": 0.9, "clip_norm": 1.0, "warmup": 5, "schedule": "exponential"}


def test_killed_and_started_again_it_follows_the_same_curve(tmp_path: Path) -> None:
    whole = Regression(dropout=0.3, noise=0.5)
    fit(whole, rows_at, config(**NOISY), tmp_path / "whole")
    # Kill -9 once the log is past the last checkpoint (30) and in the middle of a log line's steps.
    done = program(
        tmp_path,
        f"""
import os, signal, time
from pathlib import Path
from tests.toys import Regression, rows_at
from worldsim.training import FitConfig, fit
out = Path({str(tmp_path / "killed")!r})

def batch_at(step, rank, world_size):
    while step == 36 and '"step": 33' not in (out / "train.jsonl").read_text():
        time.sleep(0.01)
    if step == 36:
        os.kill(os.getpid(), signal.SIGKILL)
    return rows_at(step)

config = FitConfig(**{config(**NOISY)!r}.__dict__)
fit(Regression(dropout=0.3, noise=0.5), batch_at, config, out)
""",
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert curve(tmp_path / "killed")[-1]["step"] >= 33
    (tmp_path / "killed" / "train.jsonl").open("a").write('{"step": 36, "lo')  # and the kill cut a line in two
    again = Regression(dropout=0.3, noise=0.5, seed=9)
    asked = []
    result = fit(again, lambda step, *_: asked.append(step) or rows_at(step), config(**NOISY), tmp_path / "killed")
    assert asked[0] == 30
    assert curve(tmp_path / "killed") == curve(tmp_path / "whole")
    assert torch.equal(again.layer.weight, whole.layer.weight)
    assert result.logs["loss"] == curve(tmp_path / "whole")[-1]["loss"]


def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path: Path) -> None:
    whole = Regression(noise=0.5)
    fit(whole, rows_at, config(), tmp_path / "whole")
    handler = signal.getsignal(signal.SIGINT)

    def batch_at(step: int, rank: int, world_size: int) -> Tensor:
        if step == 17:
            os.kill(os.getpid(), signal.SIGINT)
        return rows_at(step)

    stopped = Regression(noise=0.5)
    with pytest.raises(Stopped, match=r"stopped after 1\d of 40 steps; .*train\.pt keeps them all: run the same"):
        fit(stopped, batch_at, config(), tmp_path / "stopped")
    assert signal.getsignal(signal.SIGINT) is handler
    fit(stopped, rows_at, config(), tmp_path / "stopped")
    assert curve(tmp_path / "stopped") == curve(tmp_path / "whole")
    assert torch.equal(stopped.layer.weight, whole.layer.weight)


def test_ctrl_c_is_heard_while_a_batch_is_slow(tmp_path: Path) -> None:
    def batch_at(step: int, rank: int, world_size: int) -> Tensor:
        if step == 5:
            while '"step": 5' not in (tmp_path / "train.jsonl").read_text():
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)
            for _ in range(100):  # ends as soon as the loop has saved itself
                if (tmp_path / "train.pt").exists():
                    break
                time.sleep(0.05)
        return rows_at(step)

    start = time.monotonic()
    with pytest.raises(Stopped, match="stopped after 5 of 40"):
        fit(Regression(), batch_at, config(log_every=1), tmp_path)
    assert time.monotonic() - start < 4


def test_a_finished_run_returns_at_once_with_its_weights(tmp_path: Path) -> None:
    first = Regression()
    result = fit(first, rows_at, config(ema=0.5), tmp_path)
    second = Regression(seed=3)
    again = fit(second, lambda *_: pytest.fail("asked for a batch"), config(ema=0.5), tmp_path)
    assert torch.equal(second.layer.weight, first.layer.weight)
    assert (again.steps, again.seconds, again.logs) == (result.steps, result.seconds, result.logs)


def test_two_processes_equal_one_with_all_their_rows(tmp_path: Path) -> None:
    changes = {"steps": 30, "learning_rate": 0.05, "clip_norm": 0.5, "checkpoint_every": 100}
    alone = Regression()
    fit(alone, rows_at, config(**changes), tmp_path / "one")
    done = program(
        tmp_path,
        f"""
import torch
from tests.toys import Regression, rows_at
from worldsim.training import FitConfig, fit

def batch_at(step, rank, world_size):
    assert world_size == 2
    return rows_at(step, rank, world_size)

import os
objective = Regression(seed=int(os.environ.get("LOCAL_RANK", 0)))  # the first process's weights count
config = FitConfig(**{{**{config(**changes)!r}.__dict__, "devices": 2}})
result = fit(objective, batch_at, config, {str(tmp_path / "two")!r})
again = fit(objective, batch_at, config, {str(tmp_path / "two")!r}, "again")  # a second one in the same processes
print("rank", result.rank, again.rank, *objective.layer.weight[0].tolist(), flush=True)
""",
    )
    assert done.returncode == 0, done.stderr
    assert sorted(re.findall(r"rank (\d) (\d)", done.stdout)) == [("0", "0"), ("1", "1")]
    one, two = curve(tmp_path / "one"), curve(tmp_path / "two")
    assert [line["step"] for line in two] == [line["step"] for line in one]
    for key in ("loss", "error", "grad_norm", "learning_rate"):
        assert np.allclose([line[key] for line in two], [line[key] for line in one], rtol=1e-5), key
    weights = torch.load(tmp_path / "two" / "train.pt", weights_only=True)["objective"]["layer.weight"]
    assert torch.allclose(weights, alone.layer.weight, atol=1e-6)


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


class Slopes(nn.Module):
    """A loss whose gradient is known: (3, -4, 0.5) everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.zeros(3))
        self.seen: list[Tensor] = []

    def loss(self, batch: Tensor, generator: torch.Generator, turn: str) -> tuple[Tensor, dict[str, Tensor]]:
        self.seen.append(self.w.detach().clone())
        return self.w @ torch.tensor([3.0, -4.0, 0.5]), {}


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


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ({}, {"learning_rate": 0.5}, "learning_rate was 0.001, now 0.5; repeat"),
        ({}, {"seed": 1, "ema": 0.5}, "ema was 0.0, now 0.5; seed was 0, now 1"),
        ({"schedule": "cosine"}, {"schedule": "cosine", "steps": 50}, "steps was 40, now 50"),
        ({}, {"steps": 20}, "a run of 40 steps, more than the 20 asked for"),
    ],
)
def test_refuses_to_go_on_with_other_settings(
    tmp_path: Path, before: dict[str, Any], after: dict[str, Any], message: str
) -> None:
    fit(Regression(), rows_at, config(**before), tmp_path)
    with pytest.raises(BadInput, match=message) as refused:
        fit(Regression(), rows_at, config(**after), tmp_path)
    assert "\n" not in str(refused.value)


def test_more_steps_and_other_reports_go_on(tmp_path: Path) -> None:
    fit(Regression(noise=1.0), rows_at, config(steps=60), tmp_path / "whole")
    fit(Regression(noise=1.0), rows_at, config(steps=30, sample_every=7), tmp_path / "longer")
    fit(Regression(noise=1.0), rows_at, config(steps=60, checkpoint_every=25, threads=1), tmp_path / "longer")
    assert curve(tmp_path / "longer") == curve(tmp_path / "whole")


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


@pytest.mark.parametrize("damage", ["truncated", "foreign", "other model"])
def test_refuses_a_file_that_is_not_its_own(tmp_path: Path, damage: str) -> None:
    fit(Regression(), rows_at, config(), tmp_path)
    path = tmp_path / "train.pt"
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-100])
    elif damage == "foreign":
        torch.save({"weights": torch.zeros(3)}, path)
    objective = Slopes() if damage == "other model" else Regression()
    reason = "holds another model" if damage == "other model" else r"is not a checkpoint of fit\(\), or is damaged"
    with pytest.raises(BadInput, match=rf"train.pt {reason}.*choose another folder") as refused:
        fit(objective, rows_at, config(), tmp_path)
    assert "\n" not in str(refused.value)


def test_a_full_disk_leaves_the_previous_checkpoint(tmp_path: Path) -> None:
    class Big(Regression):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("ballast", torch.zeros(200_000))

    def batch_at(step: int, rank: int, world_size: int) -> Tensor:
        if step == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return rows_at(step)

    with pytest.raises(Stopped):
        fit(Big(), batch_at, config(), tmp_path)
    before = (tmp_path / "train.pt").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, limits[1]))  # writing more fails, as on a full disk
    try:
        with pytest.raises(OSError, match=r"could not write .*train.pt .*previous checkpoint is intact") as failed:
            fit(Big(), rows_at, config(), tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "\n" not in str(failed.value)
    assert (tmp_path / "train.pt").read_bytes() == before
    assert not list(tmp_path.glob("*.part"))
    assert fit(Big(), rows_at, config(), tmp_path).steps == 40


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


def test_a_batch_that_cannot_be_made_ends_the_run(tmp_path: Path) -> None:
    def batch_at(step: int, rank: int, world_size: int) -> Tensor:
        if step == 12:
            raise BadInput("shard 3 is damaged")
        return rows_at(step)

    with pytest.raises(BadInput, match="shard 3 is damaged"):
        fit(Regression(), batch_at, config(), tmp_path)
    assert fit(Regression(), rows_at, config(), tmp_path).steps == 40


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"ema": 1.0}, r"ema must be in \[0, 1\), got 1.0"),
        ({"schedule": "linear"}, "schedule must be constant, cosine or exponential, got 'linear'"),
        ({"precision": "16-mixed"}, "precision must be 32-true or bf16-mixed"),
        ({"warmup": -1}, "warmup must not be negative"),
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
