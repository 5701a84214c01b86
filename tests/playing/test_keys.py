"""Keys and controls: what is pressed, and what it means to environments of every kind."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

from worldsim.commands.play import Play
from worldsim.errors import BadInput
from worldsim.playing.controls import Choice, Chords, Controls, Parts, chord_of, controls_for
from worldsim.playing.keys import COMMANDS, Keyboard, command_for, command_table


class Shown(gym.Env[Any, Any]):
    """An environment that is only looked at."""

    def __init__(self, actions: gym.Space[Any], **methods: Any) -> None:
        self.action_space = actions
        for name, value in methods.items():
            setattr(self, name, lambda value=value: value)


def pressed(controls: Controls, *keys: str) -> Choice:
    keyboard = Keyboard(controls.twins)
    for key in keys:
        keyboard.press(key)
    return controls.choose(keyboard)


def test_every_key_has_one_command_and_the_help_names_it() -> None:
    keys = [key for command in COMMANDS for key in command.keys]
    assert len(keys) == len(set(keys))
    assert [command_for(key.removeprefix("shift+"), "shift+" in key, False) for key in keys] == [
        command.name for command in COMMANDS for _ in command.keys
    ]
    spelled = {"return": "Return", "tab": "Tab", "escape": "Escape", "pause": "Pause"}
    for key in keys:
        said = key.replace("shift+", "Shift+")
        said = said[:-1] + said[-1].upper() if len(key) == 1 or "+" in key else spelled.get(key, key.upper())
        assert said in (Play.__doc__ or "") or key == "=", key


def test_the_game_has_its_keys_and_ctrl_gives_them_back() -> None:
    taken = {"s", "e", "escape"}
    assert command_for("s", False, False, taken) is None
    assert command_for("s", False, True, taken) == "screenshot"
    assert command_for("f12", False, False, taken) == "screenshot"
    assert command_for("escape", False, False, taken) == "quit"
    table = {text: key for key, text in command_table({"s", "e", "g"}, dream=False, agent=False)}
    assert table["write a picture of the window"] == "F12"
    assert table["one step, then pause"] == "."
    assert table["write a gif of the last minute"] == "Ctrl+G"
    assert "next opening" not in table
    assert "person or agent plays" not in table
    assert len(command_table((), dream=True, agent=True)) == len(COMMANDS)


def test_shift_means_another_command_only_where_there_is_one() -> None:
    assert command_for("r", True, False) == "again"
    assert command_for("r", False, False) == "restart"
    assert command_for("=", True, False) == "hotter"  # "+" on many keyboards
    assert command_for("p", True, False) == "pause"


def test_a_tap_waits_for_the_game_and_taps_are_served_in_order() -> None:
    controls = Chords({frozenset({key}): i for i, key in enumerate(["left", "right", "up", "down"], 1)})
    keyboard = Keyboard()

    def step() -> int:
        choice = controls.choose(keyboard)
        keyboard.serve(choice.keys)
        return int(choice.action)

    keyboard.press("right")
    assert [step(), step()] == [2, 2]
    keyboard.press("up")
    keyboard.release("up")  # tapped between two steps while right is held
    assert [step(), step()] == [3, 2]
    keyboard.release("right")
    assert step() == 0
    for key in ("up", "left"):  # two taps between two steps: round a corner
        keyboard.press(key)
        keyboard.release(key)
    assert [step(), step(), step()] == [3, 1, 0]
    for key in ("up", "left", "up", "down", "right"):
        keyboard.press(key)
        keyboard.release(key)
    assert [step() for _ in range(4)] == [3, 4, 2, 0]  # no more than three wait
    keyboard.press("up")
    keyboard.clear()
    assert step() == 0


def test_the_longest_chord_wins_then_the_last_pressed() -> None:
    fire = {("w",): 2, ("d",): 3, (" ",): 1, ("d", " "): 11, (): 0}
    controls = Chords({chord_of(keys): action for keys, action in fire.items()})
    assert pressed(controls, "d").action == 3
    assert pressed(controls, "space", "d").action == 11
    assert pressed(controls, "right", "space").action == 11  # the arrow is the letter's twin
    keyboard = Keyboard(controls.twins)
    for key in ("w", "right"):
        keyboard.press(key)
    keyboard.serve({"w", "d"})
    assert controls.choose(keyboard).action == 3
    assert {"right", "up", "d", "w", "space"} <= controls.keys


@pytest.mark.parametrize(
    ("given", "keys"),
    [
        (("a", " "), {"a", "space"}),
        ("wd", {"w", "d"}),
        ("left", {"left"}),
        (276, {"left"}),
        ((275, 276), {"left", "right"}),
        ((), set()),
        ("", set()),
        ((97, 32), {"a", "space"}),
    ],
)
def test_what_environments_call_keys(given: Any, keys: set[str]) -> None:
    assert chord_of(given) == keys


@pytest.mark.parametrize(
    ("id", "key", "action", "label"),
    [
        ("CartPole-v1", "right", 1, "right"),
        ("CartPole-v1", "a", 0, "left"),
        ("MountainCar-v0", "right", 2, "right"),
        ("MountainCar-v0", "", 1, "action 1"),
        ("WorldSim/PacMan-v0", "left", 1, "left"),
        ("WorldSim/PacMan-v0", "w", 3, "up"),
        ("WorldSim/PacMan-v0", "down", 4, "down"),
        ("WorldSim/PacMan-v0", "", 0, "stay"),
    ],
)
def test_keys_of_known_environments(id: str, key: str, action: int, label: str) -> None:
    env = gym.make(id)
    choice = pressed(controls_for(env), *filter(None, [key]))
    assert (choice.action, choice.label) == (action, label)
    assert env.action_space.contains(choice.action)
    env.close()


def test_discrete_actions_without_any_hint_have_number_keys() -> None:
    controls = controls_for(Shown(spaces.Discrete(6, start=2), get_action_meanings=["NOOP", "FIRE"]))
    assert pressed(controls, "4").action == 6
    assert pressed(controls).action == 2
    assert pressed(controls_for(Shown(spaces.Discrete(3))), "right").action == 2
    assert pressed(controls_for(Shown(spaces.Discrete(3)))).action == 1  # of left, stay and right
    assert pressed(controls_for(Shown(spaces.Discrete(3), get_action_meanings=["NOOP", "UP", "DOWN"]))).action == 0
    named = controls_for(Shown(spaces.Discrete(2), get_action_meanings=["NOOP", "FIRE"]))
    assert ("1", "fire") in named.table()


def test_a_car_steers_with_the_arrows() -> None:
    space = spaces.Box(np.array([-1, 0, 0], np.float32), np.ones(3, np.float32))
    controls = controls_for(Shown(space))
    assert pressed(controls).action.tolist() == [0, 0, 0]
    assert pressed(controls, "left", "w").action.tolist() == [-1, 1, 0]
    assert pressed(controls, "down", "right").action.tolist() == [1, 0, 1]
    assert space.contains(pressed(controls, "up").action)


@pytest.mark.parametrize(
    ("space", "keys", "action"),
    [
        (spaces.Box(-2, 2, (1,), np.float32), ["right"], [2]),
        (spaces.Box(-2, 2, (1,), np.float32), ["right", "left"], [-2]),
        (spaces.Box(-np.inf, np.inf, (2,), np.float32), ["left", "up"], [-1, 1]),
        (spaces.Box(1, 3, (2,), np.float32), [], [1, 1]),
        (spaces.MultiBinary(3), ["1", "3"], [1, 0, 1]),
        (spaces.MultiDiscrete([3, 2]), ["2", "3"], [2, 1]),
    ],
)
def test_vector_actions(space: gym.Space[Any], keys: list[str], action: list[float]) -> None:
    choice = pressed(controls_for(Shown(space)), *keys)
    assert choice.action.tolist() == action
    assert space.contains(choice.action)
    assert isinstance(controls_for(Shown(space)), Parts)


def test_actions_that_no_key_can_give() -> None:
    with pytest.raises(BadInput, match="play has keys for Discrete"):
        controls_for(Shown(spaces.Text(5)))
