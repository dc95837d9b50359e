"""`tasks anomaly leaderboard`: all detectors on all tasks, on several seeds, tested against one another on the same samples."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import typer
from taskloom.errors import UsageError
from taskloom.registry.components import load_components
from taskloom.registry.isolate import load_target
from taskloom.registry.suggest import did_you_mean
from taskloom.report.write import require_extra
from taskloom.runs.writer import atomic_write

from taskloom_anomaly.detection.leaderboard import DEFAULT, Cell, Work, ordered
from taskloom_anomaly.detection.standings import standings
from taskloom_anomaly.detectors.base import GROUP
from taskloom_anomaly.detectors.short_names import spelled_out
from taskloom_anomaly.domain import DOMAIN
from taskloom_anomaly.verbs.common import ParamOption, arguments_of

BOARD, PAGE, CELLS = "leaderboard.json", "leaderboard.html", "cells"
# A watch is no task with anomalies; one needs an earlier run, one files of the user's.
LEFT_OUT = {"monitor": "it is a watch", "backdoor_detection": "it needs a run", "text": "it needs files"}  # fmt: skip
# A skyline that is told the anomalies; and the adapter of the libraries, which is a detector once a class is named.
_NOT_BY_DEFAULT = ("probe", "library")
# The form of the Mahalanobis distance that finds most over all tasks, beside the one that the name alone means.
_BESIDE = ("mahalanobis:mixture",)


def leaderboard(
    *,
    tasks: Annotated[
        str, typer.Option(help="Tasks, with commas between; all that need neither a run nor files unless given.")
    ] = "",
    detectors: Annotated[
        str, typer.Option(help="Detectors, with commas between, such as knn,sklearn:OneClassSVM,pyod:ECOD; `default` is the task's own, mahalanobis:mixture a mode; all unless given.")
    ] = "",
    seeds: Annotated[int, typer.Option(min=1, help="Seeds 0 to this number, without it.")] = 3,
    first_seed: Annotated[int, typer.Option("--first-seed", min=0, help="The first seed.")] = 0,
    jobs: Annotated[int, typer.Option("-j", "--jobs", min=1, help="Processes.")] = 2,
    out: Annotated[
        Path, typer.Option("--out", "--dir", help="Folder of the board, its page, and the cells, which are not computed again.")
    ] = Path("leaderboard"),
    param: ParamOption = None,
) -> None:  # fmt: skip
    """Fit every detector on every task, and write the standings: AUROC, ranks, regrets, and pairs with tests and intervals.

    A network is trained once a task and seed. A cell is kept under the identity of its computation, so that an interrupted board goes on, and a board
    that is asked for again is the same to the byte. Tasks whose validity card fails are shown and not averaged.
    """
    require_extra()
    names = [ref.name for ref in DOMAIN.tasks if ref.name not in LEFT_OUT]
    known = [DEFAULT, *load_components(GROUP)]
    asked = _chosen(tasks, names, "task")
    plain = [name for name in known if name not in _NOT_BY_DEFAULT]
    wanted = _chosen(detectors, [*plain, *_BESIDE], "detector", known)
    settings = arguments_of(param)
    works = [
        Work(task, seed, tuple(wanted), out / CELLS, settings)
        for task in asked
        for seed in range(first_seed, first_seed + seeds)
    ]
    cells = ordered(_all(works, jobs), asked, wanted)
    board = standings(cells)
    board["left_out"] = {} if tasks else LEFT_OUT
    out.mkdir(parents=True, exist_ok=True)
    atomic_write(out / BOARD, json.dumps(board, indent=1, sort_keys=True) + "\n")
    draw: Any = load_target("taskloom_anomaly.report.leaderboard:write_page")
    draw(out / PAGE, board)
    for line in _lines(board):
        typer.echo(line)
    typer.echo(f"board: {out / BOARD}\npage: {out / PAGE}", err=True)


def _chosen(
    text: str, default: Sequence[str], what: str, known: Sequence[str] | None = None
) -> list[str]:
    """Return the names that a list asks for, each once.

    Raises:
        UsageError: There is none of a name.
    """
    if not text:
        return list(default)
    found = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    for name in found:
        is_short = what == "detector" and spelled_out(name) is not None
        if not is_short and name not in (known or default):
            hint = did_you_mean(name, known or default)
            why = f" ({LEFT_OUT[name]})" if what == "task" and name in LEFT_OUT else ""
            raise UsageError(f"There is no {what} '{name}' for a leaderboard{why}.", hint=hint.capitalize())  # fmt: skip
    return found


def _all(works: Sequence[Work], jobs: int) -> Iterator[Cell]:
    if jobs == 1 or len(works) == 1:
        for work in works:
            yield from work.cells()
        return
    # Spawned: a process that was forked beside threads of a library may hang.
    with ProcessPoolExecutor(min(jobs, len(works)), multiprocessing.get_context("spawn")) as pool:
        for done in pool.map(_cells, works):
            yield from done


def _cells(work: Work) -> list[Cell]:
    return work.cells()


def _lines(board: dict[str, Any]) -> Iterator[str]:
    """Yield the table over all tasks, the detector with the highest mean AUROC first."""
    rows = sorted(board["detectors"].items(), key=lambda item: (-item[1]["tasks"], -item[1]["auroc"], item[0]))  # fmt: skip
    yield f"{'detector':<28} {'tasks':>5} {'AUROC':>7} {'rank':>6} {'regret':>7} {'worst':>7} {'layer':>7}"
    for name, row in rows:
        yield (
            f"{name:<28} {row['tasks']:>5} {row['auroc']:>7.3f} {row['rank']:>6.1f} {row['regret_to_best_detector']:>7.3f}"
            f" {row['worst_regret']:>7.3f} {row['regret_to_best_layer']:>7.3f}"
        )
