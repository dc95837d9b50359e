"""`tasks run`: real options for every parameter, in any order, and what the command shows instead of running."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from taskloom.params import read_file

Tasks = Callable[..., Any]


def _config(tasks: Tasks, *words: str) -> dict[str, Any]:
    outcome = tasks("run", "garden", "grow", "--print-config", "--json", *words)
    assert outcome.code == 0, outcome.err
    return json.loads(outcome.out)


def test_run_runs_and_shows_the_metrics_and_where_to_look(tasks: Tasks) -> None:
    outcome = tasks("run", "garden", "grow", "--days=2", "--seed=7")
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert lines[0].startswith("grew to ")
    assert lines[1].split()[0] == "height"
    assert (Path(lines[-1].removeprefix("report: ")).parent / "run.json").is_file()
    assert not {line.split()[0] for line in outcome.err.splitlines()} & {"finished", "report"}


def test_run_without_a_report_ends_with_its_folder(tasks: Tasks) -> None:
    outcome = tasks("run", "garden", "grow", "--days=2", "--seed=7", "--report=no")
    last = outcome.out.splitlines()[-1]
    assert (Path(last.removeprefix("finished: ")) / "run.json").is_file()


def test_verbose_says_how_long_a_run_was(tasks: Tasks) -> None:
    lines = tasks("run", "garden", "grow", "--days=2", "--verbose").out.splitlines()
    assert re.fullmatch(r"finished in \d+\.\d s: .*", lines[-2])
    assert lines[-1].startswith("report: ")


def test_run_prints_one_json_document(tasks: Tasks) -> None:
    outcome = tasks("run", "garden", "grow", "--days=2", "--json")
    document = json.loads(outcome.out)
    assert document["status"] == "finished"
    assert document["config"]["days"] == 2
    assert 2.0 <= document["metrics"]["height"] < 4.0
    assert Path(document["artifacts"]["diary"]).read_text().startswith("basil grew")


@pytest.mark.parametrize(
    "words",
    [
        ("--feeder=flood", "--feeder.depth=2"),
        ("--feeder.depth=2", "--feeder=flood"),
        ("--feeder.depth", "2", "--feeder", "flood"),
        ("--param", "feeder.depth=2", "--feeder=flood"),
        ("--param=feeder=flood", "--param", "feeder.depth=2"),
        ("--feeder.kind=flood", "--feeder.depth=2"),
    ],
)
def test_run_takes_options_in_any_order_and_spelling(tasks: Tasks, words: tuple[str, ...]) -> None:
    assert _config(tasks, *words)["feeder"] == {"kind": "flood", "depth": 2.0, "drained": True}


@pytest.mark.parametrize(
    "words",
    [
        ("--seed=3", "garden", "grow"),
        ("garden", "--seed=3", "grow"),
        ("garden", "grow", "--seed=3"),
        ("--seed", "3", "garden", "grow"),
        ("garden/grow", "--seed=3"),
    ],
)
def test_run_takes_options_before_the_names(tasks: Tasks, words: tuple[str, ...]) -> None:
    outcome = tasks("run", *words, "--print-config", "--json")
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["seed"] == 3


@pytest.mark.parametrize(
    ("words", "value"),
    [
        (("--shade",), True),
        (("--shade=true",), True),
        (("--shade=no",), False),
        (("--shade", "false"), False),
        (("--shade", "--days=1"), True),
        (("--no-shade",), False),
    ],
)
def test_run_takes_switches_in_every_spelling(
    tasks: Tasks, words: tuple[str, ...], value: bool
) -> None:
    assert _config(tasks, *words)["shade"] is value


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--days=1", "--days=2"), "--days is given twice, 1 and 2; it takes one value"),
        (("--shade", "--no-shade"), "--shade is given twice, true and false; it takes one value"),
        (("--feeder=drip", "--param", "feeder=flood"), "--feeder is given twice, drip and flood"),
        (("--name", "--days=1"), "--name needs a value"),
        (("--light", "--force"), "--light needs a value"),
    ],
)
def test_run_refuses_a_repeated_value_and_a_forgotten_one(
    tasks: Tasks, words: tuple[str, ...], sentence: str
) -> None:
    outcome = tasks("run", "garden", "grow", "--print-config", *words)
    assert outcome.code == 2
    assert sentence in outcome.err


def test_run_appends_the_items_of_a_list_that_is_named_twice(tasks: Tasks) -> None:
    assert _config(tasks, "--doses=1", "--doses=2,3", "--doses=[4]")["doses"] == [1, 2, 3, 4]


def test_run_takes_a_switch_of_a_component(tasks: Tasks) -> None:
    assert _config(tasks, "--feeder=flood", "--no-feeder.drained")["feeder"]["drained"] is False


def test_run_takes_a_negative_number_behind_a_space(tasks: Tasks) -> None:
    assert _config(tasks, "--seed", "-3")["seed"] == -3


def test_run_keeps_its_own_option_and_param_reaches_the_parameter(tasks: Tasks) -> None:
    outcome = tasks(
        "run", "garden", "grow", "--days=1", "--name=mine", "--param", "name=mint", "--json"
    )
    assert json.loads(outcome.out)["config"]["name"] == "mint"
    shown = json.loads(tasks("runs", "show", "@last", "--json").out)
    assert shown["name"] == "mine"


def test_run_records_name_tags_sources_and_command(
    tasks: Tasks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.yaml").write_text("days: 1\n")
    monkeypatch.setenv("TASKS__POT__SOIL", "clay")
    outcome = tasks(
        "run",
        "garden",
        "grow",
        "--config=a.yaml",
        "--feeder.nozzles=9",
        "--tag=a",
        "--tag",
        "b",
        "--store=there",
    )
    assert outcome.code == 0
    assert "pot.soil comes from the environment TASKS__POT__SOIL" in outcome.err
    record = json.loads(tasks("runs", "show", "@last", "--store=there", "--json").out)
    assert record["tags"] == ["a", "b"]
    assert record["argv"][:4] == ["tasks", "run", "garden", "grow"]
    sources = record["sources"]
    assert sources["days"] == "file a.yaml"
    assert sources["feeder.nozzles"] == "command line"
    assert sources["pot.soil"] == "environment TASKS__POT__SOIL"
    assert sources["feeder.kind"] == "default"


def test_run_repeats_a_run_from_its_own_config(tasks: Tasks) -> None:
    first = json.loads(tasks("run", "garden", "grow", "--days=2", "--spare=mixed", "--json").out)
    again = tasks(
        "run", "garden", "grow", f"--config={first['dir']}/config.toml", "--force", "--json"
    )
    second = json.loads(again.out)
    assert second["id"] != first["id"]
    assert second["config"] == first["config"]
    assert second["metrics"] == first["metrics"]


def test_run_does_not_repeat_a_finished_run_unless_forced(tasks: Tasks) -> None:
    first = json.loads(tasks("run", "garden", "grow", "--days=2", "--json").out)
    outcome = tasks("run", "garden", "grow", "--days=2", "--workers=3", "--json")
    assert (
        json.loads(outcome.out)["id"] == first["id"]
    )  # workers say how it is executed, not what is computed
    assert outcome.err == f"reused: {first['id']} (just now)\n"
    assert (first["reused"], json.loads(outcome.out)["reused"]) == (False, True)
    assert json.loads(tasks("run", "garden", "grow", "--days=3", "--json").out)["id"] != first["id"]
    forced = json.loads(tasks("run", "garden", "grow", "--days=2", "--force", "--json").out)
    assert forced["id"] != first["id"]


def test_run_is_placed_by_an_executor_and_ends_the_same(
    tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent / "garden"))  # for the worker
    here = json.loads(tasks("run", "garden", "grow", "--days=2", "--json").out)
    words = ("run", "garden", "grow", "--days=2", "--force", "--executor=local", "--json")
    there = json.loads(tasks(*words).out)
    assert there["id"] != here["id"]
    assert (there["status"], there["metrics"]) == ("finished", here["metrics"])
    failed = tasks("run", "garden", "wilt", "--executor=local")
    assert failed.code == 1
    assert "RuntimeError: the plant has wilted" in failed.err
    assert tasks("run", "garden", "drought", "--executor=local").code == 3
    unknown = tasks("run", "garden", "grow", "--executor=locl", "--force")
    assert unknown.code == 2
    assert unknown.err.splitlines()[1] == "hint: did you mean 'local'?"


def test_run_stops_at_its_time_limit(tasks: Tasks) -> None:
    outcome = tasks("run", "garden", "wait", "--time-limit=0.2s", "--cpus=1")
    assert outcome.code == 143
    assert outcome.out.splitlines()[-1].startswith("stopped: ")
    assert tasks("run", "garden", "wait", "--time-limit=soon").code == 2
    assert tasks("run", "garden", "wait", "--cpus=-1").code == 2


def test_run_says_nothing_when_asked(tasks: Tasks) -> None:
    assert tasks("run", "garden", "grow", "--days=1", "-q").err == ""


def test_run_explains_which_layer_set_each_value(tasks: Tasks, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("limit = 2.0\n[feeder]\nrate = 0.5\n")
    outcome = tasks("run", "garden", "grow", "--config", "a.toml", "--feeder=flood", "--explain")
    assert outcome.code == 0
    rows = {line.split()[0]: line.split(maxsplit=2)[1:] for line in outcome.out.splitlines()}
    assert rows["limit"] == ["2.0", "file a.toml"]
    assert rows["feeder.kind"] == ["flood", "command line"]
    assert rows["days"] == ["3", "default"]
    assert outcome.err == "note: feeder=flood (command line) discards feeder.rate (file a.toml)\n"
    assert not (tmp_path / "runs").exists()
    document = json.loads(tasks("run", "garden", "grow", "--explain", "--json").out)
    assert document["feeder.nozzles"] == {"value": 6, "source": "default"}


def test_run_prints_a_config_that_reads_back(tasks: Tasks, tmp_path: Path) -> None:
    outcome = tasks("run", "garden", "zoo", "--print-config", "--maybe_word=none", "--closed=flood")
    (tmp_path / "b.toml").write_text(outcome.out)
    assert read_file(tmp_path / "b.toml")["closed"]["kind"] == "flood"
    again = tasks("run", "garden", "zoo", "--print-config", "--config", "b.toml")
    assert again.out == outcome.out


def test_run_reads_a_config_from_a_process() -> None:
    script = Path(__file__).with_name("garden")
    line = f"PYTHONPATH={script} {sys.executable} -c 'import sys; from taskloom.cli import main; sys.exit(main())' "
    line += "run garden grow --explain --config <(echo 'days = 7'; echo 'feeder = \"flood\"')"
    done = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"^days +7 +file /dev/fd/", done.stdout, re.MULTILINE)
    assert re.search(r"^feeder.depth +0.1 +default$", done.stdout, re.MULTILINE)


def test_run_dry_runs_without_a_trace(tasks: Tasks, tmp_path: Path) -> None:
    outcome = tasks("run", "garden", "grow", "--dry-run", "--param", "name=weed")
    said = "warning: the plant is a weed\ngarden grow: ok\nwould run\n"
    assert (outcome.code, outcome.out) == (0, said)
    document = json.loads(tasks("run", "garden", "grow", "--dry-run", "--json").out)
    decision = {"action": "begin", "run": None, "reasons": [], "claimed": None}
    assert document == {
        **{"domain": "garden", "task": "grow", "ok": True, "findings": []},
        "decision": decision,
    }
    assert list(tmp_path.iterdir()) == []


def test_run_leaves_no_trace_of_a_config_that_is_refused(tasks: Tasks, tmp_path: Path) -> None:
    assert tasks("run", "garden", "grow", "--days=0").code == 2
    assert tasks("run", "garden", "drought", "--dry-run").code == 3
    assert tasks("check", "garden", "drought").code == 3
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("executor", ["inline", "local"])
def test_run_whose_check_fails_makes_nothing(tasks: Tasks, tmp_path: Path, executor: str) -> None:
    outcome = tasks("run", "garden", "drought", f"--executor={executor}")
    assert outcome.code == 3
    assert outcome.err.splitlines()[-1].startswith("error: there is no water")
    assert list(tmp_path.iterdir()) == []
