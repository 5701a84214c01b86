"""play(): a real environment or a dream in a window, by hand, by script or by an agent."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium
from gymnasium import Env

from worldsim.bundled import bundled
from worldsim.errors import BadInput
from worldsim.playing.controls import controls_for
from worldsim.playing.key_script import KeyScript
from worldsim.playing.player import Beginning, Player, Transition
from worldsim.playing.saved_agent import SavedAgent
from worldsim.playing.session import STEADY, Session, number
from worldsim.playing.window import PlayerWindow, check_display, quiet_sdl


class Played(NamedTuple):
    """What came of a session."""

    steps: int
    episodes: int  # that ended
    score: float  # of the last episode
    steps_per_second: float  # while it was not paused
    refreshes_per_second: float  # of the window
    step_milliseconds: float  # the environment with its picture, mean
    draw_milliseconds: float  # the window, mean
    written: tuple[Path, ...]
    is_dream: bool

    def __str__(self) -> str:
        """One line for a person."""
        return (
            f"played {self.steps} steps, {self.episodes} whole episodes, last score {number(self.score)}; "
            f"{self.steps_per_second:.1f} steps/s, window {self.refreshes_per_second:.1f} pictures/s, "
            f"step {self.step_milliseconds:.2f} ms, draw {self.draw_milliseconds:.2f} ms"
        )


def play(
    env: str | Path | Env[Any, Any],
    *,
    env_kwargs: dict[str, Any] | None = None,
    fps: float | None = None,
    size: int = 672,
    seed: int | Iterator[int] | None = None,
    opening: int | None = None,
    temperature: float = 1.0,
    horizon: int | None = None,
    agent: str | Path | Callable[[Any], Any] | None = None,
    wait: bool = False,
    again: float | None = None,
    episodes: int | None = None,
    steps: int | None = None,
    headless: bool = False,
    script: str = "",
    gif: Path | None = None,
    screenshot: Path | None = None,
    folder: Path = Path(),
    components: bool = False,
    background: Path | None = None,
    foreground: Path | None = None,
    show: Callable[[str], None] | None = None,
    on_reset: Callable[[Beginning], None] | None = None,
    on_step: Callable[[Transition], None] | None = None,
) -> Played:
    """Play until the window is closed.

    Args:
        env: a gymnasium id, a world folder, a bundled world's name, or an environment made with "rgb_array".
        env_kwargs: more arguments for an environment given by its name.
        fps: steps a second; the environment's own pace if None.
        size: pixels of the picture's longer side, about; of a gif's too, up to 336.
        seed: of the first episode, the later ones count up; a random one if None; or an iterator of seeds.
        opening: of the first episode of a dream.
        temperature: of a dream.
        horizon: steps after which an episode of a dream is cut; None never.
        agent: the folder of ``worldsim train-agent``, a saved Stable-Baselines3 model, or a function observation ->
            action; plays until the person takes over. One that learned on a world's features sees a real environment
            through that world.
        wait: a game in turns: nothing moves until a key asks for an action.
        again: seconds after which a finished episode begins anew; None waits for the person.
        episodes: stop after so many episodes, whole ones or cut short after at least one step.
        steps: stop after so many steps' time.
        headless: draw into memory, as fast as it goes; needs ``steps`` or ``episodes``.
        script: keys to press, see `worldsim.playing.key_script.parse`.
        gif: write the last minute here at the end.
        screenshot: write the window here at the end.
        folder: where the keys for gif and screenshot write.
        components: show what a GameGAN's picture is made of beside it.
        background: an image that a GameGAN's static component shows where it is dark.
        foreground: an image in whose colours a GameGAN's dynamic component is drawn.
        show: is given the table of keys before the game begins (print).
        on_reset: called at the beginning of every episode; a person may cut one short and begin another.
        on_step: called after every step; `worldsim.data.human` records with these two.

    Example:
        >>> play("CartPole-v1", headless=True, steps=20, script="right*5,left*5", seed=0).steps
        20
    """
    if headless and steps is None and episodes is None:
        raise BadInput("a session without a window needs an end: steps or episodes")
    for path, kinds in ((gif, (".gif",)), (screenshot, (".png", ".jpg", ".jpeg", ".bmp"))):
        if path is not None and not path.resolve().parent.is_dir():
            raise BadInput(f"cannot write {path}: there is no folder {path.resolve().parent}")
        if path is not None and path.suffix.lower() not in kinds:
            raise BadInput(f"expected a file name that ends with {' or '.join(kinds)}, got {path}")
    act = SavedAgent(agent) if isinstance(agent, str | Path) else agent
    with contextlib.ExitStack() as opened:
        opened.enter_context(quiet_sdl(headless))
        if isinstance(env, Env):
            name = env.spec.id if env.spec else "play"
        else:
            name = str(env)
            env = open_environment(env, temperature, horizon, act, env_kwargs)
            opened.callback(env.close)
        check_display()  # after the name: a wrong one is the user's first mistake
        if components or background or foreground:
            from worldsim.playing.components import ComponentView  # needs torch, which other games do without

            env = ComponentView(env, components, background, foreground)
        if isinstance(act, SavedAgent):
            env, on_reset = act.look(env), _told_first(act, on_reset)
        player = Player(env, seed, opening, on_reset, on_step)
        window = PlayerWindow(f"{name} - worldsim", player.frame.shape, size)
        opened.callback(window.close)  # before the environment, which may end pygame as a whole
        controls = controls_for(env)
        fps = fps or float(env.metadata.get("render_fps") or STEADY)
        if headless:
            again = again or 0.0
        refresh = 0.0 if headless else STEADY
        session = Session(player, window, controls, fps, name, act, folder, wait, again, refresh, size)
        opened.callback(session.close)
        if not headless:
            session.say(next(f"{keys} {text}" for keys, text in session.keys if "hides the keys" in text))
        if show is not None:
            show(table(session.keys))
        seconds = run(session, KeyScript(script, window, controls), steps, episodes, in_real_time=not headless)
        if screenshot is not None:
            session.draw()
            window.save(screenshot)
            session.written.append(screenshot)
        if gif is not None:
            session.film.write(gif)
            session.written.append(gif)
    return Played(
        session.steps,
        player.finished,
        player.score,
        session.pace,
        session.draws / seconds if seconds else 0.0,
        1000 * session.step_seconds / max(1, session.steps),
        1000 * session.draw_seconds / max(1, session.draws),
        tuple(session.written),
        player.is_dream,
    )


def run(session: Session, script: KeyScript, steps: int | None, episodes: int | None, in_real_time: bool) -> float:
    """Refresh until somebody quits or a limit is reached; returns the seconds it took."""
    began = deadline = time.perf_counter()
    every, player = session.refreshes_per_step, session.player
    refreshes = 0
    with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C in the terminal is one more way to close the window
        while not session.done and (steps is None or refreshes < steps * every):
            if episodes is not None and player.finished + player.cut_short >= episodes:
                break
            if refreshes % every == 0:
                script.advance()
            session.refresh()
            refreshes += 1
            if in_real_time:
                deadline += 1.0 / (session.fps * every)
                late = time.perf_counter() - deadline
                if late < 0:
                    time.sleep(-late)
                elif late > 0.25:  # the machine was busy: go on from now, do not hurry after the lost time
                    deadline += late
    return time.perf_counter() - began


def open_environment(
    name: str | Path,
    temperature: float = 1.0,
    horizon: int | None = None,
    agent: Callable[[Any], Any] | None = None,
    env_kwargs: dict[str, Any] | None = None,
) -> Env[Any, Any]:
    """A gymnasium id, a world folder or a bundled world as an environment that draws pictures, made for ``agent``."""
    id = str(name)
    options = dict(env_kwargs or {})
    if (Path(name) / "config.json").is_file() or id in bundled() or id.startswith("hf:"):
        id, options["model"] = "WorldSim/Dream-v0", id
    elif Path(name).exists():
        raise BadInput(f"expected a world folder with a config.json, got {name}; train one with: worldsim train")
    module, _, id = id.rpartition(":")
    try:
        if module:
            import_module(module)
        spec = gymnasium.spec(id)
    except (gymnasium.error.Error, ImportError) as error:
        near = get_close_matches(str(name), [*bundled(), *gymnasium.registry], 1, 0.8)
        hint = f"; did you mean {near[0]}?" if near else ""
        why = "" if isinstance(error, gymnasium.error.NamespaceNotFound) else f" ({error})"
        raise BadInput(
            f"{name} is no gymnasium id, world folder or bundled world{why}{hint}; see: worldsim list"
        ) from None
    if str(spec.entry_point).startswith("worldsim.envs.dream:"):
        options = {"temperature": temperature, "horizon": horizon, **options}
        if isinstance(agent, SavedAgent):
            options.setdefault("observation", agent.dream_observation)
    elif temperature != 1.0 or horizon is not None:
        raise BadInput(f"{id} is a real environment: it has no temperature and no horizon, only dreams have")
    elif isinstance(agent, SavedAgent):
        options = agent.env_kwargs(id, options)
    try:
        return gymnasium.make(id, render_mode="rgb_array", disable_env_checker=True, **options)
    except TypeError as error:  # a constructor without render_mode
        raise BadInput(
            f'{id} cannot be made with render_mode="rgb_array", so there is nothing to see: {error}'
        ) from None


def _told_first(agent: SavedAgent, on_reset: Callable[[Beginning], None] | None) -> Callable[[Beginning], None]:
    """``on_reset`` that also tells the agent."""

    def told(beginning: Beginning) -> None:
        agent.begin(beginning.seed)
        if on_reset is not None:
            on_reset(beginning)

    return told


def table(keys: list[tuple[str, str]]) -> str:
    """The table of keys as text."""
    width = max(len(key) for key, _ in keys)
    return "\n".join(f"  {key:<{width}}  {text}" for key, text in keys)
