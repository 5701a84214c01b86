"""``worldsim evaluate``: how good agents are, in reality and in their dreams."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional


@dataclass(frozen=True)
class Evaluate:
    """Score an agent in reality, beside other agents and its own dream.

    Every agent plays the same episodes, with seeds that no training and no recording uses. The interval is the 95 %
    confidence interval of the mean over episodes; it does not cover how much agents of other training seeds differ.
    """

    agent: Positional[str]
    """Folder of an agent (worldsim train-agent), a zip of Stable-Baselines3, a bundled world with an agent, random or
    noop."""
    against: tuple[str, ...] = ("random",)
    """Agents to compare it with, in the same words, such as one trained in an untrained world or one in reality."""
    env: str | None = None
    """Id of the real environment (default: where the agent's world was recorded, or where the agent learned)."""
    episodes: int = 1000
    """Episodes of each agent."""
    seed: int = 0
    """Shifts the seeds of the episodes."""
    num_envs: int | None = None
    """Rows that are played side by side (default: 250, or 16 where single environments are stepped in turn)."""
    dream: bool = True
    """Also score agents in the dream of the world they know."""
    deterministic: bool | None = None
    """Take the likeliest action; or draw one. Default: draw for ppo and a2c, the likeliest for dqn, sac and td3."""
    max_episode_steps: int = 100_000
    """Cut episodes that go on for longer."""
    env_kwargs: str = "{}"
    """Further arguments for the real environment, as JSON."""
    device: str = "cpu"
    """Where worlds compute."""
    out: Path | None = None
    """Json file for every episode's return (default: evaluation.json in the agent's folder, or here)."""
    json: bool = False
    """Print the json instead of the table."""

    def run(self) -> None:
        """Evaluate, print the table and say where the numbers are."""
        from rich.console import Console

        from worldsim.agents.comparison import Row, compare, table, write
        from worldsim.env_kwargs import parse_kwargs
        from worldsim.errors import Stopped

        names = list(dict.fromkeys([self.agent, *self.against]))
        folder = Path(self.agent)
        out = self.out or (folder if folder.is_dir() else Path()) / "evaluation.json"
        rows: list[Row] = []
        try:
            for row in compare(
                names,
                self.env,
                self.episodes,
                self.seed,
                self.dream,
                progress=True,
                num_envs=self.num_envs,
                deterministic=self.deterministic,
                max_episode_steps=self.max_episode_steps,
                env_kwargs=parse_kwargs(self.env_kwargs),
                device=self.device,
            ):
                rows.append(row)
        except KeyboardInterrupt:
            if not rows:
                raise Stopped("stopped before the first agent was scored; nothing was written") from None
            write(rows, out)
            raise Stopped(f"stopped; {len(rows)} of {len(names)} agents are scored, in {out}") from None
        write(rows, out)
        if self.json:
            print(out.read_text(encoding="utf-8"), end="")
            return
        console = Console()
        if not console.is_terminal:
            console.width = 200  # a file or a pipe has no edge to wrap at
        console.print(table(rows))
        print(f"{out}: every episode of every agent")
        print(f"next: {rows[0].play}")
