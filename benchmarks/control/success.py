"""Share of episodes that each task solves at its default settings, one line of JSON per episode.

    python benchmarks/control/success.py [--seeds 20] [--out FILE] [TASK ...]
    python benchmarks/control/success.py --table [--out FILE]
    python benchmarks/control/success.py --into PAGE

An episode that the file has at the same settings is not played again, so that a run may be broken off and continued. CPU
times are those of the process, all threads together: `plan_cpu` is one control period, the plan and the simulated steps.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ours import bound, clopper_pearson, make
from taskloom_control.closed_loop.loop import ClosedLoop
from taskloom_control.domain import DOMAIN
from taskloom_control.metrics import episode_metrics

RESULTS = Path(__file__).with_name("success.jsonl")
BEGIN, END = "<!-- success -->", "<!-- end -->"
TASKS = [ref.name for ref in DOMAIN.tasks]


def settings(name: str) -> str:
    """Return a digest of a task's defaults and of its model, by which stale episodes are told."""
    task = make(name)
    left_out: dict[str, Any] = {"record": True, "engine": True}
    # Fields that came later, at values that leave everything as it was before them.
    left_out["controller"] = {"foresees", "unlimited_scale"}
    if getattr(task.config.optimizer, "finest", 1.0) == 1.0:
        left_out["optimizer"] = {"finest"}
    text = task.config.model_dump_json(exclude=left_out) + task.model_path.read_text()
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def episode(name: str, seed: int) -> dict[str, Any]:
    """Play one episode and return its row."""
    # The tasks in the hand draw their goals from the config's seed.
    loop, cpu = ClosedLoop(bound(name, seed=seed), seed, seed), []
    try:
        while not loop.done:
            began = time.process_time()
            loop.advance()
            cpu.append(time.process_time() - began)
        metrics = episode_metrics(loop.simulation, loop.arrays(), loop.config)
    finally:
        loop.close()
    row = {
        "task": name,
        "settings": settings(name),
        "seed": seed,
        "success": int(metrics["success"]),
        "cost": round(metrics["cost"], 6),
        "settled": round(metrics["settling_time"], 3) if "settling_time" in metrics else None,
        "cpu": round(sum(cpu), 2),
        "plan_cpu": [round(float(v), 5) for v in np.percentile(cpu, [50, 95])],
        "period": round(1.0 / loop.config.controller.control_freq, 5),
        "optimizer": loop.config.optimizer.kind,
    }
    return row | ({"goals": int(metrics["goals"])} if "goals" in metrics else {})


def read(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a file that were played at the present settings."""
    if not path.exists():
        return []
    digests = {name: settings(name) for name in TASKS}
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [row for row in rows if digests.get(row["task"]) == row["settings"]]


def missing(names: Iterable[str], seeds: int, path: Path) -> Iterator[tuple[str, int]]:
    """Return the episodes that the file does not have."""
    done = {(row["task"], row["seed"]) for row in read(path)}
    return ((n, s) for n in names for s in range(seeds) if (n, s) not in done)


def table(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Return the lines of a Markdown table, a task each."""
    yield "| task | solved | 95 % | cost | settled | CPU, load |"
    yield "| --- | ---: | --- | ---: | ---: | ---: |"
    for name in TASKS:
        mine = [row for row in rows if row["task"] == name]
        if not mine:
            yield f"| {name} | - | unmeasured | | | |"
            continue
        solved, count = sum(row["success"] for row in mine), len(mine)
        settled = [row["settled"] for row in mine if row["settled"] is not None]
        exact = clopper_pearson(solved, count)
        middle, tail = (
            1e3 * float(np.median([row["plan_cpu"][k] for row in mine])) for k in (0, 1)
        )
        cells = [
            name,
            f"{solved}/{count}",
            f"{exact[0]:.2f}-{exact[1]:.2f}",
            f"{np.mean([row['cost'] for row in mine]):.3g}",
            f"{np.median(settled):.2f}" if settled else "",
            f"{middle:.1f} ({tail:.1f}), {0.1 * middle / mine[0]['period']:.0f} %",
        ]
        yield f"| {' | '.join(cells)} |"


def write_into(page: Path, lines: Iterable[str]) -> None:
    """Replace what stands between a page's markers."""
    before, rest = page.read_text().split(BEGIN)
    after = rest.split(END)[1]
    page.write_text("\n".join([before + BEGIN, "", *lines, "", END + after]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="*")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true", help="Print the table and play nothing.")
    parser.add_argument("--into", type=Path, help="Write the table into a page and play nothing.")
    arguments = parser.parse_args()
    if not arguments.table and not arguments.into:
        names = arguments.tasks or TASKS
        for name, seed in missing(names, arguments.seeds, arguments.out):
            line = json.dumps(episode(name, seed))
            with arguments.out.open("a") as file:
                file.write(line + "\n")
            print(line, flush=True)
    lines = list(table(read(arguments.out)))
    if arguments.into:
        write_into(arguments.into, lines)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
