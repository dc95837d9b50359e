"""Verbs of a domain: on a task, on a run, or on nothing; opening is core's, so every verb answers in the same words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Tasks = Callable[..., Any]


@pytest.fixture
def run(tasks: Tasks) -> str:
    """Return the id of a finished run whose feeder is not the default one."""
    done = tasks("run", "garden", "grow", "--feeder=flood", "--feeder.depth=0.7", "--json")
    assert done.code == 0
    return str(json.loads(done.out)["id"])


def test_a_verb_on_a_task_has_its_parameters_and_its_own_options(tasks: Tasks) -> None:
    done = tasks("garden", "taste", "grow", "--feeder=flood", "--bites", "3", "--days=5")
    name, bites, config = json.loads(done.out)
    assert (name, bites, config["days"], config["feeder"]["kind"]) == ("garden/grow", 3, 5, "flood")


def test_a_verb_on_a_task_reads_every_layer(
    tasks: Tasks, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "a.toml").write_text('name = "mint"\n')
    monkeypatch.setenv("TASKS__DAYS", "9")
    config = json.loads(tasks("garden", "taste", "grow", "--config", "a.toml").out)[2]
    assert (config["name"], config["days"]) == ("mint", 9)


def test_a_verb_on_a_task_guesses_like_tasks_run(tasks: Tasks) -> None:
    for words in (("garden", "taste", "grow"), ("run", "garden", "grow")):
        done = tasks(*words, "--feder=flood")
        assert done.code == 2
        assert "did you mean --feeder?" in done.err


def test_help_of_a_verb_on_a_task_lists_both_kinds_of_options(tasks: Tasks) -> None:
    text = tasks("garden", "taste", "grow", "--help").out
    assert "Taste a plant." in text
    assert "--bites" in text
    assert "--feeder.rate" in text


def test_a_verb_on_a_run_has_the_recorded_config_below_the_command_line(
    tasks: Tasks, run: str
) -> None:
    name, label, times, config = json.loads(tasks("garden", "regrow", run).out)
    assert (name, label, times, config["feeder"]["depth"]) == (run, "again", 1, 0.7)
    done = tasks("garden", "regrow", "--times", "2", "@last", "twin", "--feeder.drained=false")
    name, label, times, config = json.loads(done.out)
    assert (name, label, times) == (run, "twin", 2)
    assert config["feeder"] == {"kind": "flood", "depth": 0.7, "drained": False}


def test_no_environment_variable_changes_a_recorded_config(
    tasks: Tasks, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tasks("garden", "regrow", run).out
    for name, value in (("FEEDER", "drip"), ("FEEDER__DEPTH", "0.2"), ("DAYS", "77")):
        monkeypatch.setenv(f"TASKS__{name}", value)
    assert tasks("garden", "regrow", run).out == before
    assert tasks("garden", "weigh", run).out == f"{run}\n"


def test_another_component_can_be_chosen_where_the_verb_offers_it(tasks: Tasks, run: str) -> None:
    config = json.loads(tasks("garden", "regrow", run, "--feeder=drip", "--feeder.rate=0.5").out)[3]
    assert (config["feeder"]["kind"], config["feeder"]["rate"]) == ("drip", 0.5)


@pytest.mark.parametrize(
    ("option", "hint"),
    [("--days=4", ""), ("--feeder.dept=1", "--feeder.depth"), ("--tims=2", "--times")],
)
def test_an_option_that_the_verb_does_not_offer_is_refused_with_what_it_offers(
    tasks: Tasks, run: str, option: str, hint: str
) -> None:
    done = tasks("garden", "regrow", run, option)
    assert done.code == 2
    assert f"no parameter '{option[2:].partition('=')[0]}'" in done.err
    assert hint in done.err
    assert "--name" not in done.err


def test_store_and_run_may_come_in_any_order(tasks: Tasks, tmp_path: Path) -> None:
    store = str(tmp_path / "other")
    made = json.loads(tasks("run", "garden", "grow", "--store", store, "--json").out)["id"]
    for words in (
        ("--store", store, "@last"),
        ("@last", "--store", store),
        ("@last", f"--store={store}"),
    ):
        assert tasks("garden", "weigh", *words).out == f"{made}\n"


def test_help_of_a_verb_on_a_run_shows_the_recorded_values(tasks: Tasks, run: str) -> None:
    text = tasks("garden", "regrow", run, "--help").out
    assert "--feeder.depth" in text
    assert "0.7 m" in text
    assert "--days" not in text
    assert f"as recorded in the run {run} < --a.b=value" in text


def test_help_without_a_run_says_what_to_give(tasks: Tasks) -> None:
    text = tasks("garden", "regrow", "--help").out
    assert "RUN" in text
    assert "tasks garden regrow RUN --help" in text
    assert "--feeder" in text
    done = tasks("garden", "regrow")
    assert done.code == 2
    assert "RUN" in done.err


def test_a_verb_that_takes_folders_is_given_the_path_or_the_run(
    tasks: Tasks, run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    assert tasks("garden", "sniff", "--times=2", str(plain)).out == "folder plain 2\n"
    monkeypatch.chdir(tmp_path)
    assert tasks("garden", "sniff", "plain").out == "folder plain 1\n"
    for reference in (run, "@last", str(tmp_path / "runs" / run)):
        assert tasks("garden", "sniff", reference, "--times", "3").out == f"run {run} 3\n"
    monkeypatch.chdir(tmp_path / "runs")
    assert tasks("garden", "sniff", run, "--store", str(tmp_path / "runs")).out == f"run {run} 1\n"
    done = tasks("garden", "sniff", "nothing-here")
    assert "'nothing-here' is no folder, and no run either" in done.err
    # A verb that takes runs only does not open the folder.
    assert tasks("garden", "weigh", str(plain)).code == 5
    assert tasks("garden", "sniff", str(plain), "--tims=2").code == 2


VERBS = ("regrow", "weigh", "sniff")


@pytest.mark.parametrize("verb", VERBS)
def test_a_run_that_does_not_exist_is_not_found(tasks: Tasks, verb: str) -> None:
    done = tasks("garden", verb, "nothing-here")
    assert done.code == 5
    assert len(done.err.splitlines()) <= 2


@pytest.mark.parametrize("verb", VERBS)
def test_a_damaged_run_is_refused_in_one_sentence(
    tasks: Tasks, run: str, verb: str, tmp_path: Path
) -> None:
    (tmp_path / "runs" / run / "run.json").write_text("{")
    done = tasks("garden", verb, run)
    assert done.code == 5
    assert run in done.err


@pytest.mark.parametrize("verb", VERBS)
def test_a_run_of_another_domain_is_refused_in_one_sentence(
    tasks: Tasks, run: str, verb: str, tmp_path: Path
) -> None:
    record = tmp_path / "runs" / run / "run.json"
    record.write_text(record.read_text().replace('"domain": "garden"', '"domain": "hci"'))
    done = tasks("garden", verb, run)
    assert done.code == 2
    assert "is of the domain 'hci'" in done.err


def test_completion_offers_tasks_runs_and_overrides(
    tasks: Tasks, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def complete(line: str) -> list[str]:
        monkeypatch.setenv("_TASKS_COMPLETE", "zsh")
        monkeypatch.setenv("_TASKS_LINE", line)
        return [row.partition("\t")[0] for row in tasks().out.splitlines()]

    assert "grow" in complete("tasks garden taste ")
    assert {"@last", run} <= set(complete("tasks garden regrow "))
    assert {"--feeder.depth=", "--times="} <= set(complete(f"tasks garden regrow {run} --"))
    assert "--days=" not in complete(f"tasks garden regrow {run} --")
