"""Share of a spoiled start that `tasks control tune` recovers, on test seeds.

    python benchmarks/control/tuned.py [TASK ...]                               # tunes and plays what is missing
    python benchmarks/control/tuned.py --into benchmarks/control/README.md      # writes the table, plays nothing

A task begins with another optimizer than its own, four times the noise of the louder of the two, and half the horizon. The search
may spend the physics that the task's defaults spend, and try every dimension and the optimizer; the defaults are one of its 48
settings. Then the defaults, the spoiled start and what was chosen are played once on the same test seeds: recovered is the share of
the paired loss, (spoiled - tuned) / (spoiled - default). Several lines of one task are several measurements, of which the last is shown.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # the module beside the folders

import numpy as np
from ours import bound
from suites import commit
from tables import put
from taskloom.statistics.intervals import mean_interval
from taskloom_control.bench.effort import steps_of_a_candidate, with_budget
from taskloom_control.bench.episodes import EpisodeFile
from taskloom_control.bench.measuring import Bench
from taskloom_control.bench.space import KNOWN
from taskloom_control.bench.tuning import search
from taskloom_control.bench.variants import Bound, settings_digest, with_values
from taskloom_control.closed_loop.ledger import Ledger
from taskloom_control.closed_loop.seeds import TUNING
from taskloom_control.optimizers.base import SamplingOptimizer

HERE = Path(__file__).parent
TASKS = ("double_integrator", "cartpole", "particle_goal", "reacher")
OTHER = {"cem": "ps", "mppi": "cem", "ps": "cem", "ilqr": "cem", "lqr": "cem"}
SEEDS = 40
# A spoiled start is played at the physics of the defaults as nearly as whole candidates allow.
_LEFT_OVER = 0.2


def spent(task: Bound, file: EpisodeFile) -> float:
    """Return the physics of a task's defaults for each simulated second; iLQR's shows in an episode."""
    optimizer = task.config.optimizer
    if isinstance(optimizer, SamplingOptimizer):
        return steps_of_a_candidate(task) * optimizer.num_rollouts
    return file.play(task, settings_digest(task), TUNING[0]).physics


def spoiled(task: Bound, budget: float) -> Bound:
    """Return a task with another optimizer, four times the louder one's noise and half the horizon, at the same physics."""
    kind = OTHER[task.config.optimizer.kind]
    half = task.config.controller.horizon / 2
    other = with_values(task, {"optimizer": {"kind": kind}, "controller.horizon": half})
    noise = "sigma_start" if kind == "cem" else "sigma"
    sigma = 4 * max(_noise(task), _noise(other))
    louder = {f"optimizer.{noise}": sigma}
    if kind == "cem":
        louder["optimizer.sigma_max"] = max(sigma, other.config.optimizer.sigma_max)
    return with_budget(with_values(other, louder), budget, tolerance=_LEFT_OVER)


def _noise(task: Bound) -> float:
    optimizer = task.config.optimizer
    return float(getattr(optimizer, "sigma", getattr(optimizer, "sigma_start", 0.0)))


def measure(bench: Bench, name: str) -> dict[str, Any]:
    """Tune a spoiled task, play the three settings on test seeds once, and return the row."""
    default = bound(name)
    budget = spent(default, bench.file)
    start, began = spoiled(default, budget), time.process_time()
    found = search(
        start, bench.file, bench.tell, names=KNOWN, trials=48, budget=budget, rungs=(2, 6, 24)
    )
    cpu = time.process_time() - began
    sides = {"default": default, "spoiled": start, "tuned": found.chosen.task}
    measured = bench.measure(sides, "test", SEEDS)
    by_name = {side.name: side for side in measured.sides}
    return {
        "task": name,
        "look": measured.look.look if measured.look else 0,
        "costs": {side: [row.cost for row in by_name[side].episodes] for side in sides},
        "solved": {side: by_name[side].solved for side in sides},
        "values": {
            "optimizer": {"kind": found.chosen.task.config.optimizer.kind},
            **found.chosen.values,
        },
        "tried": found.tried,
        "cpu": round(cpu, 1),
        "commit": commit(),
    }


def recovered(costs: dict[str, list[float]]) -> tuple[float, float, float]:
    """Return the share of the loss that was recovered, and its interval: seeds drawn anew, 95 %."""
    by_side = np.array([costs["default"], costs["spoiled"], costs["tuned"]])
    draws = np.random.default_rng(0).integers(by_side.shape[1], size=(9999, by_side.shape[1]))
    default, start, tuned = by_side[:, draws].mean(axis=-1)
    low, high = np.percentile((start - tuned) / (start - default), [2.5, 97.5])
    default, start, tuned = by_side.mean(axis=1)
    return float((start - tuned) / (start - default)), float(low), float(high)


def table(path: Path) -> Iterator[str]:
    """Return the lines of a Markdown table, the newest row of each task."""
    yield "| task | default | spoiled | tuned | recovered, 95 % | tuned less default, 95 % | solved | tuning, CPU | chosen | look, commit |"
    yield "| --- | ---: | ---: | ---: | --- | --- | --- | ---: | --- | --- |"
    lines = path.read_text().splitlines() if path.exists() else []
    rows = {row["task"]: row for row in map(json.loads, lines)}
    for row in rows.values():
        costs, solved = row["costs"], row["solved"]
        lost = mean_interval(list(np.subtract(costs["spoiled"], costs["default"])))
        share, low, high = recovered(costs)
        words = f"{share:.2f} ({low:.2f} to {high:.2f})"
        gaps = np.subtract(costs["tuned"], costs["default"])
        gap = mean_interval(list(gaps))
        means = [f"{np.mean(costs[side]):.3g}" for side in ("default", "spoiled", "tuned")]
        cells = [
            row["task"],
            *means,
            words if lost.low is not None and lost.low > 0 else "nothing was lost",
            f"{gap.low:.3g} to {gap.high:.3g}",
            f"{solved['default']}, {solved['spoiled']}, {solved['tuned']} of {len(gaps)}",
            f"{row['cpu']:.0f} s",
            ", ".join(
                f"{path.split('.')[-1]} {_shown(value)}" for path, value in row["values"].items()
            ),
            f"{row['look']}, {row['commit']}",
        ]
        yield f"| {' | '.join(cells)} |"


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return str(value["kind"])
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="*")
    parser.add_argument("--folder", type=Path, default=HERE, help="Of the ledger and the rows.")
    parser.add_argument("--into", type=Path, help="Write the table into a page and play nothing.")
    arguments = parser.parse_args()
    path = arguments.folder / "tuned.jsonl"
    if not arguments.into:
        file = EpisodeFile(arguments.folder / "episodes.jsonl")
        bench = Bench(Ledger(arguments.folder), file, lambda text: print(text, flush=True))
        for name in arguments.tasks or TASKS:
            row = measure(bench, name)
            with path.open("a", encoding="utf-8", newline="\n") as rows:
                rows.write(json.dumps(row) + "\n")
    lines = list(table(path))
    if arguments.into:
        put(arguments.into, "tuned", lines)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
