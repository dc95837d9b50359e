"""Consent: what changed is accepted for the digests that were seen, and for nothing that comes later."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cases_tasks import Answer, Tasks, edit
from taskloom.errors import RunFailedError, UsageError
from taskloom.resuming import Resumption, resume_run
from taskloom.runs.run import Run

READER = """
import os
from pathlib import Path
from taskloom import Config, InputPath, Result, RunContext

MORE = 0

class One(Config):
    file: Path = Path("data.txt")
    folder: InputPath | None = None
    place: int = 1

    def run(self, ctx: RunContext) -> Result:
        from reader_first import FIRST  # which the run that goes on does not import again
        if os.path.exists("first.txt"):
            Path("first.txt").read_text()
        with ctx.checkpoint(1) as folder:
            (folder / "step").write_text(str(FIRST))
        if os.environ.get("READER_DIE") == "crash":
            os._exit(9)
        if os.environ.get("READER_DIE"):
            raise ValueError("no")
        return self.total(FIRST)

    def resume(self, ctx: RunContext, checkpoint: Path) -> Result:
        return self.total(int((checkpoint / "step").read_text()))

    def total(self, first: int) -> Result:
        members = [self.file, *sorted(self.folder.iterdir())] if self.folder else [self.file]
        return Result({"x": float(first * sum(int(path.read_text()) for path in members) * self.place + MORE)})
"""


@dataclass
class Reader:
    """Command lines about one task, each in a process of its own.

    Attributes:
        forks: Runs a command.
        settings: Its environment.
        here: The folder in which commands begin, with `data.txt`.
    """

    forks: Callable[..., Answer]
    settings: dict[str, str]
    here: Path

    @property
    def data(self) -> Path:
        """The file that the task reads."""
        return self.here / "data.txt"

    def edit(self, module: str, old: str, new: str) -> None:
        """Edit a module as a person does some seconds later."""
        path = Path(self.settings["PYTHONPATH"]) / f"{module}.py"
        text = path.read_text()
        assert old in text
        edit(path, text.replace(old, new))

    @property
    def store(self) -> Path:
        """The folder of the runs."""
        return Path(self.settings["TASKS_STORE"])

    def say(self, *words: str, **variables: str) -> Answer:
        """Run a command line."""
        return self.forks(*words, cwd=self.here, **self.settings, **variables)

    def ask(self, *words: str) -> dict[str, object]:
        """Run a command that prints one run, and return what counts of it."""
        answer = self.say(*words, "--json")
        assert answer.returncode == 0, answer.stderr
        told = json.loads(answer.stdout)
        names = ("id", "reused", "stale")
        return {"x": told["metrics"]["x"], **{name: told.get(name) for name in names}}

    def crashed(self) -> str:
        """Have a run die behind its first checkpoint, and return its id."""
        assert self.say("run", "reader", "one", READER_DIE="crash").returncode != 0
        (record,) = self.store.glob("*/run.json")
        return record.parent.name


@pytest.fixture
def reader(plugin: Callable[..., Tasks], forks: Callable[..., Answer], tmp_path: Path) -> Reader:
    variables = plugin("reader", READER, reader_first="FIRST = 1\n").environment
    settings = {name: variables[name] for name in ("PYTHONPATH", "TASKS_STORE")}
    made = Reader(forks, settings, tmp_path / "here")
    made.here.mkdir()
    made.data.write_text("1")
    (made.here / "first.txt").write_text("1")
    return made


def test_an_acceptance_holds_for_what_was_seen(reader: Reader) -> None:
    first = reader.ask("run", "reader", "one")
    reader.data.write_text("2")
    accepted = reader.ask("run", "reader", "one", "--accept")
    assert (accepted["id"], accepted["x"], accepted["reused"]) == (first["id"], 1.0, True)
    assert "data.txt changed" in str(accepted["stale"])
    assert reader.ask("run", "reader", "one") == accepted
    reader.data.write_text("3")
    later = reader.ask("run", "reader", "one")
    assert (later["x"], later["reused"], later["stale"]) == (3.0, False, [])
    reader.data.write_text("2")
    assert reader.ask("run", "reader", "one") == accepted


@pytest.mark.parametrize("command", ["run", "resume"])
def test_a_run_goes_on_over_a_change_with_consent_alone(reader: Reader, command: str) -> None:
    crashed = reader.crashed()
    reader.data.write_text("2")
    refused = reader.say("resume", crashed)
    assert refused.returncode == 2
    assert "data.txt changed" in refused.stderr
    words = ("resume", crashed) if command == "resume" else ("run", "reader", "one")
    went_on = reader.ask(*words, "--accept-changes")
    assert (went_on["id"], went_on["x"]) == (crashed, 2.0)
    assert Run(reader.store / crashed).record.accepted


def _data(reader: Reader, old: str, new: str) -> None:
    assert reader.data.read_text() == old
    reader.data.write_text(new)


def _code(reader: Reader, old: str, new: str) -> None:
    reader.edit("reader_case", f"MORE = {int(old) - 1}", f"MORE = {int(new) - 1}")


@pytest.mark.parametrize("change", [_data, _code])
def test_a_run_over_a_change_answers_no_question_without_a_word(
    reader: Reader, change: Callable[[Reader, str, str], None]
) -> None:
    crashed = reader.crashed()
    change(reader, "1", "2")
    went_on = reader.ask("run", "reader", "one", "--accept-changes")
    assert (went_on["id"], went_on["x"]) == (crashed, 2.0)
    again = reader.ask("run", "reader", "one")
    assert (again["id"], again["reused"]) == (crashed, True)
    assert "changed" in str(again["stale"])
    assert not reader.ask("run", "reader", "one", "--fresh")["reused"]
    change(reader, "2", "1")
    before = reader.ask("run", "reader", "one")
    assert (before["x"], before["reused"]) == (1.0, False)
    assert before["id"] != crashed
    told = reader.say("runs", "why", crashed, str(before["id"]))
    assert told.returncode == 3
    assert "changed on the way" in told.stdout


@pytest.mark.parametrize("thing", ["reader_first.py", "first.txt"])
def test_what_the_first_attempt_alone_used_counts(reader: Reader, thing: str) -> None:
    crashed = reader.crashed()
    assert reader.ask("run", "reader", "one")["id"] == crashed
    assert reader.ask("run", "reader", "one")["reused"]
    if thing == "first.txt":
        (reader.here / thing).write_text("2")
    else:
        reader.edit("reader_first", "FIRST = 1", "FIRST = 3")
    answer = reader.say("run", "reader", "one", "--json")
    assert not json.loads(answer.stdout)["reused"]
    assert thing in answer.stderr


def test_what_a_sweep_accepted_runs_again_when_that_is_asked_for(reader: Reader) -> None:
    assert reader.say("sweep", "reader", "one", "--place=1,10").returncode == 0
    (record,) = reader.store.glob("*/sweep.json")
    reader.data.write_text("2")
    for option, values in (
        ("--accept-changes", [1, 10]),
        ("--fresh", [2, 20]),
        ("--fresh", [2, 20]),
    ):
        answer = reader.say("resume", record.parent.name, option, "--json")
        assert [run["metrics"]["x"] for run in json.loads(answer.stdout)["runs"]] == values
    assert len(list(reader.store.glob("*/run.json"))) == 4


@pytest.mark.parametrize(
    ("option", "values"), [("--accept-changes", [1, 10]), ("--fresh", [2, 20])]
)
def test_a_sweep_with_stale_points_goes_on_as_it_is_told(
    reader: Reader, option: str, values: list[int]
) -> None:
    assert reader.say("sweep", "reader", "one", "--place=1,10").returncode == 0
    (record,) = reader.store.glob("*/sweep.json")
    reader.data.write_text("2")
    refused = reader.say("resume", record.parent.name)
    assert refused.returncode == 2
    assert "data.txt changed" in refused.stderr
    answer = reader.say("resume", record.parent.name, option, "--json")
    assert answer.returncode == 0, answer.stderr
    assert [run["metrics"]["x"] for run in json.loads(answer.stdout)["runs"]] == values


def test_paths_count_from_the_folder_that_is_named(reader: Reader, tmp_path: Path) -> None:
    crashed = reader.crashed()
    there = tmp_path / "there"
    there.mkdir()
    (there / "first.txt").write_text("1")
    (there / "data.txt").write_text("2")
    assert reader.ask("run", "reader", "one", f"--cwd={there}", "--fresh")["x"] == 2.0
    assert reader.say("resume", crashed, f"--cwd={there}").returncode == 2
    (there / "data.txt").write_text("1")
    reader.data.unlink()  # as after a move
    assert reader.ask("resume", crashed, f"--cwd={there}")["x"] == 1.0


def test_times_can_stand_for_the_content_of_a_folder(reader: Reader) -> None:
    member = reader.here / "folder" / "a.txt"
    member.parent.mkdir()
    member.write_text("1")
    os.utime(member, (1, 1))
    words = ("run", "reader", "one", "--folder=folder", "--inputs=mtime")
    assert reader.ask(*words)["x"] == 2.0
    member.write_text("3")
    os.utime(member, (1, 1))
    assert reader.ask(*words)["x"] == 2.0  # what was asked for: content is not looked at
    os.utime(member, (2, 2))
    assert reader.ask(*words)["x"] == 4.0
    assert reader.ask(*words)["reused"]
    assert not reader.ask(*words[:-1])["reused"]


def test_a_person_is_asked_about_a_failed_run(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (
        reader.say("run", "reader", "one", READER_DIE="fail").returncode == RunFailedError.exit_code
    )
    (record,) = reader.store.glob("*/run.json")
    reader.data.write_text("2")
    monkeypatch.setenv("TASKS_STORE", str(reader.store))
    asked: list[str] = []
    told: list[str] = []

    def ask(answer: bool) -> Resumption:
        return Resumption(quiet=True, ask=lambda question: (asked.append(question), answer)[1])

    with pytest.raises(UsageError, match=r"data\.txt changed"):
        resume_run(Run(record.parent), ask(False), told.append)
    run, computed = resume_run(Run(record.parent), ask(True), told.append)
    assert computed
    assert run.metrics["x"] == 2.0
    assert len(asked) == 2
    assert any("data.txt changed" in line for line in told)
