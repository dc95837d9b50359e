"""Sweeps over components: every component that is visited offers its options, and takes only its own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def _feeders(outcome: Any) -> list[dict[str, object]]:  # noqa: ANN401 -- the fixture's outcome
    assert outcome.code == 0, outcome.err
    return [point["config"]["feeder"] for point in json.loads(outcome.out)]


def _sweep(tasks: Callable[..., Any], *words: str) -> Any:  # noqa: ANN401
    return tasks("sweep", "garden", "grow", *words, "--dry-run", "--json")


def test_sweep_gives_each_component_its_own_options(tasks: Callable[..., Any]) -> None:
    outcome = _sweep(tasks, "--feeder=drip,flood", "--feeder.depth=0.5,0.6", "--feeder.nozzles=2")
    assert _feeders(outcome) == [
        {"kind": "drip", "rate": 0.01, "nozzles": 2},
        {"kind": "flood", "depth": 0.5, "drained": True},
        {"kind": "flood", "depth": 0.6, "drained": True},
    ]


def test_sweep_takes_an_option_of_a_later_component_before_its_name(
    tasks: Callable[..., Any],
) -> None:
    outcome = _sweep(tasks, "--feeder.depth", "0.5", "--feeder.kind=drip,flood")
    assert [feeder.get("depth") for feeder in _feeders(outcome)] == [None, 0.5]


def test_sweep_reaches_components_inside_components(tasks: Callable[..., Any]) -> None:
    words = ("--feeder=drip,mixed", "--feeder.inner=drip,flood", "--feeder.inner.depth=0.5,0.7")
    inner = [feeder.get("inner") for feeder in _feeders(_sweep(tasks, *words))]
    assert inner == [
        None,
        {"kind": "drip", "rate": 0.01, "nozzles": 4},
        {"kind": "flood", "depth": 0.5, "drained": True},
        {"kind": "flood", "depth": 0.7, "drained": True},
    ]


def test_sweep_pairs_components_with_options_that_one_of_them_lacks(
    tasks: Callable[..., Any],
) -> None:
    outcome = _sweep(tasks, "--zip", "--feeder=drip,flood", "--feeder.depth=0.1,0.7")
    assert [feeder.get("depth") for feeder in _feeders(outcome)] == [None, 0.7]


def test_sweep_file_may_tune_components_that_some_points_choose(
    tasks: Callable[..., Any], tmp_path: Path
) -> None:
    file = tmp_path / "sweep.toml"
    file.write_text('[parameters]\nfeeder.kind = ["drip", "flood"]\nfeeder.depth = [0.5, 0.6]\n')
    feeders = _feeders(_sweep(tasks, "--file", str(file)))
    assert [feeder.get("depth") for feeder in feeders] == [None, 0.5, 0.6]


def test_sweep_refuses_an_option_that_no_visited_component_has(tasks: Callable[..., Any]) -> None:
    outcome = _sweep(tasks, "--feeder=drip,flood", "--feeder.inner=drip")
    assert outcome.code == 2
    assert "no parameter 'feeder.inner'" in outcome.err
    outcome = _sweep(tasks, "--feeder=drip,flod")
    assert outcome.code == 2
    assert "did you mean --feeder=flood?" in outcome.err
    outcome = _sweep(tasks, "--feeder=drip,flood", "--feeder.depth=-1")
    assert outcome.code == 2
    assert "--feeder.depth=-1: must be >= 0 (default 0.1, from the command line)" in outcome.err


def test_sweep_help_has_a_panel_for_every_component_it_visits(tasks: Callable[..., Any]) -> None:
    outcome = tasks("sweep", "garden", "grow", "--feeder=drip,flood", "--help")
    assert "feeder = drip (also: flood, mixed)" in outcome.out
    assert "feeder = flood (also: drip, mixed)" in outcome.out
    assert outcome.out.count("--feeder.depth ") == 1
    assert outcome.out.count("--pot.diameter ") == 1


def test_sweep_over_components_runs_them_all(tasks: Callable[..., Any]) -> None:
    outcome = tasks(
        *("sweep", "garden", "grow", "--feeder=drip,flood", "--feeder.depth=0.5"),
        *("--executor=inline", "--json"),
    )
    assert outcome.code == 0, outcome.err
    told = json.loads(outcome.out)
    assert len(told["runs"]) == 2
