"""Sweeps over components: every component that is visited offers its options, and takes only its own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


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


def _file(tmp_path: Path, text: str) -> str:
    path = tmp_path / "sweep.toml"
    path.write_text(text)
    return str(path)


def test_command_line_may_vary_options_of_components_that_only_the_file_chooses(
    tasks: Callable[..., Any], tmp_path: Path
) -> None:
    file = _file(tmp_path, '[parameters]\nfeeder.kind = ["drip", "flood"]\n')
    feeders = _feeders(_sweep(tasks, "--file", file, "--feeder.depth=0.5,0.6"))
    assert [feeder.get("depth") for feeder in feeders] == [None, 0.5, 0.6]
    file = _file(tmp_path, '[[runs]]\nfeeder.kind = "mixed"\nfeeder.inner.kind = "flood"\n')
    (feeder,) = _feeders(_sweep(tasks, f"--file={file}", "--feeder.inner.depth=0.9"))
    assert feeder["inner"] == {"kind": "flood", "depth": 0.9, "drained": True}


def test_command_line_wins_over_the_sweep_file(tasks: Callable[..., Any], tmp_path: Path) -> None:
    listed = '[parameters]\nfeeder.kind = ["drip", "flood"]\ndays = "2:4"\n[[runs]]\nseed = 1\n[[runs]]\nseed = 2\n'
    outcome = _sweep(
        tasks, "--file", _file(tmp_path, listed), "--days=9", "--seed=5,6", "--feeder=drip"
    )
    assert outcome.code == 0, outcome.err
    configs = [point["config"] for point in json.loads(outcome.out)]
    assert [(config["days"], config["seed"], config["feeder"]["kind"]) for config in configs] == [
        (9, 5, "drip"),
        (9, 6, "drip"),
    ]


def test_text_in_a_sweep_file_is_a_range_only_where_a_number_is_wanted(
    tasks: Callable[..., Any], tmp_path: Path
) -> None:
    outcome = _sweep(tasks, "--file", _file(tmp_path, '[parameters]\nname = "1:3"\n'))
    (point,) = json.loads(outcome.out)
    assert point["config"]["name"] == "1:3"


def test_fractions_are_drawn_for_a_fraction_and_integers_for_an_integer(
    tasks: Callable[..., Any],
) -> None:
    words = ("--pot.diameter=linear:1:2", "--days=linear:1:1000", "--sample=8")
    configs = [point["config"] for point in json.loads(_sweep(tasks, *words).out)]
    assert all(1 < config["pot"]["diameter"] < 2 for config in configs)
    assert len({config["days"] for config in configs}) > 4


def _searched(tasks: Callable[..., Any], *words: str) -> list[dict[str, Any]]:
    pytest.importorskip("optuna", reason="Optuna is not installed")
    outcome = tasks(
        *("sweep", "garden", "grow", *words, "--optimize=metrics.height:max"),
        *("--executor=inline", "--json"),
    )
    assert outcome.code == 0, outcome.err
    return list(json.loads(outcome.out)["runs"])


def test_search_asks_each_component_for_its_own_options_alone(
    tasks: Callable[..., Any], tmp_path: Path
) -> None:
    words = ("--feeder=drip,flood", "--feeder.depth=linear:0.1:0.9", "--days=2")
    runs = _searched(tasks, *words, "--trials=8")
    kinds = [run["config"]["feeder"]["kind"] for run in runs]
    # A drip has nothing that varies, so that all its trials are one run.
    assert kinds.count("drip") == 1
    assert kinds.count("flood") > 1
    assert all(0.1 <= r["config"]["feeder"].get("depth", 0.5) <= 0.9 for r in runs)
    memory = next(tmp_path.glob("runs/*-sweep-*/optuna.log")).read_text()
    # What a trial does not have, the sampler does not learn from.
    assert memory.count('"feeder.depth"') == kinds.count("flood")


def test_search_takes_what_varies_from_a_file_and_what_is_fixed_from_a_config(
    tasks: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "config.toml").write_text('days = 3\n[feeder]\nkind = "drip"\nnozzles = 2\n')
    file = _file(tmp_path, '[parameters]\nfeeder.kind = ["drip", "flood"]\nfeeder.depth = [0.5]\n')
    words = ("--file", file, "--config", str(tmp_path / "config.toml"), "--trials=6")
    feeders = [run["config"]["feeder"] for run in _searched(tasks, *words)]
    by_kind = {feeder["kind"]: feeder for feeder in feeders}
    assert len(feeders) == len(by_kind) == 2
    assert by_kind["drip"]["nozzles"] == 2
    assert by_kind["flood"]["depth"] == 0.5


def test_search_refuses_values_that_no_point_may_have_before_it_runs_any(
    tasks: Callable[..., Any], tmp_path: Path
) -> None:
    pytest.importorskip("optuna", reason="Optuna is not installed")
    words = ("sweep", "garden", "grow", "--optimize=metrics.height:max", "--trials=2")
    outcome = tasks(*words, "--feeder=drip,flood", "--feeder.depth=linear:-1:1")
    assert outcome.code == 2
    assert "--feeder.depth=-1.0: must be >= 0" in outcome.err
    assert not (tmp_path / "runs").exists()
    file = _file(tmp_path, "[[runs]]\ndays = 2\n")
    outcome = tasks(*words, "--days=2,3", "--file", file)
    assert (outcome.code, "takes 'parameters' alone" in outcome.err) == (2, True)


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
