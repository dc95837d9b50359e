"""A sweep on a real Ray cluster of two nodes, with a worker and a node killed on the way. Prints one JSON document.

Run by test_ray.py inside a network namespace of its own: Ray binds every interface that it finds.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "probe"))

import ray
from ray.cluster_utils import Cluster
from taskloom.cli import main as tasks
from taskloom.request import RunOptions
from taskloom.runs import Run, list_runs, open_run
from taskloom.sweeps.expand import Choices, Plan
from taskloom.sweeps.record import create_sweep
from taskloom.sweeps.sweep import plan_points, run_sweep
from taskloom_probe.support import load, steps


class Saboteur:
    """Kills one worker, and later one node, while it watches the sweep."""

    def __init__(self, cluster: object, node: object, store: Path) -> None:
        self._cluster, self._node, self._store = cluster, node, store
        self.killed_worker = ""
        self.lost_node = False
        self.attempts: dict[str, int] = {}
        self.ended_runs: list[str] = []

    def placed(self, folder: Path, attempt: int, /) -> None:
        self.attempts[folder.name] = attempt

    def ended(self, run: Run, /) -> None:
        self.ended_runs.append(run.id)

    def tick(self) -> None:
        running = [
            run
            for run in list_runs(self._store)
            if run.status == "running" and _has_checkpoint(run)
        ]
        if running and not self.killed_worker:
            self.killed_worker = running[0].id
            os.kill(running[0].record.pid, signal.SIGKILL)
        elif len(running) == 2 and self.killed_worker and not self.lost_node:
            self.lost_node = True
            self._cluster.remove_node(self._node, allow_graceful=False)  # type: ignore[attr-defined]  # Ray has no types


def _has_checkpoint(run: Run) -> bool:
    return run.layout.checkpoints.is_dir() and any(run.layout.checkpoints.glob("0*"))


def _run_alone(store: Path) -> dict[str, object]:
    """Place a single run from the command line, on what is left of the cluster."""
    words = ["run", "probe", "walk", "--steps=7", "--executor=ray", "--cpus=1", "--quiet"]
    with contextlib.redirect_stdout(sys.stderr):
        code = tasks([*words, f"--store={store}"])
    run = open_run("@last", store)
    return {
        "code": int(code),
        "status": run.status,
        "steps": steps(run),
        "cpus": run.record.resources.cpus,
    }


def main(store: Path) -> None:
    head = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 80_000_000}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    node = cluster.add_node(num_cpus=1, object_store_memory=80_000_000)
    cluster.wait_for_nodes()
    ray.init(
        address=cluster.address,
        include_dashboard=False,
        log_to_driver=False,
        configure_logging=False,
    )
    plan = Plan({"seed": Choices(tuple(str(seed) for seed in range(4)))})
    points = plan_points(load("walk"), plan, {"steps": "150", "pause": "0.03", "every": "5"})
    sweep = create_sweep(load("walk"), points, RunOptions(store=store, executor="ray"))
    saboteur = Saboteur(cluster, node, store)
    outcome = run_sweep(load("walk"), sweep, store, saboteur)
    runs = outcome.runs
    single = _run_alone(store)
    print(
        json.dumps(
            {
                "exit_code": int(outcome.exit_code),
                "killed_worker": saboteur.killed_worker,
                "lost_node": saboteur.lost_node,
                "placed": saboteur.attempts,
                "single": single,
                "runs": {
                    run.id: {
                        "status": run.status,
                        "attempts": run.record.attempts,
                        "place": run.metrics.get("place"),
                        "seed": run.config["seed"],
                        "whole": steps(run) == list(range(1, 151)),
                    }
                    for run in runs
                },
            }
        )
    )
    sys.stdout.flush()
    ray.shutdown()
    cluster.shutdown()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
