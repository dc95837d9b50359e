"""Closed loops of judo's planners and of ours, from the same beginnings, with the same physics budget.

    python benchmarks/control/compare_judo.py PYTHON_OF_JUDOS_ENVIRONMENT [--seeds 20] [--task cartpole]    # plays what is missing
    python benchmarks/control/compare_judo.py --into benchmarks/control/README.md                # writes the table, plays nothing

judo-rai 0.1.0 wants mujoco 3.6 and dora-rs 0.4.1, in an environment of its own. The beginnings are test seeds of this version: a
comparison is a look in the ledger, our rows are those of `episodes.jsonl`, and judo's lie in `judo.jsonl`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # the module beside the folders

import numpy as np
from ours import bound, start
from tables import put
from taskloom import __version__, derive_seed
from taskloom.statistics.intervals import mean_interval
from taskloom_control.bench.episodes import EpisodeFile
from taskloom_control.bench.variants import Bound, planner_digest, settings_digest
from taskloom_control.closed_loop.ledger import Ledger, LedgerRow
from taskloom_control.closed_loop.seeds import sealed_seeds

HERE = Path(__file__).parent
STEPS = {"cartpole": (250, 1), "cylinder_push": (500, 2)}
JUDO = "judo-rai-0.1.0"
# The spread of our cross-entropy planner for a horizon of a second, chosen on development seeds.
_SPREAD = {"sigma_start": 0.3, "sigma_min": 0.02}
_FEWER = {"cem, half the physics": 16, "cem, a quarter": 8}


class Judo:
    """The worker process."""

    def __init__(self, python: str) -> None:
        worker = Path(__file__).with_name("judo_worker.py")
        self._process = subprocess.Popen(
            [python, str(worker)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def ask(self, command: str, **request: object) -> dict[str, Any]:
        """Return the answer to one request."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"command": command, **request}) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)


def held(task: str, states: np.ndarray) -> bool:
    """Say whether the last two seconds were within the published tolerance."""
    if task == "cartpole":
        last = states[-50:]
        good = (
            (1 - np.cos(last[:, 1]) < 0.02)
            & (np.abs(last[:, 0]) < 0.15)
            & (np.abs(last[:, 3]) < 0.5)
        )
    else:
        good = np.linalg.norm(states[-100:, 2:4], axis=1) < 0.1
    return bool(good.all())


@dataclass(frozen=True)
class Rows:
    """The look at one task: its planners by name, and the rows of both sides that are known so far."""

    task: str
    sides: dict[str, Bound]
    ours: EpisodeFile
    judo: Path

    @property
    def keys(self) -> list[str]:
        """Digests of all that is compared, for the ledger."""
        mine = [f"{settings_digest(side)}-{planner_digest()}" for side in self.sides.values()]
        return [*mine, JUDO]

    def theirs(self) -> dict[tuple[str, int], dict[str, Any]]:
        """Return judo's rows by planner and seed."""
        lines = self.judo.read_text().splitlines() if self.judo.exists() else []
        rows = [json.loads(line) for line in lines]
        return {(row["optimizer"], row["seed"]): row for row in rows if row["task"] == self.task}


def sides_of(name: str) -> dict[str, Bound]:
    """Return our planners that are compared: the task's own at its defaults, the other two at theirs over judo's horizon."""
    default = bound(name)
    own = default.config.optimizer.kind

    def over_a_second(kind: str, **values: object) -> Bound:
        spread = _SPREAD if kind == "cem" and name == "cylinder_push" else {}
        return bound(
            name, optimizer={"kind": kind, **spread, **values}, controller={"horizon": 1.0}
        )

    sides = {
        kind: default if kind == own else over_a_second(kind) for kind in ("cem", "ps", "mppi")
    }
    if name == "cylinder_push":
        for words, rollouts in _FEWER.items():
            sides[words] = over_a_second("cem", num_rollouts=rollouts)
    return sides


def play(judo: Judo, rows: Rows, look: LedgerRow, seeds: int) -> None:
    """Play what is missing, seed by seed."""
    steps, every = STEPS[rows.task]
    known = rows.theirs()
    for seed in sealed_seeds(look.task, look.release, look.look, look.seeds).values[:seeds]:
        for kind, side in rows.sides.items():
            ours = rows.ours.play(side, settings_digest(side), seed)
            if kind in _FEWER or (kind, seed) in known:
                continue
            qpos, qvel = start(rows.task, derive_seed(seed, "reset"))
            answer = judo.ask(
                "episode",
                task=rows.task,
                optimizer=kind,
                qpos=qpos,
                qvel=qvel,
                steps=steps,
                every=every,
                seed=seed % 2**32,
            )
            row = {
                "task": rows.task,
                "optimizer": kind,
                "seed": seed,
                "cost": -float(np.mean(answer["rewards"])),
                "held": held(rows.task, np.array(answer["states"])),
            }
            with rows.judo.open("a", encoding="utf-8", newline="\n") as file:
                file.write(json.dumps(row) + "\n")
            print(rows.task, kind, f"{ours.cost:.4g} ours, {row['cost']:.4g} judo's", flush=True)


def look_at(ledger: Ledger, name: str, sides: dict[str, Bound]) -> LedgerRow | None:
    """Return the last comparison of the present settings, whichever planner's code played it."""
    digests = {settings_digest(side) for side in sides.values()}
    found = [
        row
        for row in ledger.looks(f"control/{name}", __version__)
        if JUDO in row.settings
        and {key.split("-")[0] for key in row.settings if key != JUDO} == digests
    ]
    return found[-1] if found else None


def table(folder: Path) -> Iterator[str]:
    """Return the lines of a Markdown table, a planner each."""
    yield "| task | planner | taskloom | judo | difference, 95 % | cheaper in | held, ours / judo | look, commit |"
    yield "| --- | --- | ---: | ---: | --- | ---: | --- | --- |"
    ours = EpisodeFile(folder / "episodes.jsonl")
    for name in STEPS:
        sides = sides_of(name)
        look = look_at(Ledger(folder), name, sides)
        if look is None:
            yield f"| {name} | | unmeasured | | | | | |"
            continue
        rows = Rows(name, sides, ours, folder / "judo.jsonl")
        known = rows.theirs()
        planner = next(key.split("-")[1] for key in look.settings if key != JUDO)
        seeds = sealed_seeds(look.task, look.release, look.look, look.seeds).values
        for kind, side in sides.items():
            digest = settings_digest(side)
            mine = {
                seed: row
                for seed in seeds
                if (row := ours.known(look.task, digest, planner, seed)) is not None
            }
            cost = np.mean([row.cost for row in mine.values()])
            cells = [name, kind, f"**{cost:.4g}**"]
            if kind in _FEWER:
                held = f"{sum(row.success for row in mine.values())}/{len(mine)}"
                cells += ["", "", "", held]
            else:
                pairs = [
                    (row, known[kind, seed]) for seed, row in mine.items() if (kind, seed) in known
                ]
                gaps = [row.cost - other["cost"] for row, other in pairs]
                gap, count = mean_interval(gaps), len(pairs)
                cells += [
                    f"{np.mean([other['cost'] for _, other in pairs]):.4g}",
                    f"{gap.low:.3g} to {gap.high:.3g}",
                    f"{sum(value < 0 for value in gaps)}/{count}",
                    f"{sum(row.success for row, _ in pairs)} / {sum(other['held'] for _, other in pairs)} of {count}",
                ]
            yield f"| {' | '.join([*cells, f'{look.look}, {look.commit[:8]}'])} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("python", nargs="?", help="Python of judo's environment.")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--task", action="append", choices=list(STEPS))
    parser.add_argument("--folder", type=Path, default=HERE, help="Of the ledger and the rows.")
    parser.add_argument("--into", type=Path, help="Write the table into a page and play nothing.")
    arguments = parser.parse_args()
    folder = arguments.folder
    if arguments.python:
        judo = Judo(arguments.python)
        try:
            for name in arguments.task or list(STEPS):
                sides = sides_of(name)
                rows = Rows(
                    name, sides, EpisodeFile(folder / "episodes.jsonl"), folder / "judo.jsonl"
                )
                look = Ledger(folder).look(
                    f"control/{name}", __version__, rows.keys, arguments.seeds
                )
                play(judo, rows, look, arguments.seeds)
        finally:
            judo.close()
    lines = list(table(folder))
    if arguments.into:
        put(arguments.into, "judo", lines)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
