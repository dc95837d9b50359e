"""`taskloom.run` and `taskloom.sweep`: what the command line does, asked for from Python."""

from __future__ import annotations

import contextlib
import doctest
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import taskloom as tl
from taskloom import RunOptions
from taskloom.errors import (
    CheckFailedError,
    ConfigError,
    RunFailedError,
    TaskloomError,
    UnknownNameError,
    UsageError,
)
from taskloom.listing import runs
from taskloom.runs import list_runs

Tasks = Callable[..., Any]
QUIET = RunOptions(quiet=True)


def _grow_config() -> Any:  # noqa: ANN401 -- a class of the garden, which is on the path only while tests run
    from garden_domain.config import GrowConfig

    return GrowConfig()


def _zoo_config(**values: object) -> Any:  # noqa: ANN401 -- the same
    from garden_domain.zoo import ZooConfig

    return ZooConfig(**values)


def _flood(**values: float) -> Any:  # noqa: ANN401 -- a component of the garden
    from garden_domain.feeders import Flood

    return Flood(**values)


@pytest.mark.parametrize(
    ("positional", "by_name", "words"),
    [
        ((), {"days": 2}, ("--days=2",)),
        (({"days": 2},), {}, ("--days=2",)),
        (({"feeder.depth": 0.5, "feeder": "flood"},), {}, ("--feeder=flood", "--feeder.depth=0.5")),
        (
            ({"feeder": {"kind": "flood", "depth": 0.5}},),
            {},
            ("--feeder=flood", "--feeder.depth=0.5"),
        ),
        (({"pot.soil": "clay"},), {"doses": [3, 4.5]}, ("--pot.soil=clay", "--doses=3,4.5")),
        ((), {"spare": None, "limit": 2.5, "shade": True}, ("--limit=2.5", "--shade")),
        (({"days": 2},), {"days": 1}, ("--days=1",)),
    ],
)
def test_a_call_gives_the_run_that_the_command_line_gives(
    tasks: Tasks, positional: tuple[Any, ...], by_name: Mapping[str, Any], words: tuple[str, ...]
) -> None:
    run = tl.run("garden/grow", *positional, options=QUIET, **by_name)
    assert run.status == "finished"
    again = tasks("run", "garden", "grow", *words, "--json")
    assert f'"id": "{run.id}"' in again.out
    assert len(list_runs()) == 1


def test_a_component_may_be_given_as_an_object() -> None:
    run = tl.run("garden/grow", feeder=_flood(depth=0.5), options=QUIET)
    assert run.config["feeder"] == {"kind": "flood", "depth": 0.5, "drained": True}
    assert (
        tl.run("garden/grow", {"feeder": "flood", "feeder.depth": 0.5}, options=QUIET).id == run.id
    )


def test_arrays_and_their_numbers_are_lists_and_numbers() -> None:
    numpy = pytest.importorskip("numpy")
    run = tl.run("garden/grow", days=numpy.int64(1), doses=numpy.array([0.5, 2.0]), options=QUIET)
    assert (run.config["days"], run.config["doses"]) == (1, [0.5, 2.0])


def test_a_typed_config_names_the_one_task_that_takes_it() -> None:
    config = _zoo_config(seed=2)
    run = tl.run(config, options=QUIET)
    assert (run.domain, run.task) == ("garden", "zoo")
    assert {path for path, source in run.record.sources.items() if source != "default"} == {"seed"}
    assert run.record.sources["seed"] == "Python"
    assert tl.run("garden/zoo", config, options=QUIET).id == run.id
    assert tl.run("garden/zoo", seed=2, options=QUIET).id == run.id


def test_a_class_stands_for_its_task() -> None:
    from garden_domain.tasks import Grow

    run = tl.run(Grow, days=1, options=QUIET)
    assert (run.task, run.config["days"]) == ("grow", 1)


def test_options_reach_the_record_and_never_the_config(tmp_path: Path) -> None:
    options = RunOptions(store=tmp_path / "there", name="mine", tags=["a", "b"], quiet=True)
    run = tl.run("garden/grow", days=1, name="mint", options=options)
    assert (run.config["name"], run.record.name, run.record.tags) == ("mint", "mine", ("a", "b"))
    assert run.dir.parent == tmp_path / "there"
    assert run.record.argv == ()


def test_the_environment_says_where_the_store_is_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASKS__DAYS", "9")
    monkeypatch.setenv("TASKS__FEEDER", "flood")
    monkeypatch.setenv("TASKS_STORE", str(tmp_path / "elsewhere"))
    run = tl.run("garden/grow", options=QUIET)
    assert (run.config["days"], run.config["feeder"]["kind"]) == (3, "drip")  # type: ignore[index,call-overload]
    assert run.dir.parent == tmp_path / "elsewhere"
    swept = tl.sweep(
        "garden/grow", {"seed": [1, 2]}, options=RunOptions(executor="inline", quiet=True)
    )
    assert {(point.config["days"], point.config["feeder"]["kind"]) for point in swept.points} == {
        (3, "drip")
    }


def test_the_same_call_returns_the_finished_run_unless_forced() -> None:
    first = tl.run("garden/grow", days=1, options=QUIET)
    assert tl.run("garden/grow", days=1, workers=4, options=QUIET).id == first.id
    forced = tl.run("garden/grow", days=1, options=RunOptions(force=True, quiet=True))
    assert forced.id != first.id
    again = tl.run("garden/grow", days=1, options=QUIET)
    assert (again.id, again.reused, again.stale) == (forced.id, True, ())
    assert (first.reused, forced.reused) == (False, False)


def test_a_run_that_failed_begins_anew() -> None:
    for options in (QUIET, RunOptions(resume=True, quiet=True)):
        with pytest.raises(RunFailedError):
            tl.run("garden/wilt", options=options)
    assert [(run.status, run.record.attempts) for run in list_runs()] == [("failed", 1)] * 2


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("garden/grwo", {}, ("garden", "grwo")),
        ("gardn/grow", {}, ("gardn", "grow")),
        ("garden/grow", {"feeder": "floood"}, ("garden", "grow", "--feeder=floood")),
        ("garden/grow", {"days": 0}, ("garden", "grow", "--days=0")),
        ("garden/grow", {"light": "moon"}, ("garden", "grow", "--light=moon")),
    ],
)
def test_a_mistake_gets_the_sentence_of_the_command_line(
    tasks: Tasks, tmp_path: Path, name: str, values: dict[str, object], words: tuple[str, ...]
) -> None:
    with pytest.raises(TaskloomError) as caught:
        tl.run(name, values)
    told = tasks("run", *words)
    sentence = caught.value.message.replace("from Python", "from the command line")
    assert f"error: {sentence}\n" in told.err
    assert caught.value.exit_code == told.code
    if caught.value.hint:
        assert f"hint: {caught.value.hint}\n" in told.err
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_parameter_gets_the_closest_one() -> None:
    with pytest.raises(UnknownNameError, match="no parameter 'dayz'") as caught:
        tl.run("garden/grow", dayz=3)
    assert caught.value.hint == "did you mean --days?"


@pytest.mark.parametrize(
    ("task", "values", "error", "sentence"),
    [
        (
            lambda: "grow",
            None,
            UsageError,
            "'grow' names no task; write it as domain/task, or as file.py:Name.",
        ),
        (lambda: 3, None, UsageError, "A int stands for no task"),
        (lambda: dict, None, UnknownNameError, "No installed task takes or is dict."),
        (_grow_config, None, UsageError, "GrowConfig belongs to"),
        (_zoo_config, {"seed": 3}, UsageError, "is a whole config"),
        (lambda: "garden/zoo", _grow_config, ConfigError, "takes a ZooConfig"),
    ],
)
def test_what_names_no_task_or_no_config_is_refused_in_one_sentence(
    task: Callable[[], Any],
    values: Any,  # noqa: ANN401 -- values, or what makes them
    error: type[TaskloomError],
    sentence: str,
) -> None:
    with pytest.raises(error) as caught:
        tl.run(task(), values() if callable(values) else values)
    assert sentence in caught.value.message
    assert "\n" not in caught.value.message


def test_options_are_judged_before_anything_is_made(tmp_path: Path) -> None:
    for options in (
        RunOptions(executor="locl"),
        RunOptions(sinks=["tensorbord"]),
        RunOptions(keep_best="loss"),
        RunOptions(force=True, resume=True),
        RunOptions(jobs=-1),
        RunOptions(resources=tl.Resources(cpus=-1)),
        RunOptions(resources=tl.Resources(num_nodes=2)),
    ):
        with pytest.raises(UsageError):
            tl.run("garden/grow", options=options)
        with pytest.raises(UsageError):
            tl.sweep("garden/grow", {"seed": [1]}, options=options)
    assert list(tmp_path.iterdir()) == []


def test_failures_are_recorded_and_raised() -> None:
    with pytest.raises(CheckFailedError, match="there is no water"):
        tl.run("garden/drought", options=QUIET)
    with pytest.raises(RunFailedError, match="the plant has wilted"):
        tl.run("garden/wilt", options=QUIET)
    assert [run.task for run in list_runs()] == ["wilt"]


def test_a_sweep_runs_every_combination_and_tells_what_came_of_it() -> None:
    options = RunOptions(executor="inline", tags=["pilot"], quiet=True)
    swept = tl.sweep(
        "garden/grow",
        {"feeder": ["drip", _flood(depth=0.5)], "seed": range(2), "feeder.nozzles": [6]},
        options=options,
        days=1,
    )
    assert swept.exit_code == 0
    assert [(row["feeder"], row["seed"]) for row in swept.metrics] == [
        ("drip", 0),
        ("drip", 1),
        ("flood", 0),
        ("flood", 1),
    ]
    assert all(
        row["height"] == run.metrics["height"]
        for row, run in zip(swept.metrics, swept.runs, strict=True)
    )
    assert {run.record.tags for run in swept.runs} == {("pilot",)}
    assert {run.record.sources["days"] for run in swept.runs} == {"Python"}
    again = tl.sweep("garden/grow", {"seed": [1, 0]}, options=options, days=1)
    assert [run.id for run in again.runs] == [swept.runs[1].id, swept.runs[0].id]


def test_a_sweep_agrees_with_single_runs() -> None:
    single = tl.run("garden/grow", limit=0.1, shade=True, name="3", options=QUIET)
    swept = tl.sweep(
        "garden/grow",
        {"name": ["3", "none"], "limit": [0.1, None]},
        options=RunOptions(executor="inline", quiet=True),
        shade=True,
    )
    assert swept.runs[0].id == single.id
    assert [(point.config["name"], point.config["limit"]) for point in swept.points] == [
        ("3", 0.1),
        ("3", None),
        ("none", 0.1),
        ("none", None),
    ]


def test_a_sweep_is_continued_by_the_command_line(tasks: Tasks) -> None:
    options = RunOptions(executor="inline", quiet=True)
    swept = tl.sweep("garden/wilt", {"seed": [1, 2]}, options=options)
    assert swept.exit_code == 1
    assert [result.run is not None and result.run.status for result in swept.results] == [
        "failed"
    ] * 2
    told = tasks("resume", swept.id)
    assert told.code == 1
    assert [run.record.attempts for run in list_runs()] == [2, 2]


@pytest.mark.parametrize(("capture", "note"), [("yes", ""), ("no", "output not kept")])
def test_a_resumed_run_leaves_the_terminal_to_its_task_if_asked(
    tasks: Tasks, capture: str, note: str
) -> None:
    with pytest.raises(RunFailedError):
        tl.run("garden/wilt", options=RunOptions(quiet=True))
    assert tasks("resume", "@last", f"--capture={capture}").code == 1
    told = tasks("runs", "log", "@last", "--output")
    assert note in told.err
    assert ("not kept" in told.err) == bool(note)


def test_capture_is_yes_or_no_and_needs_this_process(tasks: Tasks) -> None:
    swept = tl.sweep(
        "garden/wilt", {"seed": [1]}, options=RunOptions(executor="inline", quiet=True)
    )
    assert tasks("resume", swept.id, "--capture=no").code == 1
    assert [run.record.output for run in list_runs()] == ["--capture=no"]
    told = tasks("resume", swept.id, "--capture=no", "--executor=local")
    assert "a run on local has none" in told.err
    assert tasks("sweep", "garden", "grow", "--capture=no", "--days=2").code == 2
    words = ("--capture=no", "--executor=inline")
    assert tasks("sweep", "garden", "grow", "--days=2,3", *words).code == 0
    assert {run.record.output for run in list_runs()} == {"--capture=no"}
    assert "it must be yes or no" in tasks("resume", swept.id, "--capture=on").err


@pytest.mark.parametrize(
    "function",
    [tl.run, tl.sweep, runs, tl.list_tasks, tl.info, tl.open_run, tl.open_task, tl.task_of],
)
def test_the_examples_of_the_public_functions_work(
    function: Callable[..., object],
) -> None:
    pytest.importorskip("taskloom_hci")
    with contextlib.redirect_stderr(io.StringIO()) as told:
        (example,) = doctest.DocTestFinder(recurse=False).find(function)
        outcome = doctest.DocTestRunner(verbose=False).run(example)
    assert (outcome.attempted > 1, outcome.failed) == (True, 0), told.getvalue()
