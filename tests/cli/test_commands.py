"""The commands that only look: list, info, runs, report, doctor."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from taskloom.params import read_file
from taskloom.registry import refresh

Tasks = Callable[..., Any]


@pytest.fixture
def broken_plugin(tmp_path: Path) -> Iterator[Path]:
    """A distribution whose manifest raises when it is imported."""
    folder = tmp_path / "site"
    (folder / "bad-1.dist-info").mkdir(parents=True)
    (folder / "bad-1.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: bad\nVersion: 1\n"
    )
    (folder / "bad-1.dist-info" / "entry_points.txt").write_text(
        "[taskloom.domains]\nbadlands = bad_manifest:DOMAIN\n"
    )
    (folder / "bad_manifest.py").write_text("raise SystemExit('no\\nway')\n")
    sys.path.insert(0, str(folder))
    refresh()
    yield folder
    sys.path.remove(str(folder))
    refresh()


def test_list_shows_domains_and_tasks_one_line_each(tasks: Tasks) -> None:
    outcome = tasks("list", "garden")
    assert outcome.out.splitlines()[:3] == [
        "garden     Plants that grow by a formula.",
        "  grow     Grow one plant for some days.",
        "  wilt     Raise in the middle of a run.",
    ]
    assert "garden" in tasks("list").out


def test_list_is_one_json_document(tasks: Tasks) -> None:
    (garden,) = json.loads(tasks("list", "garden", "--json").out)["domains"]
    assert garden["distribution"] == "garden-domain"
    assert garden["tasks"][0] == {
        "name": "grow",
        "summary": "Grow one plant for some days.",
        "version": 1,
        "distribution": "garden-domain",
    }
    assert [verb["name"] for verb in garden["verbs"]] == [
        "water",
        "taste",
        "regrow",
        "weigh",
        "sniff",
        "prune",
    ]


def test_list_shows_a_broken_plugin_as_one_line(tasks: Tasks, broken_plugin: Path) -> None:
    outcome = tasks("list")
    assert outcome.code == 0
    (line,) = [line for line in outcome.out.splitlines() if line.startswith("badlands")]
    assert line.startswith("badlands  broken (bad): ")
    assert "SystemExit" in line
    (broken,) = json.loads(tasks("list", "--json").out)["broken"]
    assert (broken["name"], broken["distribution"]) == ("badlands", "bad")
    assert tasks("run", "garden", "grow", "--days=1").code == 0


def test_doctor_names_a_broken_plugin_and_exits_with_3(tasks: Tasks, broken_plugin: Path) -> None:
    outcome = tasks("doctor")
    assert outcome.code == 3
    assert "! badlands" in outcome.out
    assert outcome.err == "error: one thing is wrong: badlands\n"
    document = json.loads(tasks("doctor", "--json").out)
    assert document["ok"] is False


def test_doctor_finds_nothing_wrong_here(tasks: Tasks, tmp_path: Path) -> None:
    outcome = tasks("doctor")
    assert outcome.code == 0, outcome.out
    for area in ("installation", "machine", "plugins", "store", "shell"):
        assert f"{area}:" in outcome.out
    assert list(tmp_path.iterdir()) == []  # whatever was tried was taken away
    facts = {fact["name"]: fact for fact in json.loads(tasks("doctor", "--json").out)["facts"]}
    assert facts["locks"]["state"] == "ok"
    assert facts["garden"]["text"] == "7 tasks (garden-domain)"


def test_doctor_imports_every_plugin_when_asked(tasks: Tasks) -> None:
    outcome = tasks("doctor", "--plugins", "--json")
    assert outcome.code == 3
    wrong = {fact["name"] for fact in json.loads(outcome.out)["facts"] if fact["state"] == "wrong"}
    assert {"garden.hollow", "garden: garden_domain.hollow:prune"} <= wrong


def test_doctor_tells_damaged_runs_and_a_store_that_cannot_be_one(
    tasks: Tasks, tmp_path: Path
) -> None:
    tasks("run", "garden", "grow", "--days=1")
    record = next((tmp_path / "runs").glob("*/run.json"))
    record.write_text("{")
    assert "! damaged run" in tasks("doctor").out
    (tmp_path / "file").write_text("")
    outcome = tasks("doctor", "--store", str(tmp_path / "file" / "x"))
    assert outcome.code == 3
    assert "! writable" in outcome.out


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="a system without /proc")
def test_doctor_tells_a_store_that_cannot_be_written(tasks: Tasks) -> None:
    outcome = tasks("doctor", "--store=/proc/self")
    assert outcome.code == 3
    assert "! writable" in outcome.out


def test_doctor_tells_runs_that_crashed(tasks: Tasks, tmp_path: Path) -> None:
    tasks("run", "garden", "grow", "--days=1")
    record = next((tmp_path / "runs").glob("*/run.json"))
    record.write_text(record.read_text().replace('"status": "finished"', '"status": "running"'))
    outcome = tasks("doctor")
    assert outcome.code == 0
    assert "1 crashed" in outcome.out
    assert f"tasks resume {record.parent.name}" in outcome.out


def test_doctor_tells_versions_that_do_not_belong_together(
    tasks: Tasks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "site" / "taskloom_hci-0.0.1.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: taskloom-hci\nVersion: 0.0.1\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    outcome = tasks("doctor")
    assert outcome.code == 3
    assert "0.0.1 does not belong to taskloom-core" in outcome.out


@pytest.mark.parametrize(("shell", "file"), [("bash", ".bashrc"), ("zsh", ".zshrc")])
def test_doctor_tells_whether_the_shell_completes(
    tasks: Tasks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shell: str, file: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SHELL", f"/bin/{shell}")
    assert f"add to ~/{file}: source <(tasks completion {shell})" in tasks("doctor").out
    (tmp_path / file).write_text(f"source <(tasks completion {shell})\n")
    assert f"set up in ~/{file}" in tasks("doctor").out


def test_info_tells_what_a_task_is(tasks: Tasks) -> None:
    document = json.loads(tasks("info", "garden", "grow", "--json").out)
    assert document["source"] == "garden_domain.tasks:Grow"
    assert document["distribution"] == "garden-domain 1.2"
    assert document["licence"] == "Apache-2.0"
    assert document["can"] == ["check itself"]
    rate = next(item for item in document["parameters"] if item["name"] == "feeder.rate")
    assert rate == {
        "name": "feeder.rate",
        "type": "FLOAT",
        "default": "0.01",
        "bounds": ["> 0", "<= 1"],
        "unit": "l/h",
        "help": "Water given per hour.",
        "choices": [],
        "component": False,
    }
    text = tasks("info", "garden", "grow").out
    assert "feeder: drip, flood, mixed  (default drip)" in text


@pytest.mark.parametrize("task", ["grow", "zoo"])
@pytest.mark.parametrize("form", ["toml", "yaml"])
def test_info_prints_a_file_that_gives_the_defaults(
    tasks: Tasks, tmp_path: Path, task: str, form: str
) -> None:
    path = tmp_path / f"edit.{form}"
    path.write_text(tasks("info", "garden", task, f"--{form}").out)
    assert path.read_text().startswith("# Root of every random stream of the run.\n# (INT)\nseed")
    assert read_file(path)["seed"] == 0
    edited = tasks("run", "garden", task, "--print-config", "--config", str(path))
    assert edited.code == 0, edited.err
    assert edited.out == tasks("run", "garden", task, "--print-config").out


def test_info_lets_the_task_speak_for_itself(tasks: Tasks) -> None:
    text = tasks("info", "garden", "hard", "--must=1", "--which=drip").out
    assert "The task says of itself:\n  depth: 3\n" in text
    without = tasks("info", "garden", "hard")
    assert (without.code, without.err) == (0, "")
    assert "says of itself" not in without.out
    for words in (("info", "garden", "hard", "--toml"), ("info", "garden", "hard", "--must=1")):
        outcome = tasks(*words)
        assert outcome.code == 2
        assert outcome.err.splitlines()[-1] == "error: --which must be given"


def test_info_template_follows_the_component_chosen(tasks: Tasks) -> None:
    text = tasks("info", "garden", "grow", "--toml", "--feeder=flood").out
    assert "# Depth of the water.\n# (FLOAT, >= 0, in m)\ndepth = 0.1" in text


def test_info_prints_a_json_schema(tasks: Tasks) -> None:
    schema = json.loads(tasks("info", "garden", "grow", "--schema").out)
    assert schema["$defs"]["Drip"]["properties"]["rate"]["x-unit"] == "l/h"


def test_runs_ls_lists_and_filters(tasks: Tasks, tmp_path: Path) -> None:
    assert tasks("runs", "ls").err == f"note: the store {tmp_path / 'runs'} holds no runs\n"
    tasks("run", "garden", "grow", "--days=1", "--tag=first", "--name=one")
    tasks("run", "garden", "wilt")
    lines = tasks("runs", "ls").out.splitlines()
    assert lines[0].split() == ["run", "task", "status", "name", "summary"]
    assert [line.split()[1:3] for line in lines[1:]] == [
        ["garden/grow", "finished"],
        ["garden/wilt", "failed"],
    ]

    def found(*words: str) -> list[str]:
        return [
            run["task"] for run in json.loads(tasks("runs", "ls", "--json", *words).out)["runs"]
        ]

    assert found("--task=garden") == ["grow", "wilt"]
    assert found("--task=garden/wilt") == ["wilt"]
    assert found("--status=finished") == ["grow"]
    assert found("--tag=first") == ["grow"]
    assert found("--limit=1") == ["wilt"]


def test_runs_show_path_and_log_look_at_one_run(tasks: Tasks, tmp_path: Path) -> None:
    tasks("run", "garden", "wilt", "--feeder.nozzles=9")
    text = tasks("runs", "show", "@last").out
    assert "failure      RuntimeError: the plant has wilted" in text
    assert "feeder.nozzles  9  (command line)" in text
    folder = Path(tasks("runs", "path", "@last").out.strip())
    assert folder.parent == tmp_path / "runs"
    assert "the plant has wilted" in tasks("runs", "log", "@last").out
    line = json.loads(tasks("runs", "log", "@last", "--json").out)[0]
    assert line["level"] == "error"
    tasks("run", "garden", "grow", "--days=1")
    assert tasks("runs", "path", "@last", "diary").out.strip().endswith("artifacts/diary.txt")
    outcome = tasks("runs", "path", "@last", "diry")
    assert outcome.code == 2
    assert outcome.err.splitlines()[1] == "hint: did you mean 'diary'?"


def test_runs_show_lets_no_run_folder_speak_to_the_terminal(tasks: Tasks, tmp_path: Path) -> None:
    tasks("run", "garden", "grow", "--days=1", "--name=plain")
    record = next((tmp_path / "runs").glob("*/run.json"))
    record.write_text(record.read_text().replace('"plain"', '"\\u001b[31mred\\nline"'))
    for words in (("runs", "show", "@last"), ("runs", "ls")):
        assert "\x1b" not in tasks(*words).out


def test_report_writes_a_page_again_and_a_comparison(tasks: Tasks, tmp_path: Path) -> None:
    pytest.importorskip("htpy")
    pytest.importorskip("vl_convert")
    tasks("run", "garden", "grow", "--days=1")
    tasks("run", "garden", "grow", "--days=2")
    outcome = tasks("report", "@last", "-o", "page.html")
    assert (outcome.code, outcome.out) == (0, "page.html\n")
    assert "<html" in (tmp_path / "page.html").read_text()
    assert tasks("report", "@last", "@-2").out == "comparison.html\n"
    assert "<html" in (tmp_path / "comparison.html").read_text()


def test_version_is_one_line(tasks: Tasks) -> None:
    from taskloom import __version__

    assert tasks("--version").out == f"taskloom {__version__}\n"
    assert tasks("--strict-plugins", "--version").out == f"taskloom {__version__}\n"
