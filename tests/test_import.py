"""What an import costs, what it brings, and which folder may import which."""

from __future__ import annotations

import ast
import doctest
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import gymnasium as gym
import pytest

import worldsim
from worldsim.envs.registration import DREAMED, REAL

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = {"worldsim": ROOT / "worldsim", **{f"worldsim.{name}": ROOT / name for name in ("envs", "agents", "gnn")}}
HEAVY = ("worldsim.commands.train",)  # its options are the configurations of the models


def module_name(file: Path) -> str:
    for package, folder in FOLDERS.items():
        if file.is_relative_to(folder):
            parts = [package, *file.relative_to(folder).with_suffix("").parts]
            return ".".join(parts).removesuffix(".__init__")
    raise AssertionError(file)


SOURCES = {
    module_name(file): file
    for folder in FOLDERS.values()
    for file in sorted(folder.rglob("*.py"))
    if file.name != "__main__.py"
}
LIGHT = ("worldsim.errors", "worldsim.cli", "worldsim.data.episode", "worldsim.data.recording")
LIGHT_FOLDERS = ("worldsim.commands", "worldsim.envs.registration", "worldsim.envs.pacman")


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{code}"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def imported(file: Path) -> set[str]:
    """The modules that a file imports anywhere in it, names of from-imports included."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.update({node.module, *(f"{node.module}.{alias.name}" for alias in node.names)})
    return names


def test_import_is_quick_and_brings_no_torch() -> None:
    code = """
import json, time
start = time.process_time()  # of this process: another one's work is no fault of the import
import worldsim
seconds = time.process_time() - start
heavy = {"torch", "torch_geometric", "stable_baselines3", "pygame"} & set(sys.modules)
print(json.dumps([seconds, sorted(heavy)]))
"""
    seconds, heavy = min(json.loads(python(code)) for _ in range(3))
    assert heavy == []
    assert seconds < 1.0


def test_what_promises_to_be_light_brings_no_torch() -> None:
    light = [name for name in SOURCES if (name in LIGHT or name.startswith(LIGHT_FOLDERS)) and name not in HEAVY]
    assert len(light) > len(LIGHT)
    code = f"""
from importlib import import_module
for name in {light}:
    import_module(name)
    assert "torch" not in sys.modules, name
"""
    python(code)


@pytest.mark.parametrize("name", SOURCES)
def test_every_module_imports_and_its_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    module = import_module(name)
    assert module.__doc__
    assert doctest.testmod(module, optionflags=doctest.ELLIPSIS).failed == 0


def test_public_names_resolve() -> None:
    for name in worldsim.__all__:
        assert getattr(worldsim, name) is not None
        assert name in dir(worldsim)
    with pytest.raises(AttributeError, match="no attribute 'dreams'"):
        worldsim.dreams  # noqa: B018


@pytest.mark.parametrize("id", [*REAL, *DREAMED])
def test_every_id_is_registered_with_a_spec_that_serialises(id: str) -> None:
    spec = gym.spec(id)
    assert gym.envs.registration.EnvSpec.from_json(spec.to_json()).id == id
    assert isinstance(spec.entry_point, str)
    assert isinstance(spec.vector_entry_point, str) or "vector" not in REAL.get(id, {"vector": ""})


def test_protocol_imports_nothing_of_ours() -> None:
    assert not [name for name in imported(SOURCES["worldsim.protocol"]) if name.startswith("worldsim")]


def test_models_import_no_environments_agents_or_commands() -> None:
    models = tuple(f"worldsim.{name}" for name in ("nn", "vae", "vision_memory", "spatial", "gan", "gamegan"))
    forbidden = ("worldsim.envs", "worldsim.agents", "worldsim.commands")
    wrong = {
        name: bad
        for name, file in SOURCES.items()
        if name.startswith(models) and (bad := [module for module in imported(file) if module.startswith(forbidden)])
    }
    assert wrong == {}


def test_only_the_command_line_imports_commands() -> None:
    wrong = [
        name
        for name, file in SOURCES.items()
        if not name.startswith(("worldsim.cli", "worldsim.commands"))
        and any(module.startswith(("worldsim.commands", "worldsim.cli")) for module in imported(file))
    ]
    assert wrong == []


@pytest.mark.parametrize("banned", ["torchvision", "cv2", "scipy", "sklearn"])
def test_nothing_imports_what_is_not_a_dependency(banned: str) -> None:
    assert [name for name, file in SOURCES.items() if any(m.split(".")[0] == banned for m in imported(file))] == []
