"""Tasks in files: `tasks run one.py:Coin`, `taskloom.run("one.py:Coin")`, `taskloom.run(Coin)`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import taskloom as tl
from taskloom.cli.completion.answer import candidates
from taskloom.errors import PluginError, TaskloomError, UsageError
from taskloom.identity.stale import with_staleness
from taskloom.runs import list_runs
from taskloom.runs.index import documents

Tasks = Callable[..., Any]
QUIET = tl.RunOptions(quiet=True)
# What the record of a request from Python does not share with that of a command line.
OWN = {"id", "created", "started", "ended", "duration", "argv", "sources", "origin", "pid", "cwd"}


def document(run: tl.Run) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run.layout.record.read_text())
    return {name: value for name, value in found.items() if name not in OWN}


def test_a_task_in_a_file_is_one_for_the_command_line_and_for_python(
    tasks: Tasks, folder: Path
) -> None:
    told = tasks("run", "one.py:Coin", "--p=0.3", "--json")
    assert told.code == 0, told.err
    first = tl.open_run(json.loads(told.out)["id"])
    assert (first.domain, first.task, first.metrics["heads"]) == ("file", "one:Coin", 0.3)
    assert first.record.code["path"] == str(folder / "one.py")
    from one import Coin  # type: ignore[import-not-found]  # a file of this test

    asked = ("one.py:Coin", "one.py", Coin, str(folder / "one.py:Coin"))
    assert [tl.run(task, p=0.3, options=QUIET).id for task in asked] == [first.id] * 4
    forced = tl.run("one.py:Coin", p=0.3, options=tl.RunOptions(force=True))
    assert document(forced) == document(first)
    assert forced.read("toss.txt") == first.read("toss.txt")
    assert (first.record.origin, forced.record.origin) == ({"kind": "cli"}, {"kind": "python"})


def test_the_file_and_what_it_imports_from_its_folder_count(tasks: Tasks, folder: Path) -> None:
    def heads() -> tuple[float, bool]:
        run = tl.run("one.py:Coin", p=0.5, options=QUIET)
        return run.metrics["heads"], run.reused

    assert heads() == (0.5, False)
    (folder / "one.py").write_text((folder / "one.py").read_text() + "# a remark\n")
    assert heads() == (0.5, True)
    (folder / "bias.py").write_text("BIAS = 2.0\n")
    assert heads() == (1.0, False)
    (folder / "unrelated.py").write_text("")
    assert heads() == (1.0, True)
    (folder / "one.py").write_text((folder / "one.py").read_text().replace("* BIAS", "* BIAS + 1"))
    assert heads() == (2.0, False)
    rows = with_staleness(folder / "runs", documents(folder / "runs")[0])
    assert [row["stale"] for row in rows] == [[], ["code"], ["code"]]
    why = tasks("runs", "why", rows[1]["folder"])
    assert "code changed" in why.out


def test_a_class_without_parameters_needs_no_config(tasks: Tasks, folder: Path) -> None:
    (folder / "plain.py").write_text(
        "from taskloom import Result\nclass Plain:\n    def run(self, ctx):\n        return Result({'drawn': float(ctx.seed('draw'))})\n"
    )
    (folder / "function.py").write_text("def make():\n    return object()\n")
    told = tasks("run", "plain.py:Plain", "--seed=3", "--json")
    assert told.code == 0, told.err
    again = tl.run("plain.py", seed=3, options=QUIET)
    assert (again.id, again.reused) == (json.loads(told.out)["id"], True)
    assert tl.run("plain.py", seed=4, options=QUIET).metrics != again.metrics
    # Of what a function makes nothing is known before it is called.
    assert "it needs exactly one parameter, its config" in tasks("run", "function.py:make").err


def test_two_files_of_one_name_are_two_tasks(folder: Path) -> None:
    other = folder / "other"
    other.mkdir()
    (other / "bias.py").write_text("BIAS = 4.0\n")
    shutil.copy(folder / "one.py", other)
    found = [tl.run(f"{place}one.py:Coin", p=0.5, options=QUIET) for place in ("", "other/", "")]
    assert [run.metrics["heads"] for run in found] == [0.5, 2.0, 0.5]
    assert found[2].id == found[0].id


def test_the_copy_in_the_record_repeats_the_run(tasks: Tasks, folder: Path) -> None:
    run = tl.run("one.py:Coin", p=0.3, options=QUIET)
    (folder / "one.py").unlink()
    (folder / "bias.py").unlink()
    words = ("--config", str(run.layout.config))
    again = tasks("run", f"{run.layout.code / 'one.py'}:Coin", *words, "--json")
    assert json.loads(again.out)["id"] == run.id
    elsewhere = ("--store", str(folder / "elsewhere"), "--json")
    told = tasks("run", f"{run.layout.code / 'one.py'}:Coin", *words, *elsewhere)
    assert json.loads(told.out)["metrics"] == {"heads": 0.3}


def test_a_sweep_of_a_file_is_placed_anywhere_and_resumed(tasks: Tasks) -> None:
    told = tasks("sweep", "one.py:Coin", "--p=0.1,0.2", "--jobs=2", "--json")
    assert told.code == 0, told.err
    assert sorted(run.metrics["heads"] for run in list_runs()) == [0.1, 0.2]
    assert tasks("resume", json.loads(told.out)["sweep"]).code == 0
    swept = tl.sweep("one.py:Coin", {"p": [0.1, 0.3]}, options=tl.RunOptions(executor="inline"))
    assert [result.reused for result in swept.results] == [True, False]
    frame = swept.frame()
    assert list(frame["config.p"]) == [0.1, 0.3]
    assert list(frame["reused"]) == [True, False]
    assert swept.best("heads", "max").metrics["heads"] == 0.3


def test_other_commands_take_the_same_spelling(tasks: Tasks) -> None:
    checked = tasks("check", "one.py")
    assert (checked.code, checked.out) == (0, "file one:Coin: ok\n")
    shown = tasks("info", "one.py:Coin", "--json")
    assert json.loads(shown.out)["summary"] == "Toss a coin."
    assert [row["name"] for row in tl.info("one.py").parameters] == ["seed", "p"]
    assert tl.open_run(tl.run("one.py", options=QUIET).id).code.endswith("one.py")
    assert "--p=" in dict(candidates(["run", "one.py:Coin"], "--p"))
    helped = tasks("run", "one.py:Coin", "--help")
    assert "--p" in helped.out
    assert "Chance of heads." in helped.out


GAME = '''
from taskloom_hci.games.pointing import Pointing
from taskloom_hci.tasks.pointing import PointingConfig, pointing


class Mine(Pointing):
    """Pointing, of my own."""

    def __init__(self, config: PointingConfig) -> None:
        super().__init__((config.cells,), config.targets, "gain", config.max_rounds)
'''


def test_a_class_of_a_domain_is_of_that_domain_with_its_components_and_verbs(
    tasks: Tasks, folder: Path
) -> None:
    pytest.importorskip("taskloom_hci")
    (folder / "game.py").write_text(GAME)
    told = tasks("run", "game.py:Mine", "--episodes=20", "--json")
    assert told.code == 0, told.err
    run = tl.open_run("@last")
    assert (run.domain, run.task) == ("hci", "game:Mine")
    assert run.metrics["episodes"] == 20
    assert tasks("hci", "replay", "@last").code == 0
    from taskloom_hci.driver import pair

    pytest.importorskip("matplotlib")  # draws the game; without it there is text
    bound = tl.open_task("hci/pointing", targets=3)
    game = pair(bound.task, bound.config, seed=1)
    game.reset()
    page = game._repr_html_()
    assert page.startswith('<figure style="margin:0;--c1:')
    assert "<svg" in page
    assert len(page.encode()) < 200_000


WALKS = """
from typing import Protocol, runtime_checkable

import taskloom as tl


@runtime_checkable
class Walks(Protocol):
    def walk(self) -> float: ...


class WalkConfig(tl.Config):
    pass


def domain(name):
    return tl.DomainRef(
        name, "A test.", "", (), protocol="walks:Walks", config="walks:WalkConfig", driver="walks"
    )


NORTH, SOUTH = domain("north"), domain("south")


def run(task, ctx, checkpoint):
    return tl.Result({"walked": task.task.walk()})


def check(task):
    return ()


def describe(task):
    return {}


def can_resume(task):
    return False
"""
WALKER = "class Walker:\n    def walk(self) -> float:\n        return 2.0\n"


def test_a_class_that_fits_two_domains_needs_to_be_told_which(
    tasks: Tasks, folder: Path, install: Callable[..., Path]
) -> None:
    install("walks", "[taskloom.domains]\nnorth = walks:NORTH\nsouth = walks:SOUTH\n", walks=WALKS)
    (folder / "walker.py").write_text(WALKER)
    several = "walker.py:Walker fits the protocols of several domains: north, south."
    told = tasks("run", "walker.py")
    assert told.code == 2
    assert several in tasks("run", "walker.py:Walker").err
    with pytest.raises(UsageError, match="fits the protocols of several domains"):
        tl.run("walker.py:Walker")
    run = tl.run("walker.py:Walker", options=tl.RunOptions(task_domain="south", quiet=True))
    assert (run.domain, run.task, run.metrics) == ("south", "walker:Walker", {"walked": 2.0})
    again = tasks("run", "walker.py:Walker", "--domain=south", "--json")
    assert json.loads(again.out)["id"] == run.id
    assert tasks("check", "walker.py:Walker", "--domain", "north").code == 0


@pytest.mark.parametrize(
    ("file", "source", "words", "code", "sentence"),
    [
        ("one.py", None, "onee.py:Coin", 2, "There is no file onee.py."),
        ("one.py", None, "one.py:Coyn", 2, "one.py has no 'Coyn'; its tasks: Coin."),
        ("two.py", "from one import *\nclass A(Coin): pass\nclass B(Coin): pass\n", "two.py", 2, "two.py holds 2 tasks: A, B."),
        ("none.py", "x = 1\n", "none.py", 2, "none.py holds no task."),
        ("bad.py", "import taskloom\nx = = 1\n", "bad.py:X", 2, "bad.py cannot be loaded: SyntaxError: invalid syntax"),
        ("raises.py", "\n1 / 0\n", "raises.py:X", 2, "raises.py cannot be loaded: ZeroDivisionError: division by zero (line 2)."),
        ("json.py", "", "json.py:X", 2, "Python has another module 'json' already."),
        ("empty.py", "class Nothing: pass\n", "empty.py:Nothing", 4, "empty.py:Nothing is no task: it lacks run(ctx)"),
        ("top.py", "import taskloom as tl\nfrom one import Coin\ntl.run(Coin)\n", "top.py:Coin", 2, "runs tasks while it is loaded; put these calls behind: if __name__ == '__main__'."),
        ("odd.py", "class Odd:\n    def __init__(self, a): pass\n    def run(self, ctx): pass\n", "odd.py:Odd", 4, "annotate its parameter 'a' with the config class"),
    ],
)  # fmt: skip
def test_what_cannot_be_run_is_refused_in_one_sentence(
    tasks: Tasks, folder: Path, file: str, source: str | None, words: str, code: int, sentence: str
) -> None:
    if source is not None:
        (folder / file).write_text(source)
    told = tasks("run", words)
    assert told.code == code, told.err
    assert sentence in told.err
    assert "Traceback" not in told.err
    with pytest.raises(TaskloomError) as caught:
        tl.run(words)
    assert sentence in caught.value.message
    assert "\n" not in caught.value.message
    assert not (folder / "runs").exists()


def test_a_file_that_is_gone_or_raises_is_told_of_by_resume(tasks: Tasks, folder: Path) -> None:
    (folder / "one.py").write_text(
        (folder / "one.py").read_text().replace("return", "raise ValueError; return")
    )
    with pytest.raises(TaskloomError):
        tl.run("one.py:Coin", options=QUIET)
    (folder / "one.py").unlink()
    told = tasks("resume", "@last")
    assert told.code == 2
    assert "There is no file" in told.err


def test_a_misspelt_keyword_and_a_config_of_another_task_are_refused(folder: Path) -> None:
    with pytest.raises(UsageError) as caught:
        tl.run("one.py:Coin", pp=0.3)
    assert caught.value.hint == "did you mean --p?"
    with pytest.raises(UsageError, match="it is an option of the run") as caught:
        tl.run("one.py:Coin", store="elsewhere")
    assert caught.value.hint == "options=taskloom.RunOptions(store=...)"
    (folder / "two.py").write_text(
        "import taskloom as tl\nclass OtherConfig(tl.Config):\n    q: int = 1\n"
    )
    sys.path.insert(0, str(folder))
    from two import OtherConfig  # type: ignore[import-not-found]  # a file of this test

    with pytest.raises(UsageError, match="takes a CoinConfig, not a OtherConfig"):
        tl.run("one.py:Coin", OtherConfig())
    with pytest.raises(PluginError, match="OtherConfig is no task: it lacks run"):
        tl.run(OtherConfig())
    with pytest.raises(UsageError, match="has no 'model' to load; it has: nothing"):
        tl.run("one.py:Coin", options=QUIET).load("model")


SCRIPT = """
import taskloom as tl
from one import Coin, CoinConfig

class Mine(Coin):
    '''A coin of the script.'''

if __name__ == "__main__":
    swept = tl.sweep(Mine, {"p": [0.1, 0.2]})
    run = tl.run(Mine, p=0.1)
    print(run.id, run.task, [item.status for item in swept.runs], run.reused)
"""


def test_a_script_writes_nothing_to_stderr_and_its_class_runs_in_workers(
    tasks: Tasks, folder: Path
) -> None:
    (folder / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "script.py"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    name, rest = done.stdout.split(" ", 1)
    assert rest == "script:Mine ['finished', 'finished'] True\n"
    told = tasks("run", "script.py:Mine", "--p=0.1", "--json")
    assert json.loads(told.out)["id"] == name
