"""Elements, spaces and states, against the tables that the seed system was measured with."""

# ruff: noqa: ANN401 -- fixtures and cases are of any type

from __future__ import annotations

import ast
import copy
import pickle
import re
import warnings
from typing import Any

import numpy as np
import pytest
from gymnasium.spaces import Discrete
from taskloom_hci.errors import (
    ElementAssignmentWarning,
    HciError,
    NotContainedError,
    NotContainedWarning,
    ShapeError,
    SpaceNotSeparableError,
    UnknownKeyError,
)
from taskloom_hci.observation.engine import (
    ASSISTANT_VIEW,
    BLIND,
    ORACLE,
    TASK_ONLY,
    USER_VIEW,
    CascadedObservation,
    Look,
    RuleObservation,
)
from taskloom_hci.state.elements import (
    Element,
    array_element,
    cat_element,
    discrete_array_element,
    strictest,
)
from taskloom_hci.state.filtering import filtered
from taskloom_hci.state.saving import state_from_json, state_to_json
from taskloom_hci.state.spaces import (
    axis_space,
    box_space,
    cartesian_product,
    cast,
    integer_set,
    integer_space,
    members,
    numeric,
    sample,
)
from taskloom_hci.state.state import State, flatten
from taskloom_hci.state.streams import Stream

MAKERS: dict[str, Any] = {
    "cat": lambda **kw: cat_element(kw["N"], out_of_bounds_mode=kw["mode"]),
    "disc": lambda **kw: discrete_array_element(
        low=kw["low"], high=kw["high"], init=0, out_of_bounds_mode=kw["mode"]
    ),
    "cont": lambda **kw: array_element(
        (), 0, low=kw["low"], high=kw["high"], out_of_bounds_mode=kw["mode"]
    ),
}


def test_out_of_bounds_follow_the_table(cases: Any) -> None:
    for case in cases("elements")["oob"]:
        state = State(x=MAKERS[case["kind"]](**ast.literal_eval(case["el"]), mode=case["mode"]))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            if case["error"] is not None:
                with pytest.raises(NotContainedError):
                    state["x"] = case["assign"]
                assert state["x"] == 0
                continue
            state["x"] = case["assign"]
        assert state["x"] == case["result"], case
        kinds = [warning.category for warning in caught]
        assert kinds == [NotContainedWarning] * len(case["warned"])


def test_casts_follow_the_table(cases: Any) -> None:
    def space(text: str) -> Any:
        kind, low, high = re.fullmatch(r"(\w+)\[(.+),(.+)\]", text).groups()  # type: ignore[union-attr]
        if kind == "discrete":
            return numeric([int(low)], [int(high)], dtype=np.int64)
        return numeric([float(low)], [float(high)], dtype=np.float64)

    for case in cases("elements")["cast"]:
        source, target = space(case["frm"]), space(case["to"])
        for mode in ("center", "edges"):
            expected = case.get(mode, case.get("result"))
            result = cast([case["value"]], source, target, mode)
            np.testing.assert_allclose(result, expected, atol=1e-12, rtol=0, err_msg=str(case))


def test_casts_refuse_what_cannot_be_carried() -> None:
    with pytest.raises(HciError, match="equally many"):
        cast(1, integer_space(3), integer_space(4))
    with pytest.raises(HciError, match="unbounded"):
        cast([1.0], numeric([-np.inf], [np.inf]), numeric([0.0], [1.0]))
    with pytest.raises(ShapeError):
        cast([1.0, 2.0], numeric([0.0], [1.0]), numeric([0.0], [1.0]))


def test_arithmetic_leaves_plain_values_and_assignment_applies_the_mode(cases: Any) -> None:
    table = cases("elements")["misc"]
    state = State(x=discrete_array_element(low=0, high=4, init=2, out_of_bounds_mode="clip"))
    assert state["x"] + 5 == table["x+5"][1]
    assert type(state["x"] + 5) is np.int64
    state["x"] += 5
    assert state["x"] == table["x+=5 (clip 0..4)"][1]


def test_products_follow_the_table(cases: Any) -> None:
    table = cases("elements")["misc"]["cartesian"]
    product, shapes = cartesian_product(integer_space(3, 1), integer_space(3, -3))
    assert [list(map(int, row)) for row in product] == table["cp"]
    assert [list(shape) for shape in shapes] == table["shapes"]
    assert cartesian_product(box_space(1.0), integer_set(2))[0] == [(None, 0), (None, 1)]


def example_game() -> dict[str, Any]:
    return {
        "game_info": {"turn_index": 0, "round_index": 0},
        "task_state": {"position": 2, "targets": np.array([0, 1])},
        "user_state": {"goal": 0},
        "assistant_state": {"beliefs": np.full(8, 1 / 8)},
        "user_action": {"action": 0},
        "assistant_action": {"action": 2},
    }


def test_ready_specifications_follow_the_table(cases: Any) -> None:
    table = cases("elements")["misc"]
    for name, look in (
        ("oracle", ORACLE),
        ("blind", BLIND),
        ("task", TASK_ONLY),
        ("user", USER_VIEW),
        ("assistant", ASSISTANT_VIEW),
    ):
        seen, reward = RuleObservation(look).observe(example_game(), Stream(0))
        assert {part: sorted(entries) for part, entries in seen.items()} == table[f"spec_{name}"]
        assert reward == 0.0


def test_rules_apply_in_order(cases: Any) -> None:
    looks = [
        Look("task_state"),
        Look("user_state", "goal", rule=lambda value, game: value + game["task_state"]["position"]),
    ]
    seen, _ = RuleObservation(looks).observe(example_game(), Stream(0))
    expected = cases("elements")["misc"]["rule_obs"]
    np.testing.assert_equal(
        seen, {**expected, "task_state": {"position": 2, "targets": np.array([0, 1])}}
    )
    noisy = RuleObservation(
        [Look("task_state", "targets", index=slice(0, 1))],
        rules={("task_state", "targets"): lambda value, game: value * 10 + 1},
        noises={("task_state", "targets"): lambda value, game, stream: value + stream.integer(1)},
    )
    assert noisy.observe(example_game(), Stream(0))[0]["task_state"]["targets"].tolist() == [1]
    both = CascadedObservation(
        [RuleObservation(TASK_ONLY), RuleObservation([Look("task_state", "position")])]
    )
    assert both.observe(example_game(), Stream(0)) == ({"task_state": {"position": 2}}, 0.0)
    with pytest.raises(UnknownKeyError, match="no part"):
        both.engines[1].observe({"user_state": {}}, Stream(0))


def test_continuous_samples_are_uniform_and_unbounded_ones_normal() -> None:
    # B16: an unbounded axis was drawn from [1, 2]; the mean of 4,000 has a standard error of 0.009.
    stream = Stream(11)
    bounded = np.array([sample(numeric([-1.0], [1.0]), stream)[0] for _ in range(4000)])
    assert abs(bounded.mean()) < 0.05
    assert abs(bounded.var() - 1 / 3) < 0.025
    free = np.concatenate(
        [sample(numeric(np.full(100, -np.inf), np.full(100, np.inf)), stream) for _ in range(200)]
    )
    assert abs(free.mean()) < 0.035
    assert abs(free.var() - 1.0) < 0.05
    above = np.concatenate(
        [sample(numeric(np.full(100, 3.0), np.full(100, np.inf)), stream) for _ in range(200)]
    )
    assert above.min() >= 3.0
    assert abs(above.mean() - 4.0) < 0.04


def test_integer_samples_reach_both_ends() -> None:
    stream = Stream(5)
    values = {int(sample(integer_space(3, -1), stream)) for _ in range(100)}
    assert values == {-1, 0, 1}
    assert {int(sample(Discrete(3, start=4), stream)) for _ in range(100)} == {4, 5, 6}


def test_spaces_of_several_axes_can_be_listed() -> None:
    # B18: only one-dimensional discrete spaces could be enumerated.
    grid = members(numeric([0, 5], [1, 7], dtype=np.int64))
    assert grid.tolist() == [[0, 5], [0, 6], [0, 7], [1, 5], [1, 6], [1, 7]]
    with pytest.raises(HciError, match="continuous"):
        members(box_space(1.0))
    with pytest.raises(HciError, match="more than"):
        members(integer_space(10**9))


def test_bounds_that_do_not_fit_are_refused() -> None:
    # B17: the error was returned instead of raised.
    with pytest.raises(ShapeError, match="one shape"):
        numeric([0, 0], [1, 1, 1])
    with pytest.raises(ShapeError, match="must not exceed"):
        numeric(3, 1)
    with pytest.raises(SpaceNotSeparableError):
        axis_space(integer_set(3), 0)
    assert axis_space(numeric([0, 1], [2, 3], dtype=np.int64), 1).high == 3


def test_integer_bounds_saturate() -> None:
    space = numeric(-np.inf, np.inf, dtype=np.int16)
    assert (space.low, space.high) == (-32768, 32767)


def test_modes_have_an_order() -> None:
    assert strictest("raw", "clip") == "clip"
    assert strictest("error", "clip") == "error"
    with pytest.raises(ShapeError, match="mode"):
        Element(Discrete(3), 0, "loud")  # type: ignore[arg-type]


def test_values_are_never_shared() -> None:
    given = np.array([1.0, 2.0])
    state = State(v=array_element((2,), low=0.0, high=9.0))
    state["v"] = given
    given[0] = 7.0
    assert state["v"][0] == 1.0
    seen = state.snapshot()
    with pytest.raises(ValueError, match="read-only"):
        seen["v"][0] = 3.0
    twin = pickle.loads(pickle.dumps(state))  # our own bytes
    assert twin.equals(state, "hard")
    assert not twin.snapshot()["v"].flags.writeable


def test_arrays_may_be_changed_in_place() -> None:
    # The seed's idiom; the mode of the element holds as soon as the state is looked at again.
    state = State(v=array_element((3,), low=0.0, high=4.0, out_of_bounds_mode="clip"))
    before = state.snapshot()
    state["v"][0] += 9
    assert state["v"].tolist() == [4.0, 0.0, 0.0]
    state["v"] += 1
    state["v"][1:] *= 3
    state.v[2] -= 1
    assert state.snapshot()["v"].tolist() == [4.0, 3.0, 2.0]
    assert before["v"].tolist() == [0.0, 0.0, 0.0]
    held = state["v"]
    held[0] = 2
    assert state["v"] is held
    after = state.snapshot()
    assert after["v"].tolist() == [2.0, 3.0, 2.0]
    with pytest.raises(ValueError, match="read-only"):
        held[0] = 1  # too late: a snapshot was taken
    other = copy.deepcopy(state)
    other["v"][0] = 1
    assert (state["v"][0], other["v"][0]) == (2.0, 1.0)
    again = pickle.loads(pickle.dumps(other))  # our own bytes
    assert again["v"].tolist() == [1.0, 3.0, 2.0]


def test_a_refused_change_in_place_changes_nothing() -> None:
    state = State(v=array_element((2,), low=0.0, high=4.0, out_of_bounds_mode="error"))
    state["v"][0] = 9
    with pytest.raises(NotContainedError, match="outside"):
        state.snapshot()
    assert state["v"].tolist() == [0.0, 0.0]


def test_states_are_filtered_like_the_seeds() -> None:
    state = State(
        task=State(x=discrete_array_element(4, init=2), y=array_element((2,), low=0.0, high=1.0)),
        goal=cat_element(3, init=1),
    )
    assert filtered(state, flat=True, keep={"task": ("x",), "goal": None}) == {
        "task__x": 2,
        "goal": 1,
    }
    assert set(filtered(state, remove=["goal"])["task"]) == {"x", "y"}
    assert set(filtered(state, remove={"task": ["y"]}, flat=True)) == {"task__x", "goal"}
    assert filtered(state, "gym", keep=["goal"])["goal"].shape == (1,)
    assert filtered(state, "space")["task"] == dict(state.task.space().spaces)
    element = filtered(state, "element")["task"]["x"]
    assert (element.init, element.mode) == (2, "warning")
    with pytest.raises(UnknownKeyError, match="no entry 'gaol' to filter"):
        filtered(state, keep=["gaol"])
    with pytest.raises(UnknownKeyError, match="filtered as"):
        filtered(state, "values")  # type: ignore[arg-type]


def test_wrong_shapes_and_kinds_are_refused() -> None:
    state = State(v=array_element((2,)), x=discrete_array_element(4))
    for key, value in (
        ("v", [1, 2, 3]),
        ("x", "much"),
        ("x", [1, 2]),
        ("x", float("inf")),
        ("v", None),
    ):
        with pytest.raises(ShapeError):
            state[key] = value
    with pytest.raises(UnknownKeyError, match="declare it first"):
        state["y"] = 3
    with pytest.raises(UnknownKeyError, match="no entry 'z'"):
        state["z"]


def test_replacing_an_element_needs_a_deletion() -> None:
    state = State(x=discrete_array_element(4))
    with pytest.warns(ElementAssignmentWarning):
        state["x"] = discrete_array_element(9, init=3)
    assert state.element("x").space == integer_space(4)
    assert state["x"] == 3
    del state["x"]
    state["x"] = discrete_array_element(9, init=8)
    assert state["x"] == 8


def test_states_nest_and_survive_json() -> None:
    state = State(
        a=State(v=array_element((2,), [0.5, 0.25], low=0.0, high=np.inf)),
        c=cat_element(3, 2),
        r=array_element((), 4, out_of_bounds_mode="raw"),
    )
    back = state_from_json(state_to_json(state))
    assert back.equals(state, "hard")
    assert back["r"].dtype == state["r"].dtype
    assert flatten(state.snapshot()).keys() == {"a__v", "c", "r"}
    assert state.a.v[1] == 0.25
    assert set(state.space()) == {"a", "c", "r"}
    back["a"]["v"] = [1.0, 1.0]
    assert not back.equals(state)


def test_nan_is_outside_every_space() -> None:
    clip = State(x=array_element((), 0.0, low=0.0, high=1.0, out_of_bounds_mode="clip"))
    with pytest.raises(NotContainedError):
        clip["x"] = float("nan")
