"""Open loop, home and calibration against the game itself, whose errors are known to be none."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.worlds import spatial_world
from worldsim.metrics.calibration import Calibration, calibration_error
from worldsim.metrics.copying import copying
from worldsim.metrics.episodes import Episodes, imagined, play_episodes, replayed
from worldsim.metrics.games import DreamedGames, RealGames
from worldsim.metrics.home import apart, go_and_return, wall_pixels
from worldsim.metrics.obedience import counterfactual, real_counterfactual
from worldsim.metrics.open_loop import OpenLoop
from worldsim.metrics.reader import train_reader
from worldsim.metrics.reality import SEEDS, Reality
from worldsim.metrics.starts import LONGEST, first_starts, starts

FLAG = Reality("WorldSim/PacManFlag-v0")


@pytest.fixture(scope="module")
def episodes() -> Episodes:
    return play_episodes(FLAG, 40, 6, SEEDS, careful=True)


def test_an_episode_is_the_game_from_its_start(episodes: Episodes) -> None:
    np.testing.assert_array_equal(episodes.frames[0], episodes.starts.last)
    score = np.zeros(len(episodes))
    for t, shown in replayed(FLAG, episodes, 0, set()):  # number 0: the same chance
        on = episodes.alive[t]
        np.testing.assert_array_equal(shown.frames[on], episodes.frames[t][on])
        np.testing.assert_array_equal(shown.over, episodes.over[t])
        score += shown.rewards
    np.testing.assert_allclose(score, episodes.rewards.sum(0))


def test_other_chance_moves_ghosts_and_no_walls(episodes: Episodes) -> None:
    loop = OpenLoop(40, (0, 1, 5))
    loop.replay(FLAG, episodes, train_reader("arcade", 7))
    found = loop.findings()
    for what in ("walls wrong where it has looked", "walls wrong where it never looked", "food that returns"):
        assert found[f"{what}, step 5"].value == 0, what
    assert found["pixel error, step 0"].value == 0
    assert found["ghosts lost, step 5"].value > 0
    assert found["pixel error where it moved, step 5"].value > found["pixel error, step 5"].value > 0


def test_what_was_looked_at_is_known(episodes: Episodes) -> None:
    assert episodes.truth is not None
    known, on = episodes.truth.known, ~episodes.over
    assert known[0].all()
    assert known[1][on[1]].sum((1, 2)).min() == 42  # one step brings at most one line of seven cells into view
    assert known[1][on[1]].sum((1, 2)).max() == 49
    assert known[6][on[6]].mean() < known[1][on[1]].mean()


def test_the_baseline_earns_and_moves_nothing(episodes: Episodes) -> None:
    world = copying(spatial_world())
    shown = dict(imagined(world, episodes, 0, 0.5, "cpu", {0, 6}))  # a temperature means nothing to it
    np.testing.assert_array_equal(shown[6].frames, episodes.frames[0])
    loop = OpenLoop(40, (0, 5))
    loop.dream(world, episodes, train_reader("arcade", 7), 0, 1.0, "cpu")
    found = loop.findings()
    assert found["score off by, step 5"].value == pytest.approx(np.abs(episodes.rewards[:5].sum(0)).mean())
    assert found["walls wrong where it has looked, step 5"].value > 0.1
    assert "drift of the state, step 5" not in found


def test_a_world_follows_what_it_is_shown(episodes: Episodes) -> None:
    """After its start it knows the last frame, and its features part from those of what happens."""
    loop = OpenLoop(40, (0, 1))
    loop.dream(spatial_world(), episodes, train_reader("arcade", 7), 0, 1.0, "cpu")
    found = loop.findings()
    assert 0 < found["drift of the state, step 1"].n <= 40
    assert found["drift of the state, step 1"].value > 0
    state = episodes.starts.followed(spatial_world().model, "cpu")
    assert len(state["codes"]) == len(episodes)
    codes = spatial_world().model.vision.encode(torch.from_numpy(episodes.starts.last))
    np.testing.assert_array_equal(state["codes"], codes)


def test_starts_are_the_same_every_time_and_all_alive() -> None:
    one, other = first_starts(FLAG, 50, 3), first_starts(FLAG, 50, 3)
    assert len(one) == 50
    np.testing.assert_array_equal(one.frames, other.frames)
    assert one.truth is not None
    assert (one.truth.outcome == 0).all()
    assert (one.truth.age == one.steps).all()
    assert one.steps.min() >= 1
    assert one.steps.max() <= LONGEST
    first, second = next(batches := starts(FLAG, 20, 3)), next(batches)
    assert set(first.seeds).isdisjoint(second.seeds)


def test_games_are_replaced_as_they_end() -> None:
    world = spatial_world()
    real, dream = RealGames(FLAG, 30, 0), DreamedGames(world, FLAG, 30, 0, 1.0, "cpu")
    for games in (real, dream):
        ended = 0
        for _ in range(45):  # no game lasts longer
            turn = games.step(np.random.default_rng(0).integers(0, 5, 30))
            assert turn.frames.shape == (30, 84, 84, 3)
            ended += int(turn.ended.sum())
        assert ended > 30
        assert turn.age.max() < 45
        assert turn.age.min() < 30


def test_coming_home_in_the_real_game_changes_no_wall() -> None:
    begin = first_starts(Reality("WorldSim/PacManMaze-v0"), 20, 0)
    games = RealGames(Reality("WorldSim/PacManMaze-v0"), 20, 0)
    assert begin.truth is not None
    games.begin_at(begin.truth)
    found = go_and_return(games, train_reader("arcade", 7), "arcade", 4, 0)
    assert found["walls not as they were, 4 moves and back"].value == 0
    assert found["walls not as they were, 4 moves and back"].n == 20
    assert found["moves made, 4 moves and back"].value == 1
    np.testing.assert_array_equal(games.game.state.player, begin.truth.player)  # type: ignore[union-attr]


def test_the_distance_of_walls_by_hand() -> None:
    one, other = np.zeros((2, 4, 4), bool), np.zeros((2, 4, 4), bool)
    one[0, :2], other[1, 0] = True, True
    np.testing.assert_allclose(apart(one, other), [8 / 9, 4 / 1])
    frame = np.zeros((1, 2, 2, 3), np.uint8)
    frame[0, 0, 0], frame[0, 1, 1] = (30, 40, 170), (255, 184, 174)  # a wall's blue, food
    assert wall_pixels(frame, "arcade").tolist() == [[[True, False], [False, False]]]


def test_another_action_with_the_same_noise() -> None:
    begin, reader = first_starts(FLAG, 30, 1), train_reader("arcade", 7)
    should, should_not = real_counterfactual(FLAG, begin, reader, 0).values()
    assert (should.value, should_not.value) == (1, 0)
    assert should.n > 100
    should, should_not = counterfactual(copying(spatial_world()), FLAG, begin, reader, 0, "cpu").values()
    assert (should.value, should_not.value) == (0, 0)


def test_calibration_of_the_game_and_of_the_baseline() -> None:
    played = play_episodes(FLAG, 60, 10, SEEDS + 100, careful=False)
    game, copy, happened = Calibration(60), Calibration(60), Calibration(60)
    game.replay(FLAG, played)
    copy.dream(copying(spatial_world()), played, 0, 1.0, "cpu")
    happened.happened(played)
    running = happened.findings()["still running after step 5"]
    assert running.value == pytest.approx(1 - played.over[5].mean())
    steps = int((~played.over[:10]).sum())
    ended = played.over[10].sum() / steps
    found = copy.findings()
    assert found["endings expected minus real, one step"].value == pytest.approx(-ended)
    assert found["calibration error of endings (ECE), one step"].value == pytest.approx(ended)
    assert found["Brier score of endings, one step"].n == steps
    assert game.findings()["Brier score of endings, one step"].value < 0.3 * ended


def test_calibration_error_by_hand() -> None:
    assert calibration_error(np.array([0.0, 0, 1, 1]), np.array([0.0, 0, 1, 1])) == 0
    assert calibration_error(np.full(4, 0.5), np.array([0.0, 1, 1, 1])) == pytest.approx(0.25)
    assert calibration_error(np.array([0.25, 0.75]), np.array([1.0, 0.0])) == pytest.approx(0.75)
