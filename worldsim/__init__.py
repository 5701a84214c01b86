"""worldsim: learned simulators as Gymnasium environments.

Importing this package registers the environments by string and imports no torch.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from worldsim.checkpoint import World as World
    from worldsim.checkpoint import load as load
    from worldsim.data.episode import Episode as Episode
    from worldsim.data.recording import Recording as Recording
    from worldsim.data.windows import Windows as Windows
    from worldsim.dream import Dream as Dream
    from worldsim.protocol import Imagined as Imagined
    from worldsim.protocol import State as State
    from worldsim.protocol import WorldModel as WorldModel

__version__ = "0.1.0"

# In a source checkout envs/, agents/ and gnn/ lie beside this folder, not inside it.
_root = Path(__file__).resolve().parents[1]
if __name__ == "worldsim" and (_root / "pyproject.toml").is_file() and (_root / "envs").is_dir():
    __path__.append(str(_root))

# Public names and where they live; resolved on first use (PEP 562), so that the import stays light.
_LAZY = {
    "Dream": "worldsim.dream",
    "Episode": "worldsim.data.episode",
    "Imagined": "worldsim.protocol",
    "Recording": "worldsim.data.recording",
    "State": "worldsim.protocol",
    "Windows": "worldsim.data.windows",
    "World": "worldsim.checkpoint",
    "WorldModel": "worldsim.protocol",
    "load": "worldsim.checkpoint",
}
__all__ = [*_LAZY, "__version__"]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'worldsim' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])


from worldsim.envs.registration import register_all  # noqa: E402  (needs the __path__ hook above)

register_all()
