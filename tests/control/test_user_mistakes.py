"""What a user gets wrong is said in one sentence, through the command line: in `tasks run`, and by `tasks control check`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from taskloom.registry import refresh
from taskloom.runs import list_runs

Said = tuple[int, str, str]
WORKSHOP = Path(__file__).with_name("workshop")


@pytest.fixture(autouse=True, scope="module")
def _workshop() -> Iterator[None]:
    sys.path.insert(0, str(WORKSHOP))
    refresh()
    yield
    sys.path.remove(str(WORKSHOP))
    sys.modules.pop("workshop_tasks", None)
    refresh()


@pytest.fixture
def tasks(
    tasks: Callable[..., Said], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Said]:
    """Return a function that runs a command line in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tasks


CANNOT_RUN = [
    (
        ("wrong_shape",),
        "The reward of WrongShape has shape (2, 20); 2 rollouts need the shape (2,).",
    ),
    (
        ("nan",),
        "The term 'slope' of the reward of Nan is not a finite number at time 0 s.",
    ),
    (
        ("missing_sensor",),
        "The model has no sensor called 'trace_car'; did you mean 'trace_cart'?",
    ),
    (("missing_joint",), "The model has no joint called 'slyde'; did you mean 'slide'?"),
    (("uncompiled",), "The model 'massless.xml' does not compile: "),
    (
        ("idle",),
        "The model 'idle.xml' has no actuator (nu = 0), so there is nothing to control; add one under <actuator>.",
    ),
    (("gone",), "gone.xml' does not exist."),
    (("nameless",), "The task names no model; set its `model_path` to an MJCF file."),
    (
        ("many_handed",),
        "optimizer_warm_start() of ManyHanded has the shape (3,); the model has nu = 1, which needs the shape (1,).",
    ),
    (
        ("good", "--controller.spline=cubic", "--optimizer.num_nodes=3"),
        "The spline 'cubic' needs at least 4 knots, the optimizer has 3; set optimizer.num_nodes to 4 or more, or choose "
        "another controller.spline.",
    ),
    (
        ("good", "--controller.horizon=0.01"),
        "The horizon (0.01 s) is shorter than a step of the model (0.05 s); set controller.horizon to at least 0.05.",
    ),
    (
        ("good", "--optimizer.num_nodes=21"),
        "21 knots are more than the 20 steps of the horizon, so some would have no effect; set optimizer.num_nodes to 20 or "
        "fewer.",
    ),
    (
        ("good", "--engine=numpy"),
        "The engine 'numpy' needs a task that defines dynamics(states, controls, config); Good does not. Use the engine "
        "'threads'.",
    ),
]


@pytest.mark.parametrize(("words", "sentence"), CANNOT_RUN, ids=lambda v: v[0][:24])
def test_run_that_cannot_be_made_is_refused_in_one_sentence_and_leaves_nothing(
    tasks: Callable[..., Said], words: tuple[str, ...], sentence: str
) -> None:
    code, out, err = tasks("run", "control", *words, "--quiet")
    assert code not in (0, 2)
    assert sentence in err.replace("\n", " ")
    assert err.startswith("error: ")
    assert "Traceback" not in out + err
    assert err.count("error: ") == 1
    assert list_runs(Path("runs")) == []


WRONG = [
    ("wrong_shape", "The reward of WrongShape has shape (2, 20); 2 rollouts need the shape (2,)."),
    ("nan", "The term 'slope' of the reward of Nan is not a finite number at time 0 s."),
    (
        "peeking",
        "the reward does not depend on the order of rollouts: rollouts in another order do",
    ),
    ("scribbling", "the reward does not change its arguments: it changes controls"),
    ("numpy_only", "the reward runs on jax.numpy: it raised TypeError"),
    ("forgetful", "the reset follows its seed: the same seed begins two different episodes"),
    ("drifting", "its own dynamics agree with MuJoCo's: they differ from MuJoCo's states by 0."),
    ("wandering", "the gymnasium environment keeps to the API: it raised AssertionError"),
    (
        "flat",
        "every cost has one number per rollout and step: the term 'end' has the shape (5, 1), not (5, 20)",
    ),
    ("missing_sensor", "no sensor called 'trace_car'; did you mean 'trace_cart'?"),
]


@pytest.mark.parametrize(("name", "sentence"), WRONG, ids=[name for name, _ in WRONG])
def test_check_finds_the_mistake_of_a_users_task(
    tasks: Callable[..., Said], name: str, sentence: str
) -> None:
    code, out, err = tasks("control", "check", name, "--json")
    errors = [f["message"] for f in json.loads(out) if f["level"] == "error"]
    assert any(sentence in message for message in errors), errors
    assert code == 3
    assert f"The task '{name}' fails" in err


def test_check_is_content_with_a_users_good_task(tasks: Callable[..., Said]) -> None:
    code, out, err = tasks("control", "check", "good")
    assert (code, err) == (0, "")
    assert out.count(": ok") == 9
    assert "its own dynamics agree with MuJoCo's: skipped" in out


def test_task_of_a_third_party_runs_replays_and_is_listed(tasks: Callable[..., Said]) -> None:
    code, out, _ = tasks("list", "control")
    assert code == 0
    assert "good" in out
    code, _, err = tasks("run", "control", "good", "--quiet", "--record.animation=false")
    assert code == 0, err
    code, out, _ = tasks("control", "replay", "@last")
    assert code == 0
    assert "replays to the same trajectory: 4 steps" in out


def test_check_does_not_touch_the_global_generator(tasks: Callable[..., Said]) -> None:
    before = np.random.get_state()[1].copy()  # type: ignore[index]  # the legacy tuple
    tasks("control", "check", "good")
    after = np.random.get_state()[1]  # type: ignore[index]  # the legacy tuple
    np.testing.assert_array_equal(before, after)
