"""Try an installed worldsim that is not a checkout: every file is there, every id makes, every command explains itself.

``python try_wheel.py FILES``: run by the interpreter that has the wheel, in a folder outside the checkout; FILES lists
the tracked files of the four source folders, one a line.
"""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from pathlib import Path


def run(*command: str) -> str:
    """What a command prints; its failure is ours."""
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)} exited with {done.returncode}:\n{done.stderr}"
    assert "warning" not in done.stderr.lower(), f"{' '.join(command)} warned:\n{done.stderr}"
    return done.stdout


def imports_light() -> None:
    """``import worldsim`` takes under a second, brings no torch and comes from the wheel."""
    code = (
        "import json, sys, time; start = time.process_time(); import worldsim;"
        "print(json.dumps([time.process_time() - start, worldsim.__file__, 'torch' in sys.modules]))"
    )
    seconds, file, torch = min(json.loads(run(sys.executable, "-c", code)) for _ in range(3))
    assert Path(file).is_relative_to(sysconfig.get_path("purelib")), f"{file} is not the wheel's"
    assert not torch, "import worldsim imports torch"
    assert seconds < 1, f"import worldsim took {seconds:.2f} s"
    print(f"import worldsim: {seconds:.2f} s, no torch")


def is_complete(tracked: list[str]) -> None:
    """Every tracked file of the source folders was installed."""
    root = Path(sysconfig.get_path("purelib"))
    missing = [
        name
        for name in tracked
        if not (root / (name if name.startswith("worldsim/") else f"worldsim/{name}")).is_file()
    ]
    assert not missing, f"not in the wheel: {missing}"
    print(f"files: all {len(tracked)} are there")


def makes_every_id() -> None:
    """gymnasium.make and make_vec of every id, and of Dream-v0 with every bundled world, then some steps.

    What needs an extra that this platform has no wheel of is left out.
    """
    import gymnasium as gym

    import worldsim.commands.list as inventory
    from worldsim.envs.registration import DREAMED, REAL

    worlds = [world["name"] for world in inventory.bundled_worlds()]
    needs = {"WorldSim/Frame-v0": {"env": "WorldSim/PacMan-v0", "size": 42}}
    tries = [(id, needs.get(id, {})) for id in REAL]
    tries += [(id, {}) for id, world in DREAMED.items() if world is not None]
    tries += [("WorldSim/Dream-v0", {"model": world}) for world in worlds]
    for id, options in tries:
        try:
            env = gym.make(id, **options)
        except gym.error.DependencyNotInstalled as error:
            print("left out:", id, error)
            continue
        env.reset(seed=0)
        for _ in range(3):
            env.step(env.action_space.sample())
        env.close()
        envs = gym.make_vec(id, num_envs=2, **options)
        envs.reset(seed=0)
        for _ in range(3):
            envs.step(envs.action_space.sample())
        envs.close()
        print("make, make_vec:", id, *options.values())


def explains_itself() -> None:
    """``worldsim --help`` and every command's."""
    from worldsim.cli import COMMANDS

    assert all(name in run("worldsim", "--help") for name in COMMANDS)
    for name in COMMANDS:
        assert f"usage: worldsim {name}" in run("worldsim", name, "--help")
    run("worldsim", "list")
    print("worldsim --help:", ", ".join(COMMANDS))


if __name__ == "__main__":
    imports_light()
    is_complete(Path(sys.argv[1]).read_text(encoding="utf-8").split("\n")[:-1])
    makes_every_id()
    explains_itself()
