"""Fixtures that the tests of this domain share."""

# ruff: noqa: ANN401 -- fixtures and cases are of any type

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from taskloom_hci.assistants.gain import ConstantGain
from taskloom_hci.assistants.jump import JumpAssistant
from taskloom_hci.bundle.agent import Agent
from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.games.pointing import Pointing
from taskloom_hci.games.simple import Example
from taskloom_hci.models.pointing import CarefulModel, PointingModel
from taskloom_hci.policies.policy import RandomPolicy
from taskloom_hci.state.elements import discrete_array_element
from taskloom_hci.users.pointing import PointingUser
from tests_outcome import Outcome

# Tests are no package; what those of studies share is loaded by its path, before any of them.
_SPEC = importlib.util.spec_from_file_location(
    "study_people", Path(__file__).with_name("people.py")
)
assert _SPEC is not None
assert _SPEC.loader is not None
sys.modules["study_people"] = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(sys.modules["study_people"])

CASES = Path(__file__).parent / "cases"


@pytest.fixture(scope="session", autouse=True)
def _no_logs_of_agents(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Have Stable-Baselines3 keep its logs in the tests' own folder: without a place it makes one a training in the system's."""
    os.environ["SB3_LOGDIR"] = str(tmp_path_factory.mktemp("agents"))


@pytest.fixture(scope="session")
def cases() -> Callable[[str], Any]:
    """Return a table of `cases/` by name."""
    return lambda name: json.loads((CASES / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture
def tasks(
    tasks: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Outcome]:
    """Return a function that runs a command line in this process and an empty folder."""
    for name in list(os.environ):
        if name.startswith(("TASKS_", "TASKLOOM_")):
            monkeypatch.delenv(name)
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return tasks


@pytest.fixture
def make_pointing() -> Callable[..., Bundle]:
    """Return a maker of pointing games."""

    def make(
        shape: tuple[int, ...] = (31,),
        targets: int = 8,
        assistant: str = "big",
        model: PointingModel | None = None,
        seed: int = 0,
        **options: Any,
    ) -> Bundle:
        task = Pointing(shape, targets, "position" if assistant in {"big", "map"} else "gain")
        user = PointingUser(task, model or CarefulModel(0.05, len(shape)))
        helper = {
            "big": lambda: JumpAssistant(task, **options),
            "map": lambda: JumpAssistant(task, "map", **options),
            "gain": lambda: ConstantGain(gain=options.get("gain", 1)).build(task),
            "none": lambda: None,
        }[assistant]()
        return Bundle(task, user, helper, seed=seed)

    return make


@pytest.fixture
def make_example() -> Callable[..., Bundle]:
    """Return a maker of the example game, its actions drawn from {-1, 0, 1}."""

    def agent(role: Any) -> Agent:
        return Agent(role, policy=RandomPolicy(discrete_array_element(low=-1, high=1, init=0)))

    def make(user: bool = True, assistant: bool = True, **options: Any) -> Bundle:
        return Bundle(
            Example(),
            agent("user") if user else None,
            agent("assistant") if assistant else None,
            **options,
        )

    return make
