"""Tasks of other distributions: a class in CoopIHC's form is a task as it stands, and every verb and export takes it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from taskloom.errors import PluginError
from taskloom.opening import open_task
from taskloom.testing import check_task
from taskloom_hci.batch.episodes import load
from taskloom_hci.batch.play import play
from taskloom_hci.driver import make_bundle
from taskloom_hci.errors import HciError

Tasks = Callable[..., Any]
Install = Callable[..., Path]

COUNTING = """
from taskloom import Finding, Result
from taskloom_hci import HciConfig, InteractionTask, discrete_array_element


class Counting(InteractionTask):
    '''The user says a number, and the assistant says one more.'''

    max_rounds = 20

    def __init__(self):
        super().__init__()
        self.state["x"] = discrete_array_element(11, init=0, out_of_bounds_mode="clip")

    def reset(self, forced=None):
        self.state["x"] = 0

    def on_user_action(self, *, user_action):
        self.state["x"] += user_action
        return self.state, -1.0, self.state["x"] == 10

    def on_assistant_action(self, *, assistant_action):
        self.state["x"] += abs(assistant_action)


class LongConfig(HciConfig):
    '''A long count.'''

    rounds: int = 30
    '''Rounds after which an episode is cut off.'''


class Long(Counting):
    def check(self):
        yield Finding("warning", "it takes long")

    def describe(self):
        return {"length": "long"}


def long(config: LongConfig):
    task = Long()
    task.max_rounds = config.rounds
    return task


class Half(InteractionTask):
    def on_user_action(self, *, user_action):
        pass


class Stranger:
    def __init__(self, config: HciConfig): ...
    def on_user_action(self, *, user_action): ...


class Alone:
    def __init__(self, config: HciConfig): ...
    def run(self, ctx): return Result({}, summary="alone")
"""

POINTS = """[taskloom.tasks]
hci.counting = counting_task:Counting
hci.long_count = counting_task:long
hci.half = counting_task:Half
hci.stranger = counting_task:Stranger
hci.alone = counting_task:Alone
"""


@pytest.fixture(autouse=True)
def _plugin(install: Install) -> None:
    install("counting-task", POINTS, counting_task=COUNTING)


def test_a_class_without_a_config_passes_the_conformance_suite() -> None:
    check_task(import_module("counting_task").Counting, episodes=6, chunk=3)


def test_a_task_of_a_plugin_runs_like_any_other(tasks: Tasks) -> None:
    done = tasks("run", "hci", "counting", "--episodes=12", "--json")
    assert done.code == 0, done.err
    record = json.loads(done.out)
    assert record["config"]["user"] == {"kind": "random"}
    assert record["metrics"]["rounds/mean"] == -record["metrics"]["return/mean"]
    assert tasks("run", "hci", "counting", "--assistant=none", "--episodes=2", "--quiet").code == 0
    refused = tasks("check", "hci", "counting", "--user=careful")
    assert refused.code == 3
    assert "plays pointing tasks, not Counting" in refused.out + refused.err


def test_a_task_adds_to_what_the_driver_finds_and_describes() -> None:
    bound = open_task("hci/long_count", rounds=40)
    assert [finding.message for finding in bound.check()] == [
        "1000 episodes, played by the backend 'loop'.",
        "it takes long",
    ]
    facts = bound.describe()
    assert (facts["rounds at most"], facts["length"]) == (40, "long")


@pytest.mark.parametrize(
    ("name", "words"),
    [("half", "on_assistant_action"), ("stranger", r"is a Stranger, and it lacks on_assistant")],
)
def test_a_class_that_lacks_a_method_is_refused_by_its_name(name: str, words: str) -> None:
    with pytest.raises(Exception, match=words) as caught:
        open_task(f"hci/{name}")
    assert name == "half" or caught.type is PluginError


def test_a_task_of_a_plugin_can_be_played(tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("1\n" * 12))
    done = tasks("hci", "play", "counting", "--assistant=none", "--games=1")
    assert done.code == 0, done.err
    assert "done after 10 rounds, return -10" in done.out


def test_a_task_of_a_plugin_can_be_sampled_and_replayed(tasks: Tasks) -> None:
    done = tasks("hci", "sample", "counting", "--episodes=9", "--seed=4", "--out=d.npz")
    assert done.code == 0, done.err
    assert (
        load(Path("d.npz")).digest() == play(make_bundle("counting", seed=4), 9, full=True).digest()
    )
    assert tasks("run", "hci", "counting", "--episodes=9", "--quiet").code == 0
    assert "identical" in tasks("hci", "replay", "@last").out


def test_a_task_of_a_plugin_has_an_id_in_gymnasium() -> None:
    from taskloom_hci.gym import env_ids, register

    register()
    assert {"hci/Counting-v0", "hci/LongCount-v0"} <= env_ids().keys()
    env = gymnasium.make("hci/LongCount-v0", train="assistant", rounds=5, user={"kind": "random"})
    seen, _ = env.reset(seed=0)
    for _ in range(5):
        assert env.observation_space.contains(seen)
        seen, _, done, cut, _ = env.step(np.int64(0))
    assert done or cut
    env.close()


def test_what_needs_two_agents_says_so_of_a_task_that_runs_itself(tasks: Tasks) -> None:
    assert tasks("run", "hci", "alone", "--quiet").code == 0
    done = tasks("hci", "sample", "alone", "--out=d.npz")
    assert done.code == 4
    assert "lacks on_user_action" in done.err
    with pytest.raises(HciError, match="runs itself"):
        make_bundle("alone")
