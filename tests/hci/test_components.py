"""Users and assistants as components: parameters, the games they play, and what they cost a listing."""

# ruff: noqa: ANN401 -- games and components are of any type

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from taskloom.cli.offers import offered
from taskloom.errors import ConfigError
from taskloom.params.tree import walk
from taskloom.registry.resolve import find_task, load_task
from taskloom_hci.assistants.big import Big
from taskloom_hci.assistants.learned import LearnedAssistant
from taskloom_hci.assistants.leitner import Leitner
from taskloom_hci.assistants.map import Map
from taskloom_hci.batch.play import play
from taskloom_hci.config import HciConfig
from taskloom_hci.domain import DOMAIN
from taskloom_hci.driver import make_bundle, pair
from taskloom_hci.errors import BundleConstraintError, HciError
from taskloom_hci.games.control import ClassicControl
from taskloom_hci.games.gaze import Gaze
from taskloom_hci.games.pipe import PipeTask
from taskloom_hci.games.pointing import Pointing
from taskloom_hci.games.simple import Coordinated, Example
from taskloom_hci.games.teaching import Teaching
from taskloom_hci.motor.arm import arm_problem
from taskloom_hci.state.elements import discrete_array_element
from taskloom_hci.task import InteractionTask
from taskloom_hci.tasks.control import ClassicControlConfig
from taskloom_hci.tasks.gaze import GazeConfig
from taskloom_hci.tasks.pipe import PipeConfig
from taskloom_hci.tasks.pointing import Pointing2DConfig, PointingConfig
from taskloom_hci.tasks.simple import CoordinatedConfig, ExampleConfig
from taskloom_hci.tasks.teaching import TeachingConfig
from taskloom_hci.users.careful import Careful
from taskloom_hci.users.memory import Memory
from taskloom_hci.users.optimal import Optimal

REFS = [
    pytest.param(ref, id=f"{kind.rpartition('.')[2]}-{ref.name}")
    for kind, refs in DOMAIN.components.items()
    for ref in refs
]


def class_of(ref: Any) -> Any:
    module, name = ref.target.split(":")
    return getattr(import_module(module), name)


def games() -> Iterator[tuple[Any, Any]]:
    """Yield a game of each task, with its config class."""
    arm, x = arm_problem(), discrete_array_element(4, init=0)
    yield Example(), ExampleConfig
    yield Coordinated(), CoordinatedConfig
    yield Pointing((9,), 3), PointingConfig
    yield Pointing((3, 3), 3), Pointing2DConfig
    yield ClassicControl(arm.A, arm.B, timestep=0.01, problem=arm), ClassicControlConfig
    yield Gaze(), GazeConfig
    yield Teaching(), TeachingConfig
    yield PipeTask(("true",), {"x": x}, user=x, assistant=x), PipeConfig


def reason_against(component: Any, game: Any) -> str:
    """Return the sentence with which a component refuses a game, if it does."""
    try:
        component.build(game)
    except BundleConstraintError as error:
        return " ".join(error.problems)
    return ""


@pytest.mark.parametrize("ref", REFS)
def test_the_manifest_says_what_the_class_says(ref: Any) -> None:
    found = class_of(ref)
    assert (inspect.getdoc(found) or "").split("\n")[0] == ref.summary
    assert found().kind == ref.name
    assert (
        ref.target.split(":")[0].rpartition(".")[2] == ref.name
    )  # one component, one file, one name


@pytest.mark.parametrize("ref", REFS)
def test_what_fits_a_config_is_what_can_be_built_for_its_game(ref: Any) -> None:
    if ref.name in {"replay", "learned", "fitted"}:  # these need a file first
        assert not any(class_of(ref).fits(config) for _, config in games())
        return
    for game, config in games():
        assert reason_against(class_of(ref)(), game) == class_of(ref).fits(config)


PARTNERS: dict[str, list[Any]] = {
    "user": [None, {"kind": "gain"}, {"kind": "random"}, {"kind": "leitner"}],
    "assistant": [{"kind": "careful"}, {"kind": "memory"}, {"kind": "random"}],
}


def can_play(task: str, role: str, kind: str) -> bool:
    """Return whether an agent plays a task with some partner."""
    other = "assistant" if role == "user" else "user"
    for partner in PARTNERS[role]:
        try:
            make_bundle(task, **{role: {"kind": kind}, other: partner}).close()
        except (ConfigError, HciError):
            continue
        return True
    return False


@pytest.mark.parametrize("task", [ref.name for ref in DOMAIN.tasks if ref.name != "study"])
def test_help_and_info_offer_those_who_can_play_and_no_others(task: str, tasks: Any) -> None:
    loaded = load_task(find_task("hci", task))
    places = {item.path: offered(loaded, item) for item in walk(loaded.config_class, {})}
    for role in ("user", "assistant"):
        choices = set(places[role].choices) - {"none"}
        for ref in DOMAIN.components[f"taskloom_hci.{role}s"]:
            if ref.name not in {"replay", "learned", "fitted"}:  # these need a file first
                assert (ref.name in choices) == can_play(task, role, ref.name), (role, ref.name)
        assert role == "user" or ("learned" in choices) == (task not in {"gaze", "classic_control"})
    if task == "gaze":
        shown = tasks("run", "hci", "gaze", "--help").out
        assert "boltzmann" not in shown
        lines = [line.strip() for line in tasks("info", "hci", "gaze").out.splitlines()]
        assert "leitner does not fit: it plays teaching" in lines
        assert not any("leitner" in line for line in lines if "does not fit" not in line)


def test_a_config_names_all_misfits_at_once() -> None:
    both = r"'memory' plays the teaching task, not Gaze\. The assistant 'leitner' plays the teaching task, not Gaze\."
    with pytest.raises(ValidationError, match=both):
        GazeConfig.model_validate({"user": {"kind": "memory"}, "assistant": {"kind": "leitner"}})


def test_an_optimal_user_counts_on_a_gain() -> None:
    sentence = "with an assistant of constant gain, or with none"
    assert sentence in Optimal().check(PointingConfig(assistant=Map()))
    assert Optimal().check(PointingConfig(assistant=None)) == ""
    assert Optimal().check(PointingConfig(assistant=LearnedAssistant(cursor="gain"))) == ""
    with pytest.raises(BundleConstraintError, match=sentence):
        Optimal().build(Pointing((9,), 3, "position"))


def test_a_config_that_names_no_game_leaves_it_to_build() -> None:
    class Plugin(HciConfig):
        """A config of a plugin."""

    config = Plugin(user=Memory(), assistant=Leitner())
    both = r"'memory' plays the teaching task, not Example\. The assistant 'leitner' plays the teaching task"
    with pytest.raises(BundleConstraintError, match=both):
        pair(Example(), config)


class Menu(InteractionTask):
    """A menu, of which the user wants an item: pointing in all but its class."""

    max_rounds = 40

    def __init__(self, targets: int = 4) -> None:
        super().__init__()
        last = np.full(targets, 19)
        self.state["position"] = discrete_array_element(20, init=0)
        self.state["targets"] = discrete_array_element(low=0 * last, high=last)

    def reset(self, forced: Any = None) -> None:
        self.state["targets"] = sorted(self.stream.distinct(len(self.state["targets"]), 19))
        self.state["position"] = 19

    def user_element(self) -> Any:
        return discrete_array_element(low=-1, high=1, init=0)

    def assistant_element(self) -> Any:
        return discrete_array_element(20)

    def on_user_action(self, *, user_action: Any) -> Any:
        there = self.state["position"] == self.game.user.state["goal"]  # type: ignore[union-attr] # there is one
        return self.state, -1.0, bool(user_action == 0 and there)

    def on_assistant_action(self, *, assistant_action: Any) -> Any:
        self.state["position"] = assistant_action
        return self.state, 0.0, False


@pytest.mark.parametrize("assistant", [Big(), Map()])
def test_a_task_with_the_state_of_pointing_is_pointing_to_the_agents(assistant: Any) -> None:
    mine = play(pair(Menu(), HciConfig(user=Careful(), assistant=assistant)), 200)
    assert mine.is_done.all()
    # Four targets ask for 2.77 rounds at least, from a start that no target may be on; here it is on the right of all.
    assert 2.5 < mine.num_rounds.mean() < 3.8


def test_a_task_that_is_not_quite_pointing_is_told_what_it_lacks() -> None:
    class Odd(Menu):
        """A menu that keeps its targets for itself."""

        def __init__(self) -> None:
            super().__init__()
            del self.state["targets"]

    class Loud(Menu):
        """A menu whose user says more."""

        def user_element(self) -> Any:
            return discrete_array_element(low=-5, high=5, init=0)

    for task, lacking in ((Odd(), r"lacks task_state\.targets"), (Loud(), "lacks user actions in")):
        with pytest.raises(BundleConstraintError, match=f"'careful' plays .*{lacking}"):
            pair(task, HciConfig(user=Careful(), assistant=Big()))
    teaching = r"'leitner' plays the teaching task, not Menu\. It lacks task_state\.item, task_state\.trial"
    with pytest.raises(BundleConstraintError, match=teaching):
        pair(Menu(), HciConfig(user=Careful(), assistant=Leitner()))
    with pytest.raises(BundleConstraintError, match=r"fewer targets \(20\) than places"):
        pair(Menu(20), HciConfig(user=Careful(), assistant=Big()))


def test_components_need_neither_numpy_nor_gymnasium() -> None:
    modules = sorted(
        {ref.target.split(":")[0] for refs in DOMAIN.components.values() for ref in refs}
    )
    code = f"import sys, {', '.join(modules)}\nprint(sorted({{'numpy', 'gymnasium', 'numba', 'torch'}} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
