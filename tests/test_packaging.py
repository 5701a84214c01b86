"""What the distribution says about itself: packages, data files, dependencies, extras, version, README."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import worldsim
from worldsim.commands.list import EXTRAS

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
FOLDERS = PROJECT["tool"]["setuptools"]["package-dir"]
FORBIDDEN = {"pygame", "torchvision", "opencv-python", "opencv-python-headless", "opencv-contrib-python"}


def test_packages_are_all_the_folders_with_python_files() -> None:
    found = set()
    for package, folder in FOLDERS.items():
        for file in (ROOT / folder).rglob("*.py"):
            found.add(".".join([package, *file.parent.relative_to(ROOT / folder).parts]))
    assert sorted(found) == PROJECT["tool"]["setuptools"]["packages"]


def test_every_package_has_an_init() -> None:
    for package in PROJECT["tool"]["setuptools"]["packages"]:
        top = next(name for name in sorted(FOLDERS, key=len, reverse=True) if package.startswith(name))
        folder = ROOT / FOLDERS[top] / Path(*package.removeprefix(top).strip(".").split("."))
        assert (folder / "__init__.py").is_file(), package


def test_package_data_covers_every_file_that_is_not_python() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", *FOLDERS.values()], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if tracked.returncode != 0:
        pytest.skip("not a git checkout")
    files = {ROOT / name for name in tracked.stdout.splitlines() if not name.endswith(".py")}
    covered = {
        file
        for package, patterns in PROJECT["tool"]["setuptools"]["package-data"].items()
        for pattern in patterns
        for file in (ROOT / package.replace(".", "/")).glob(pattern)
    }
    assert ROOT / "worldsim" / "py.typed" in files
    assert files - covered == set()


def test_no_dependency_brings_pygame_torchvision_or_opencv() -> None:
    """Over the metadata of what is installed, every optional part of ours included."""
    optional = PROJECT["project"]["optional-dependencies"]
    todo = [Requirement(text) for text in [*PROJECT["project"]["dependencies"], *sum(optional.values(), [])]]
    seen: dict[tuple[str, str], str] = {}
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        for extra in ("", *requirement.extras):
            if (name, extra) in seen or name == "worldsim-rl":
                continue
            try:
                requires = importlib.metadata.requires(name) or []
            except importlib.metadata.PackageNotFoundError:
                requires = []
            seen[name, extra] = requirement.name
            for text in requires:
                child = Requirement(text)
                if child.marker is None or child.marker.evaluate({"extra": extra}):
                    todo.append(child)
    names = {name for name, _ in seen}
    assert {"torch", "pygame-ce", "gymnasium"} <= names
    assert names & FORBIDDEN == set()


def test_extras_are_those_that_worldsim_list_shows() -> None:
    extras = set(PROJECT["project"]["optional-dependencies"])
    assert extras - {"all", "test"} == set(EXTRAS)
    everything = Requirement(PROJECT["project"]["optional-dependencies"]["all"][0])
    assert everything.extras == set(EXTRAS)


def test_pip_commands_in_messages_name_extras_that_exist() -> None:
    extras = set(PROJECT["project"]["optional-dependencies"])
    for folder in FOLDERS.values():
        for file in (ROOT / folder).rglob("*.py"):
            for name, extra in re.findall(r"(worldsim[\w-]*)\[([a-z0-9]+)\]", file.read_text(encoding="utf-8")):
                assert name == "worldsim-rl", f"{file}: the distribution is worldsim-rl"
                assert extra in extras, f"{file}: there is no extra {extra}"


def test_version_is_in_the_changelog() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", worldsim.__version__)
    assert f"## [{worldsim.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_makefile_has_what_the_readme_promises() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    promised = set(re.findall(r"\bmake ([a-z]+)\b", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert {"demo", "test"} <= promised <= targets


def test_python_in_the_readme_runs(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    assert blocks
    for block in blocks:
        done = subprocess.run(
            [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{block}"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=200,
        )
        assert done.returncode == 0, f"{block}\n{done.stderr}"
