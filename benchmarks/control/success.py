"""Share of episodes that each task solves at its default settings, on the test seeds of this version.

    python benchmarks/control/success.py [--first N] [TASK ...]        # plays what is missing
    python benchmarks/control/success.py --into PAGE                   # writes the table, plays nothing

It is `tasks control bench` with the project's own ledger: `ledger.jsonl` and `episodes.jsonl` beside this file. A row whose
defaults, model or task have changed since counts as unmeasured, and is measured at the next look, on other seeds. A look is
noted with all its seeds; `--first N` plays only so many of them today, and a later call goes on where it ended.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # the module beside the folders

import numpy as np
from ours import bound
from tables import put
from taskloom import __version__
from taskloom_control.bench.comparison import Side
from taskloom_control.bench.effort import plans_per_second
from taskloom_control.bench.episodes import Episode, EpisodeFile
from taskloom_control.bench.measuring import Bench
from taskloom_control.bench.variants import settings_digest
from taskloom_control.closed_loop.ledger import Ledger, LedgerRow
from taskloom_control.closed_loop.seeds import DEVELOPMENT, sealed_count, sealed_seeds
from taskloom_control.domain import DOMAIN

HERE = Path(__file__).parent
# The tasks of other packages have a table of their own: suites.py.
TASKS = [ref.name for ref in DOMAIN.tasks if not ref.needs]


def look_at(ledger: Ledger, name: str) -> LedgerRow | None:
    """Return the look at a task's present defaults alone, the last one if the planner has changed since the first."""
    digest = settings_digest(bound(name))
    found = [
        row
        for row in ledger.looks(f"control/{name}", __version__)
        if len(row.settings) == 1 and row.settings[0].startswith(f"{digest}-")
    ]
    return found[-1] if found else None


def table(ledger: Ledger, file: EpisodeFile) -> Iterator[str]:
    """Return the lines of a Markdown table, a task each, and of the sum over all."""
    yield "| task | solved | 95 % | cost | 95 % | settled | CPU | look, commit, day |"
    yield "| --- | ---: | --- | ---: | --- | ---: | ---: | ---: |"
    total: list[Episode] = []
    for name in TASKS:
        look = look_at(ledger, name)
        rows = []
        if look is not None:
            seeds = sealed_seeds(look.task, look.release, look.look, look.seeds).values
            digest, planner = look.settings[0].split("-")
            rows = [row for seed in seeds if (row := file.known(look.task, digest, planner, seed))]
        if look is None or len(rows) < 2:
            yield f"| {name} | - | unmeasured | | | | | |"
            continue
        side, task = Side(name, "", tuple(rows)), bound(name)
        total += rows
        settled = [row.settled for row in rows if row.settled is not None]
        plans = plans_per_second(task) * task.config.seconds
        cells = [
            name,
            f"{side.solved}/{len(rows)}",
            f"{side.success.low:.2f}-{side.success.high:.2f}",
            f"{side.cost.estimate:.3g}",
            f"{side.cost.low:.3g} to {side.cost.high:.3g}",
            f"{np.median(settled):.2f}" if settled else "",
            f"{1e3 * side.cpu / plans:.1f}",
            f"{look.look}, {look.commit[:8]}, {look.time[:10]}",
        ]
        yield f"| {' | '.join(cells)} |"
    if total:
        pooled = Side("all", "", tuple(total))
        low, high = pooled.success.low, pooled.success.high
        yield f"| *all* | {pooled.solved}/{len(total)} | {low:.2f}-{high:.2f} | | | | | |"


def measure(bench: Bench, name: str, first: int | None) -> None:
    """Play what is missing of a task's look; its number of seeds follows from the time of one development episode."""
    task = bound(name)
    # Not the ledger's number: an earlier look at this task may have been one at 200 plants.
    tried = bench.file.play(task, settings_digest(task), DEVELOPMENT.start)
    bench.measure({"default": task}, "test", sealed_count(tried.cpu), first=first)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="*")
    parser.add_argument("--first", type=int, help="Play only so many seeds of each look.")
    parser.add_argument("--folder", type=Path, default=HERE, help="Of the ledger and the rows.")
    parser.add_argument("--into", type=Path, help="Write the table into a page and play nothing.")
    arguments = parser.parse_args()
    ledger = Ledger(arguments.folder)
    if not arguments.into:
        file = EpisodeFile(arguments.folder / "episodes.jsonl")
        bench = Bench(ledger, file, lambda text: print(text, flush=True))
        for name in arguments.tasks or TASKS:
            measure(bench, name, arguments.first)
    lines = list(table(ledger, EpisodeFile(arguments.folder / "episodes.jsonl")))
    if arguments.into:
        put(arguments.into, "success", lines)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
