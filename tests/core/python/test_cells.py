"""Taskloom in the kernel of a notebook: classes of cells, what a cell shows, and what a session keeps.

One kernel runs all cells once, in order; each test reads what one of them left.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from taskloom.cli import main
from taskloom.runs import Run, list_runs

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")

CELLS = {
    "define": """
import taskloom as tl
SCALE = 2.0
LIMITS = {3, 1, 2}

def double(x):
    return SCALE * x

class CoinConfig(tl.Config):
    '''A coin.'''
    p: float = 0.5

class Coin:
    '''Toss a coin.'''

    def __init__(self, config: CoinConfig) -> None:
        self.config = config

    def run(self, ctx: tl.RunContext) -> tl.Result:
        with ctx.progress(3, "tosses") as bar:
            for step in range(max(LIMITS)):
                bar.advance()
                ctx.log(step, heads=self.config.p)
        print("tossed")
        return tl.Result({"heads": double(self.config.p)}, summary="<b>tossed</b>")

run = tl.run(Coin, p=0.3)
""",
    "again": "run = tl.run(Coin, p=0.3)\n(run.reused, run.id)",
    "shown": "run",
    "edited": "SCALE = 3.0\nedited = tl.run(Coin, p=0.3)\n(edited.reused, edited.metrics['heads'])",
    "cached": """
from functools import lru_cache

@lru_cache
def triple(x):
    return 3.0 * x

class Cached(tl.Config):
    def run(self, ctx):
        return tl.Result({"y": triple(2)})

cached = tl.run(Cached)
(cached.record.reusable, "@lru_cache" in (cached.dir / "code" / "cell.py").read_text())
""",
    "whole": """
class Own(tl.Config):
    '''A config that is its own task.'''
    p: float = 0.1

    def run(self, ctx):
        return tl.Result({"p": self.p})

own = tl.run(Own(p=0.2))
(own.domain, own.task, own.metrics["p"], tl.run(Own, p=0.2).reused)
""",
    "object": """
net = object()

class UsesNet(Coin):
    def run(self, ctx: tl.RunContext) -> tl.Result:
        return tl.Result({"net": float(net is not None)})

first = tl.run(UsesNet)
(tl.run(UsesNet).reused, first.record.reusable, first.record.code["reason"])
""",
    "followed": """
import math as m
from typing import Annotated
from pydantic import Field

Share = Annotated[float, Field(ge=0)]
START = CoinConfig(p=0.25)
half = lambda x: x * m.pow(2, -1)
Again = Coin

def sum(values):
    return 7.0 + START.p

class Follows(Again):
    limit: Share = 0.5

    def run(self, ctx: tl.RunContext) -> tl.Result:
        return tl.Result({"x": half(sum([1.0]))})

first = tl.run(Follows)
START = CoinConfig(p=0.75)
second = tl.run(Follows)
(first.metrics["x"], second.metrics["x"], second.reused, second.record.reusable)
""",
    "sweep": "sweep = tl.sweep(Coin, {'p': [0.3, 0.4]})\nsweep",
    "elsewhere": "tl.sweep(Coin, {'p': [0.6]}, options=tl.RunOptions(executor='local'))",
    "lacking": "class Nothing:\n    pass\n\ntl.run(Nothing)",
    "disturbs": """
import asyncio, os, random, signal, sys, threading, warnings

class Disturbs(Coin):
    def run(self, ctx: tl.RunContext) -> tl.Result:
        random.seed(1)
        os.chdir("/")
        sys.argv.append("more")
        warnings.simplefilter("ignore")
        return tl.Result({"x": 1.0})

def state():
    handler = signal.getsignal(signal.SIGINT)
    return os.getcwd(), list(sys.argv), list(warnings.filters), handler, random.getstate()

before = state()
tl.run(Disturbs)
(before == state(), asyncio.get_running_loop().is_running())
""",
    "threads": """
found = []
threads = [threading.Thread(target=lambda p=p: found.append(tl.run(Coin, p=p))) for p in (0.7, 0.8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
sorted(item.metrics["heads"] for item in found)
""",
    "interrupted": """
class Stops(Coin):
    def run(self, ctx: tl.RunContext) -> tl.Result:
        os.kill(os.getpid(), signal.SIGINT)
        import time
        time.sleep(30)

tl.run(Stops)
""",
    "chart": """
from taskloom.report import charts
charts.line([{"x": 0, "y": 1.0}, {"x": 1, "y": 2.0}], x="x", y="y")
""",
    "report": "run.report()",
    "listed": "tl.runs('metrics.heads > 0', task='cell/Coin')",
    "damaged": """
broken = tl.open_run(own.id)
broken.record = None
broken
""",
}
# The same definitions with other words about them: the same computation.
CELLS = {
    **{name: CELLS[name] for name in ("define", "again", "shown")},
    "reworded": CELLS["define"].replace("'Toss a coin.'", "'Toss one coin.'") + "run.reused",
    **CELLS,
}


@dataclass(frozen=True)
class Output:
    """Output of one cell.

    Attributes:
        text: What was printed.
        errors: What came on stderr.
        shown: The values that were displayed, by type, in their order.
        raised: Name and sentence of the exception that ended it; or empty.
    """

    text: str
    errors: str
    shown: list[dict[str, str]]
    raised: tuple[str, str]

    @property
    def value(self) -> str:
        return self.shown[-1]["text/plain"]

    @property
    def page(self) -> str:
        return self.shown[-1]["text/html"]


def read_cell(cell: Any) -> Output:  # noqa: ANN401 -- a node of nbformat
    outputs = cell.outputs
    streams = {
        name: "".join(item.text for item in outputs if item.get("name") == name)
        for name in ("stdout", "stderr")
    }
    shown = [dict(item.data) for item in outputs if "data" in item]
    failed = [(item.ename, item.evalue) for item in outputs if item.output_type == "error"]
    return Output(streams["stdout"], streams["stderr"], shown, failed[0] if failed else ("", ""))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("notebook")


@pytest.fixture(scope="module")
def cells(place: Path) -> dict[str, Output]:
    """Return the outputs of every cell by its name."""
    made = [nbformat.v4.new_code_cell(source.strip()) for source in CELLS.values()]
    notebook = nbformat.v4.new_notebook(cells=made)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of the libraries between here and the kernel
        client = nbclient.NotebookClient(
            notebook, timeout=300, allow_errors=True, resources={"metadata": {"path": str(place)}}
        )
        client.execute()
    return {name: read_cell(cell) for name, cell in zip(CELLS, notebook.cells, strict=True)}


@pytest.fixture
def coin(place: Path, cells: dict[str, Output]) -> Run:
    """Return the first run."""
    del cells
    return next(run for run in list_runs(place / "runs") if run.task == "Coin")


def test_no_cell_fails_or_writes_to_stderr_but_those_that_must(cells: dict[str, Output]) -> None:
    failed = {name for name, output in cells.items() if output.raised[0]}
    assert failed == {"elsewhere", "lacking", "interrupted"}
    assert {name: output.errors for name, output in cells.items() if output.errors} == {}


def test_a_class_of_a_cell_runs_and_its_record_holds_its_source(coin: Run) -> None:
    assert (coin.domain, coin.task, coin.metrics["heads"]) == ("cell", "Coin", 0.6)
    assert coin.record.origin == {"kind": "notebook"}
    assert coin.record.code == {"kind": "cell", "name": "Coin"}
    source = (coin.layout.code / "cell.py").read_text()
    names = (
        "SCALE = 2.0",
        "LIMITS = set([1, 2, 3])",
        "def double",
        "class CoinConfig",
        "class Coin:",
    )
    assert [name for name in names if name not in source] == []
    assert "tl.run(" not in source


def test_a_function_that_a_decorator_wraps_counts_by_its_text(cells: dict[str, Output]) -> None:
    assert cells["cached"].value == "(True, True)"


def test_the_kept_source_runs_from_a_shell(
    coin: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = f"{coin.layout.code / 'cell.py'}:Coin"
    words = ("--config", str(coin.layout.config), "--store", str(tmp_path), "--json")
    assert main(["run", file, *words]) == 0
    assert json.loads(capsys.readouterr().out)["metrics"] == {"heads": 0.6}


def test_an_edit_of_what_a_class_uses_is_another_run_and_an_edit_of_words_is_none(
    cells: dict[str, Output],
) -> None:
    assert cells["again"].value.startswith("(True, ")
    assert cells["reworded"].value == "True"
    assert cells["edited"].value == "(False, 0.8999999999999999)"


def test_a_config_that_is_its_own_task_may_be_the_whole_request(cells: dict[str, Output]) -> None:
    assert cells["whole"].value == "('cell', 'Own', 0.2, True)"


def test_an_object_of_the_session_makes_a_run_answer_nothing_later(
    cells: dict[str, Output],
) -> None:
    assert cells["object"].value == "(False, False, 'uses `net`, an object of this session')"


def test_what_a_class_uses_is_followed_under_every_name(
    cells: dict[str, Output], place: Path
) -> None:
    assert cells["followed"].value == "(3.625, 3.875, False, True)"
    run = next(run for run in list_runs(place / "runs") if run.task == "Follows")
    source = (run.layout.code / "cell.py").read_text()
    wanted = ("import math as m", "Again = Coin", "half = lambda", "def sum", "Share = Annotated[")
    assert [text for text in wanted if text not in source] == []


def test_a_sweep_of_a_cells_class_runs_in_the_kernel_and_nowhere_else(
    cells: dict[str, Output],
) -> None:
    assert cells["sweep"].page.count("finished") == 2
    kind, told = cells["elsewhere"].raised
    assert kind == "UsageError"
    assert (
        "Coin is a class of a notebook, which cannot be sent elsewhere; save it in a file." in told
    )


def test_a_class_that_is_no_task_is_told_what_it_lacks(cells: dict[str, Output]) -> None:
    kind, told = cells["lacking"].raised
    assert kind == "PluginError"
    assert told.startswith("Nothing is no task: it lacks run(ctx); for ")


def test_a_run_leaves_the_session_as_it_was_inside_a_running_event_loop(
    cells: dict[str, Output],
) -> None:
    assert cells["disturbs"].value == "(True, True)"


def test_runs_may_come_from_threads(cells: dict[str, Output]) -> None:
    assert cells["threads"].value == "[2.0999999999999996, 2.4000000000000004]"


def test_an_interruption_is_recorded_and_raised(cells: dict[str, Output], place: Path) -> None:
    kind, told = cells["interrupted"].raised
    stopped = [run for run in list_runs(place / "runs") if run.task == "Stops"]
    assert (kind, [run.status for run in stopped]) == ("KeyboardInterrupt", ["stopped"])
    assert stopped[0].id in told


def test_what_a_task_prints_and_how_far_it_is_stand_below_the_cell(
    cells: dict[str, Output], coin: Run
) -> None:
    assert "tossed" in cells["define"].text
    assert "tossed" in coin.layout.output.read_text()
    (handle,) = cells["define"].shown
    assert f"run {coin.id}" in handle["text/plain"]
    assert "finished in" in handle["text/html"]


def test_runs_sweeps_charts_and_reports_are_shown_as_pages(cells: dict[str, Output]) -> None:
    card = cells["shown"].page
    assert "cell/Coin" in card
    assert "&lt;b&gt;tossed&lt;/b&gt;" in card  # text of a task is text
    chart = cells["chart"].page
    assert "<svg" in chart
    assert "<script" not in chart
    assert len(chart.encode()) < 200_000
    assert cells["report"].page.startswith('<iframe sandbox="" srcdoc="')
    assert "runs</div>" in cells["listed"].page
    assert "cannot be shown" in cells["damaged"].page


def test_a_run_of_a_cell_is_resumed_in_its_notebook_alone(
    coin: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped = next(run for run in list_runs(coin.dir.parent) if run.task == "Stops")
    assert main(["resume", str(stopped.dir)]) == 2
    told = capsys.readouterr().err
    assert "Stops is a class of a notebook, which is not this one" in told
