"""The training commands under two processes: both compute, the first alone writes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import worldsim
from tests.blocks import record_block
from tests.conftest import ROOT

PROGRAM = """
import os, sys
from pathlib import Path

rank, writes = os.environ.get("LOCAL_RANK", "0"), []

def listen(event, args):
    if event == "open" and isinstance(args[0], str | Path) and (args[2] or 0) & (os.O_WRONLY | os.O_RDWR):
        writes.append(str(args[0]))
    elif event == "os.rename":
        writes.append(str(args[1]))

sys.addaudithook(listen)
from tests.{kind}.test_train import tiny

folder = Path({folder!r})
job = tiny(folder, devices=2, precision="32-true")
worlds = [job.train(), job.train()]  # the second time there is nothing left to do but to save
inside = [path for path in writes if path.startswith(str(job.out))]
assert [world is None for world in worlds] == [rank != "0"] * 2, worlds
(folder / f"rank-{{rank}}.txt").write_text("\\n".join(inside))
"""


@pytest.mark.parametrize("kind", ["spatial", "vision_memory"])
def test_only_the_first_process_writes(kind: str, tmp_path: Path) -> None:
    record_block(tmp_path / "recording")
    (tmp_path / "program.py").write_text(PROGRAM.format(kind=kind, folder=str(tmp_path)))
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, tmp_path / "program.py"], env=env, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    first, second = ((tmp_path / f"rank-{rank}.txt").read_text() for rank in (0, 1))
    assert second == ""
    expected = {"openings.h5", "model.safetensors", "config.json", "README.md"}
    if kind == "vision_memory":
        expected.add(next((tmp_path / "world" / "latents").glob("*.npy")).name)
    assert expected <= {Path(line).name for line in first.splitlines()}
    world = worldsim.load(tmp_path / "world")
    assert all(torch.isfinite(value).all() for value in world.model.state_dict().values())
