"""Searches: as many trials as were asked for, each point run once, whatever dies on the way."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from taskloom.request import RunOptions
from taskloom.runs import Run, list_runs
from taskloom.sweeps.expand import Choices, Span
from taskloom.sweeps.search import create_search, open_study, read_search, run_search
from taskloom.sweeps.trials import Goal, Search
from taskloom_probe.support import environment, load, steps, wait_until

optuna = pytest.importorskip("optuna", reason="Optuna is not installed")
pytestmark = pytest.mark.usefixtures("probe_domain")
_MAIN = "import sys; from taskloom.cli import main; sys.exit(main())"


class Deaf:
    """A watcher that does not care."""

    def placed(self, folder: Path, attempt: int, /) -> None: ...

    def ended(self, run: object, /) -> None: ...

    def tick(self) -> None: ...


def _search(store: Path, trials: int, executor: str = "inline", **axes: Choices | Span) -> Search:
    goal = Goal("place", is_max=True, trials=trials)
    fixed = {"steps": "5"}
    options = RunOptions(store=store, executor=executor, jobs=2)
    return create_search(load("walk"), goal, axes, fixed, options=options)


def _states(search: Search, store: Path) -> list[str]:
    return [trial.state.name for trial in open_study(search, store).get_trials()]


def _scales(runs: Sequence[Run]) -> list[object]:
    """Return what varied, in the order in which the runs were made."""
    made = sorted(runs, key=lambda run: run.record.created)
    return [run.config["scale"] for run in made]


def test_trial_whose_submitter_died_before_it_had_a_run_is_replaced(tmp_path: Path) -> None:
    search = _search(tmp_path, 3, scale=Span(0.1, 10.0, True, False))
    open_study(search, tmp_path).ask()
    outcome = run_search(load("walk"), search, tmp_path, Deaf())
    assert (int(outcome.exit_code), len(outcome.runs)) == (0, 3)
    assert _states(search, tmp_path) == ["FAIL", *["COMPLETE"] * 3]


@pytest.mark.parametrize("executor", ["inline", "local"])
def test_point_that_is_chosen_again_is_not_run_again(tmp_path: Path, executor: str) -> None:
    search = _search(tmp_path, 8, executor, scale=Choices(("1", "2")), pause=Choices(("0", "0.1")))
    outcome = run_search(load("walk"), search, tmp_path, Deaf())
    runs = list_runs(tmp_path)
    assert len({run.record.identity for run in runs}) == len(runs) == len(outcome.runs) <= 2
    assert all(run.record.attempts == 1 for run in runs)
    assert _states(search, tmp_path) == ["COMPLETE"] * 8


def test_search_whose_submitter_was_killed_goes_on_with_what_is_missing(tmp_path: Path) -> None:
    words = [
        *("sweep", "probe", "walk", "--steps=40", "--pause=0.02", "--scale=log:0.1:10"),
        *("--optimize=metrics.place:max", "--trials=5", "--executor=inline"),
    ]
    submitter = subprocess.Popen(
        [sys.executable, "-c", _MAIN, *words, f"--store={tmp_path}"],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: len(list(tmp_path.glob("*/metrics.jsonl"))) >= 2, 300)
        time.sleep(0.2)
    finally:
        os.kill(submitter.pid, signal.SIGKILL)
        submitter.wait()
    begun = {run.id for run in list_runs(tmp_path)}
    (folder,) = tmp_path.glob("*-sweep-*")
    search = read_search(folder)
    outcome = run_search(load("walk"), search, tmp_path, Deaf())
    assert len(outcome.runs) == 5
    assert begun <= {run.id for run in outcome.runs}
    assert all(run.status == "finished" for run in outcome.runs)
    assert all(steps(run) == list(range(1, 41)) for run in outcome.runs)
    assert _states(search, tmp_path).count("COMPLETE") == 5
    # It went on as it would have: the sampler repeats no point, and draws no other ones.
    whole = _search(tmp_path / "whole", 5, scale=Span(0.1, 10.0, True, False))
    others = run_search(load("walk"), whole, tmp_path / "whole", Deaf()).runs
    assert _scales(outcome.runs) == _scales(others)
    assert len(set(_scales(outcome.runs))) == 5
