"""Robust planning against nominal planning on plants that the planner is not told of, at equal physics.

    python benchmarks/control/robust.py [--plants N] [--level L] [TASK ...]     # plays what is missing, prints a table
    python benchmarks/control/robust.py --first N       # a table of the first N plants of each task

Both sides are the task's defaults with MPPI and 32 rollouts: the nominal one has 32 candidates, the robust one 20, of which it judges
the 4 best by CVaR under 4 models (8 candidates, all judged so, with `--judged 1`). Plants come from test seeds, which chose no setting. Beside the t interval of a difference over plants stands the bootstrap's,
because costs of plants are skewed. All tasks are played in rounds of more and more plants, so that a measurement that is broken off
has about as many for each.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from random import Random

from ours import bound
from taskloom.statistics.bootstrap import bootstrap_interval
from taskloom.statistics.differences import paired_difference
from taskloom_control.bench.comparison import Side
from taskloom_control.bench.episodes import EpisodeFile
from taskloom_control.bench.measuring import Bench, Measurement, compare_all
from taskloom_control.bench.plants import on_drawn_plants
from taskloom_control.bench.variants import Bound, with_values
from taskloom_control.closed_loop.ledger import Ledger

HERE = Path(__file__).parent
# Episodes of less than two CPU-seconds.
TASKS = (
    "cartpole",
    "pendulum",
    "acrobot",
    "double_integrator",
    "particle_goal",
    "reacher",
    "hopper",
    "cylinder_push",
    "ball_in_cup",
    "quadruped_stand",
)
ROUNDS = (10, 20, 30, 40, 50, 60, 80, 100, 150)


def row(name: str, robust: Side, nominal: Side, p: float | None, verdict: str) -> Iterator[str]:
    """Return the cells of a table's row."""
    costs = [{item.seed: item.cost for item in side.episodes} for side in (robust, nominal)]
    plain = paired_difference(*costs).interval
    gaps = [costs[0][seed] - costs[1][seed] for seed in costs[0]]
    yield name
    yield f"{nominal.cost.estimate:.4g}"
    yield f"{robust.cost.estimate:.4g}"
    yield f"{plain.estimate:+.3g} ({plain.low:.3g} to {plain.high:.3g})"
    if len(gaps) >= 20:
        resampled = bootstrap_interval(gaps, Random(0))
        yield f"{resampled.low:.3g} to {resampled.high:.3g}"
    else:
        yield ""
    yield "" if p is None else f"{p:.2g}"
    yield f"{nominal.worst_decile:.4g}"
    yield f"{robust.worst_decile:.4g}"
    yield f"{nominal.solved}, {robust.solved} of {len(robust.episodes)}"
    yield verdict


def sides(name: str, arguments: argparse.Namespace) -> dict[str, Bound]:
    """Return the robust and the nominal planner of a task on drawn plants."""
    nominal = with_values(
        bound(name), {"optimizer": {"kind": "mppi", "num_rollouts": arguments.rollouts}}
    )
    robust = with_values(
        nominal,
        {
            "robust": {
                "models": arguments.models,
                "judged": arguments.judged,
                "level": arguments.level,
            }
        },
    )
    return {
        "nominal": on_drawn_plants(nominal, arguments.level),
        "robust": on_drawn_plants(robust, arguments.level),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="*")
    parser.add_argument("--plants", type=int, default=200)
    parser.add_argument("--first", type=int, help="Play only so many of them.")
    parser.add_argument(
        "--level", type=float, default=2.0, help="Of the plants and of the planner's models alike."
    )
    parser.add_argument(
        "--rollouts", type=int, default=32, help="Of a plan, in all models together."
    )
    parser.add_argument("--models", type=int, default=4)
    parser.add_argument(
        "--judged", type=float, default=0.2, help="Share that is judged under every model."
    )
    parser.add_argument("--seeds", default="test", help="`tuning` to choose settings, or a range.")
    parser.add_argument("--folder", type=Path, default=HERE, help="Of the ledger and the rows.")
    arguments = parser.parse_args()
    file = EpisodeFile(arguments.folder / "episodes.jsonl")
    bench = Bench(Ledger(arguments.folder), file, lambda text: print(text, flush=True))
    wanted = arguments.first or arguments.plants
    measured: list[Measurement] = []
    for count in [*(n for n in ROUNDS if n < wanted), wanted]:
        measured = [
            bench.measure(drawn, arguments.seeds, arguments.plants, "nominal", count)
            for drawn in (sides(name, arguments) for name in arguments.tasks or TASKS)
        ]
    compared = compare_all(measured)
    print(
        "| task | nominal | robust | robust less nominal (95 %) | bootstrap | p | worst tenth, nominal | robust | solved | |"
    )
    print("| --- | ---: | ---: | --- | --- | ---: | ---: | ---: | --- | --- |")
    for item in measured:
        (pair,), by_name = compared[item.task], {side.name: side for side in item.sides}
        cells = row(
            item.task.removeprefix("control/"),
            by_name["robust"],
            by_name["nominal"],
            pair.p,
            pair.verdict,
        )
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
