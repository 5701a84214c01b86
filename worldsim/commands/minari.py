"""``worldsim minari``: recordings to and from Farama's collection of data sets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from worldsim.errors import BadInput


@dataclass(frozen=True)
class Minari:
    """Copy a recording into the local Minari store, or a Minari data set of images into a recording, without loss.

    worldsim minari export recordings/pacman pacman/mixed-v0
    worldsim minari import pacman/mixed-v0 recordings/pacman

    The store is ~/.minari/datasets, or the folder named by MINARI_DATASETS_PATH. Needs pip install
    "worldsim-rl[minari]".
    """

    action: Positional[Literal["export", "import"]]
    """Which way."""
    source: Positional[str]
    """Folder of the recording to export, or id of the data set to import."""
    target: Positional[str]
    """Id of the new data set ("name-v0" or "namespace/name-v0"), or folder of the new recording."""

    def run(self) -> None:
        """Copy, and say what to do next."""
        from worldsim.data.minari import from_minari, to_minari
        from worldsim.data.recording import Recording

        if self.action == "export":
            if not Path(self.source).exists():
                raise BadInput(f"expected a recording at {self.source}, found nothing there")
            recording = Recording(self.source)
            to_minari(recording, self.target)
            print(f"{self.target}: {len(recording):,} episodes, {recording.num_frames:,} frames, raw")
            print(f"next: minari show {self.target}")
        else:
            recording = from_minari(self.source, self.target)
            print(
                f"{self.target}: {len(recording):,} episodes, {recording.num_frames:,} frames, "
                f"{recording.num_bytes / 1e6:,.1f} MB"
            )
            print(f"next: worldsim train spatial {self.target} --out runs/{Path(self.target).name}")
