"""Runs in the rival's interpreter, which need not have worldsim: a line of JSON in, a rate out."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from importlib.metadata import version


def main() -> None:
    """Answer questions until standard input ends."""
    import torch

    torch.set_num_threads(int(sys.argv[1]))
    from simulusion.models.mdrnn import MDRNNCell
    from simulusion.vision.VAE.ConvVAE import ConvVAE
    from simulusion.world_model.vae_mdrnn import MDRNNWorldModel

    model = MDRNNWorldModel(ConvVAE(img_channels=3, latent_size=32), MDRNNCell(32, 3, 256, 5))
    print(json.dumps({"version": version("simulusion"), "torch": torch.__version__}), flush=True)
    states = {}
    for line in sys.stdin:
        question = json.loads(line)
        rows = question["rows"]
        if rows not in states:
            states[rows] = model.encode(torch.rand(rows, 1, 3, 64, 64))
        actions = torch.zeros(rows, 3)

        def step(rows: int = rows, actions: torch.Tensor = actions) -> None:
            states[rows] = model.step(states[rows], actions).state

        def draw(rows: int = rows) -> None:
            model.decode(states[rows])

        clock = time.process_time if question["cpu_time"] else time.perf_counter
        act = {"steps": step, "frames": draw}[question["what"]]
        print(json.dumps({"rate": rate(act, rows, question["seconds"], clock)}), flush=True)


def rate(act: Callable[[], None], units: int, seconds: float, clock: Callable[[], float]) -> float:
    """As `worldsim.bench.contest.repeat`: the first call does not count."""
    act()
    calls, began, now = 0, clock(), 0.0
    while now < seconds:
        act()
        calls, now = calls + 1, clock() - began
    return calls * units / now


if __name__ == "__main__":
    main()
