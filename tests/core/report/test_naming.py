"""Names of compared runs say what differs, and nothing else."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, strategies as st
from taskloom.report.naming import names_of, variants_of
from taskloom.runs import Run

MakeRun = Callable[..., Run]


class Recorded:
    """A run as naming sees it: a config and a record."""

    count = itertools.count()

    def __init__(self, config: Mapping[str, Any], name: str = "", task: str = "lab walk") -> None:
        self.config = config
        self.domain, _, self.task = task.partition(" ")
        number = next(self.count)
        self.id = f"20261121-021459-lab-walk-zz{number:04d}"
        self.record = self
        self.name, self.started, self.created = name, f"2026-11-21T02:14:{number % 60:02d}Z", ""


@pytest.mark.parametrize(
    ("tasks", "names"),
    [
        (["lab walk", "lab jump"], ["walk", "jump"]),
        (["lab walk", "sea swim"], ["lab walk", "sea swim"]),
        (["lab walk", "lab jump", "lab jump"], ["walk", "jump, height=1", "jump, height=2"]),
    ],
)
def test_runs_of_several_tasks_are_named_by_them_and_not_by_what_one_alone_has(
    tasks: list[str], names: list[str]
) -> None:
    own = {"walk": {"steps": 1, "gait": "slow"}, "swim": {"depth": 3}}
    configs = [own.get(task.split()[1], {"height": n}) for n, task in enumerate(tasks)]
    runs = [Recorded(one, task=task) for one, task in zip(configs, tasks, strict=True)]
    assert names_of(runs) == names  # type: ignore[arg-type]  # what naming reads


def config(**values: Any) -> dict[str, Any]:  # noqa: ANN401 -- JSON
    return {"seed": 0, "gait": {"kind": "slow", "speed": 0.5}, "steps": 10, **values}


def named(*configs: Mapping[str, Any]) -> list[str]:
    return names_of([Recorded(one) for one in configs])  # type: ignore[misc]  # what naming reads


@pytest.mark.parametrize(
    ("configs", "names"),
    [
        ([config(), config(steps=20)], ["steps=10", "steps=20"]),
        ([config(), config(gait={"kind": "fast", "speed": 0.5})], ["gait=slow", "gait=fast"]),
        # A value that only the other component has is no difference of its own.
        ([config(), config(gait={"kind": "hop", "height": 2})], ["gait=slow", "gait=hop"]),
        ([config(), config(gait=None)], ["gait=slow", "gait=none"]),
        ([config(), config(seed=1)], ["seed 0", "seed 1"]),
        (
            [config(), config(seed=1), config(steps=20)],
            ["steps=10, seed 0", "steps=10, seed 1", "steps=20, seed 0"],
        ),
        # The shortest end that no other differing path has.
        (
            [config(a={"w": 1}, b={"w": 1}), config(a={"w": 2}, b={"w": 3})],
            ["a.w=1, b.w=1", "a.w=2, b.w=3"],
        ),
        (
            [config(a=1, b=1, c=1, d=1), config(a=2, b=2, c=2, d=2)],
            ["A", "B"],
        ),
    ],
)
def test_a_name_is_what_differs(configs: list[dict[str, Any]], names: list[str]) -> None:
    assert named(*configs) == names


def test_equal_configs_have_their_own_names_else_numbers() -> None:
    pair = [Recorded(config(), "first"), Recorded(config(), "second")]
    assert names_of(pair) == ["first", "second"]  # type: ignore[arg-type]  # what naming reads
    assert len(set(named(config(), config()))) == 2


VALUES = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2),
        "steps": st.integers(0, 3),
        "gait": st.one_of(
            st.none(),
            st.fixed_dictionaries(
                {"kind": st.sampled_from(["slow", "hop"]), "speed": st.integers(0, 2)}
            ),
        ),
    }
)


@given(st.lists(VALUES, min_size=2, max_size=6))
def test_names_differ_and_no_random_end_of_an_id_is_in_them(configs: list[dict[str, Any]]) -> None:
    runs = [Recorded(one) for one in configs]
    names = names_of(runs)  # type: ignore[arg-type]  # what naming reads
    assert len(set(names)) == len(names)
    assert not any(run.id.rpartition("-")[2] in name for run in runs for name in names)


@given(st.lists(VALUES, min_size=1, max_size=6))
def test_variants_are_equal_but_for_the_seed(configs: list[dict[str, Any]]) -> None:
    groups = variants_of([Recorded(one) for one in configs])  # type: ignore[misc]  # what it reads
    plain = [{**one, "seed": 0} for one in configs]
    assert sorted(number for group in groups for number in group) == list(range(len(configs)))
    for first, second in itertools.combinations(range(len(configs)), 2):
        together = any(first in group and second in group for group in groups)
        assert together == (plain[first] == plain[second])
