"""``worldsim train-agent``: an agent of Stable-Baselines3, or one found by CMA-ES, in a dream or in reality."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro


@dataclass(frozen=True)
class TrainAgent:
    """Train an agent: in a dream, in reality, or in reality seen through a world's features.

    Writes agent.zip (Stable-Baselines3), agent.json (how it was trained, and where), train.jsonl and tensorboard/.
    Ctrl-C saves; the same command run again goes on, and more --steps than before train on.
    """

    inside: Annotated[str, tyro.conf.arg(name="in")]
    """Where it learns: a world's name or folder (in its dream), a dream's id, or a real environment's id."""
    out: Path
    """Folder of the agent."""
    algo: str = "ppo"
    """ppo, a2c, dqn, sac, td3, ddpg; with sb3-contrib installed also its algorithms; cma: World Models' linear
    controller, found by CMA-ES."""
    steps: int = 250_000
    """Environment steps over all rows, rounded up to whole rollouts."""
    seed: int = 0
    """Of the weights, of exploration and of the training episodes."""
    observation: Literal["features", "pixels"] | None = None
    """What it sees in a dream (default: features)."""
    through: str | None = None
    """A world: learn in the real --in, seeing this world's features of it."""
    num_envs: int | None = None
    """Rows that are played side by side (default: 128 for ppo on vectors, 32 on images; see the algorithm)."""
    policy: str | None = None
    """MlpPolicy, CnnPolicy or MultiInputPolicy (default: what fits the observations)."""
    hyperparameters: tuple[str, ...] = ()
    """Of the algorithm, as name=value: learning_rate=3e-4 net_arch=256,256 n_steps=64; of cma: popsize=64 rollouts=16
    sigma=0.1 features=mixed hidden=0 bias=True evaluate_every=25 evaluate_episodes=1024 same_seeds=False
    patience=0 tune=all precision=fp32."""
    temperature: float | None = None
    """Of a dream; 1 is as learned."""
    horizon: int | None = None
    """Steps after which a dream is cut off (default: what the world says, else 1000)."""
    env_kwargs: str = "{}"
    """Arguments for a real environment as JSON, e.g. '{"observation": "grid"}'."""
    checkpoint_every: int = 100_000
    """Steps between saves."""
    threads: int | None = None
    """CPU threads of torch (default: 1 for small networks, which is faster; else torch's choice)."""
    workers: int = 1
    """Processes that play for cma in a real environment."""
    ray: str | None = None
    """Address of a Ray cluster (or auto) whose machines play for cma instead, with so many --workers."""
    start_from: str | None = None
    """Folder of a controller of the same kind, from which cma goes on (default: it begins with zeros)."""
    device: str = "auto"
    """Of worlds and of networks for images; small networks compute on the CPU."""

    def run(self) -> None:
        """Train, with a progress bar, and say what to do next."""
        from worldsim.agents.hyperparameters import parse
        from worldsim.agents.training import train_agent
        from worldsim.env_kwargs import parse_kwargs
        from worldsim.errors import BadInput

        dream = {"temperature": self.temperature, "horizon": self.horizon}
        kwargs = parse_kwargs(self.env_kwargs) | {name: value for name, value in dream.items() if value is not None}
        if self.horizon is not None and self.horizon < 1:
            raise BadInput(f"--horizon must be at least 1, got {self.horizon}")
        if self.algo.lower() == "cma":
            if self.num_envs is not None or self.policy is not None:
                raise BadInput(
                    "--num-envs and --policy are for Stable-Baselines3; cma has --hyperparameters popsize and rollouts"
                )
            self.evolve(kwargs, parse(self.hyperparameters))
            return
        if self.start_from is not None:
            raise BadInput(f"--start-from is for cma, got --algo {self.algo}; the same --out goes on with more --steps")
        agent = train_agent(
            self.inside,
            self.algo,
            self.steps,
            self.seed,
            self.out,
            self.num_envs,
            self.observation,
            self.through,
            self.policy,
            kwargs,
            parse(self.hyperparameters),
            self.checkpoint_every,
            self.threads,
            self.device,
            progress=True,
        )
        about, seconds = agent.about, max(agent.about["seconds"], 1e-9)
        last = "" if about["return"] is None else f", return {about['return']:.2f} over its last 100 episodes"
        print(
            f"{self.out}: {self.algo} in {agent.seat}, {about['steps']:,} steps in {seconds:,.0f} s "
            f"({about['steps'] / seconds:,.0f} steps/s, {about['threads']} threads){last}"
        )
        print(f"next: worldsim evaluate {self.out}")

    def evolve(self, kwargs: dict[str, Any], hyperparameters: dict[str, Any]) -> None:
        """CMA-ES."""
        from worldsim.agents.cma import train_cma

        agent = train_cma(
            self.inside,
            self.steps,
            self.seed,
            self.out,
            self.observation,
            self.through,
            kwargs,
            hyperparameters,
            self.workers,
            self.ray,
            self.threads,
            progress=True,
            start_from=self.start_from,
        )
        about, seconds = agent.about, max(agent.about["seconds"], 1e-9)
        best = max(about["scores"], key=lambda score: score["mean"])
        print(
            f"{self.out}: cma in {agent.seat}, {about['parameters']:,} parameters, {about['generations']} generations, "
            f"{about['steps']:,} steps in {seconds:,.0f} s; best mean controller {best['mean']:.2f} "
            f"(sd {best['sd']:.2f}, {best['n']:,} episodes)"
        )
        print(f"next: worldsim evaluate {self.out}")
