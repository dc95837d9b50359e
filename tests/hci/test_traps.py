"""The seed system's defects and the traps of this field, each with the tests that keep them away."""

# ruff: noqa: ANN401 -- fixtures are of any type

from __future__ import annotations

import ast
import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from taskloom_hci.batch.play import NUMBA_FROM, choose_backend
from taskloom_hci.bundle.agent import Agent
from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.bundle.turns import NAMES, Turn
from taskloom_hci.errors import HciError, UnknownKeyError
from taskloom_hci.games.simple import Example
from taskloom_hci.policies.policy import ConstantPolicy
from taskloom_hci.state.elements import discrete_array_element
from taskloom_hci.state.saving import state_from_json, state_to_json
from taskloom_hci.state.state import State

# What was found in CoopIHC at its head, row by row.
DEFECTS = {
    "B1 the error rate of the careful user is ignored": (
        "information: the_careful_user_errs_at_its_rate",
    ),
    "B2 asking the assistant changes what it had seen": ("bundle: a_query_leaves_the_game_alone",),
    "B3 all hypotheses share one object, so nothing tells anything": (
        "information: hypotheses_do_not_share_one_state",
    ),
    "B4 an engine that is set later is not used": ("bundle: an_engine_set_later_is_used",),
    "B5 misspelt keywords are ignored": (
        "bundle: an_unknown_keyword_is_refused",
        "compat: agents_of_the_seed_keep_their_signatures",
    ),
    "B6 recorded trajectories show the last state only": (
        "bundle: observations_are_snapshots",
        "batch: recorded_rounds_are_real_trajectories",
        "compat: arrays_of_a_task_change_in_place",
    ),
    "B7 seeds fix nothing": (
        "bundle: equal_seeds_play_equal_games_and_others_do_not",
        "exports: equal_seeds_step_alike_in_gymnasium",
    ),
    "B8 check_env and api_test fail": (
        "exports: gymnasium_accepts_every_task",
        "exports: pettingzoo_accepts_every_task",
    ),
    "B9 scalar noise crashes, noise cannot be switched off, costs have two signs": (
        "motor: shapes_of_noise_are_checked",
        "motor: noise_off_means_no_noise",
        "motor: rewards_of_both_users_are_negative_costs",
    ),
    "B10 LQG from random gains ends at a wrong fixed point": (
        "motor: lqg_finds_the_right_branch_from_every_start",
        "motor: lqg_gains_are_a_fixed_point_of_the_published_equations",
    ),
    "B11 observation noise has the wrong power of the time step": (
        "motor: noise_scales_with_the_square_root_of_the_step",
    ),
    "B12 the finite-horizon regulator never sets its gain": (
        "motor: long_horizons_end_at_the_infinite_one",
        "games: linear_feedback_follows_its_gains",
    ),
    "B13 policies and tasks print": ("bundle: playing_prints_nothing",),
    "B14 importing needs optional packages": (
        "exports: importing_the_domain_needs_three_packages",
    ),
    "B15 bundles cannot be pickled": ("bundle: bundles_can_be_pickled_and_go_on_alike",),
    "B16 unbounded spaces are sampled from [1, 2]": (
        "elements: continuous_samples_are_uniform_and_unbounded_ones_normal",
    ),
    "B17 an error is returned instead of raised": ("elements: bounds_that_do_not_fit_are_refused",),
    "B18 information gain works in one dimension only": (
        "elements: spaces_of_several_axes_can_be_listed",
        "information: questions_can_be_of_any_shape",
    ),
    "B19 the assistant's observation goes into the user's memory": (
        "bundle: an_observation_given_to_one_agent_stays_there",
    ),
    "B20 a reset to a later turn throws rewards and the end away": (
        "bundle: reset_keeps_what_it_earned",
    ),
    "B21 Leitner never introduces an item, the myopic teacher counts one repetition too many": (
        "games: leitner_introduces_new_items",
        "games: teacher_and_user_count_repetitions_alike",
    ),
    "B22 a typo when a state is written": ("traps: a_state_is_written_without_a_warning",),
    "B22 cascaded inference reads the user's state for assistants": (
        "inference: cascaded_engines_hand_their_state_on",
    ),
    "B22 predicting many returns the last": ("traps: predicting_many_returns_all",),
    "B22 attributes of what was not initialised overflow the stack": (
        "bundle: a_task_that_forgot_its_constructor_is_named",
        "traps: what_was_never_initialised_has_no_attributes",
    ),
}

TRAPS = {
    "two meanings of turn": ("traps: a_turn_is_an_index_or_a_name_and_nothing_else",),
    "learners need plain actions, and libraries their own rules of reset and death": (
        "exports: gymnasium_accepts_every_task",
        "exports: pettingzoo_accepts_every_task",
        "exports: actions_outside_the_space_are_refused",
    ),
    "types are lost on the way through JSON": ("elements: states_nest_and_survive_json",),
    "ties are common among questions": ("information: ties_have_a_rule",),
    "a batch must draw what single games draw": (
        "batch: kernels_play_what_the_bundle_plays",
        "batch: normal_numbers_are_the_same_everywhere",
        "batch: exponentials_are_the_same_everywhere",
    ),
    "compiling takes longer than short runs": ("traps: short_runs_are_not_compiled",),
    "two laws of visual noise": ("games: eyes_see_worse_away_from_the_fixation",),
    "noise of a motor system per step or per second": (
        "motor: noise_scales_with_the_square_root_of_the_step",
    ),
}


def names_in(area: str) -> set[str]:
    tree = ast.parse((Path(__file__).parent / f"test_{area}.py").read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("row", [*DEFECTS.items(), *TRAPS.items()], ids=lambda row: row[0])
def test_every_defect_and_trap_has_its_test(row: tuple[str, tuple[str, ...]]) -> None:
    for reference in row[1]:
        area, name = reference.split(": ")
        assert f"test_{name}" in names_in(area)


def test_the_table_of_defects_is_complete() -> None:
    assert {int(row.split()[0][1:]) for row in DEFECTS} == set(range(1, 23))


def test_a_state_is_written_without_a_warning() -> None:
    # Warnings are errors here; CoopIHC called a function of `warnings` that does not exist.
    state = State(x=discrete_array_element(low=-1, high=4, init=2), inner=State())
    assert state_from_json(state_to_json(state)).equals(state, "hard")
    with pytest.raises(HciError, match="no entry 'y'"):
        state["y"]


def test_predicting_many_returns_all(make_pointing: Any) -> None:
    bundle = make_pointing(shape=(9,), targets=3)
    seen = []
    for episode in range(6):
        bundle.reset(go_to=1, episode=episode)
        seen.append(bundle.user.observation)
    bundle.reset(go_to=1, episode=0)
    many, state = bundle.user.predict(seen)
    assert state is None
    assert many.shape == (6,)
    assert many.tolist() == [int(bundle.user.predict(one)[0]) for one in seen]
    assert len(set(many.tolist())) > 1
    before = bundle.user.stream.counter
    bundle.user.predict(seen, deterministic=False)
    assert bundle.user.stream.counter == before + 6


def test_what_was_never_initialised_has_no_attributes() -> None:
    bare = State.__new__(State)
    with pytest.raises(AttributeError):
        bare.anything  # noqa: B018 -- looking is the test
    assert isinstance(copy.copy(State(x=discrete_array_element(3))), State)

    class Forgetful(Example):
        def __init__(self) -> None:
            pass

    with pytest.raises(AttributeError, match="anything"):
        Forgetful().anything  # type: ignore[attr-defined] # noqa: B018 -- looking is the test


def test_a_turn_is_an_index_or_a_name_and_nothing_else() -> None:
    up = discrete_array_element(low=-1, high=1, init=1)
    bundle = Bundle(Example(), Agent("user", policy=ConstantPolicy(up)))
    bundle.reset()
    for turn in (1, "after_user_action", Turn.ASSISTANT_ACT):
        bundle.step(go_to=turn)
    assert bundle.turn is Turn.ASSISTANT_ACT
    assert NAMES[bundle.turn] == "before_assistant_action"
    before = bundle.snapshot()
    for wrong in (4, -1, 1.5, "user", "0"):
        with pytest.raises(UnknownKeyError, match="no turn"):
            bundle.step(go_to=wrong)  # type: ignore[arg-type]
    np.testing.assert_equal(bundle.snapshot(), before)


def test_short_runs_are_not_compiled(make_pointing: Any) -> None:
    pytest.importorskip("numba")
    bundle = make_pointing()
    assert choose_backend(bundle, NUMBA_FROM - 1) == "numpy"
    assert choose_backend(bundle, NUMBA_FROM) == "numba"
