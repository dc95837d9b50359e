"""A measurement as it is asked for on the command line: which sides, on which seeds, and what is printed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import typer
from taskloom.cli.output import print_json
from taskloom.errors import CheckFailedError, UsageError
from taskloom.opening import open_run, open_task, task_of
from taskloom.params.files import read_file
from taskloom.runs.layout import default_store

from taskloom_control.bench.effort import with_budget
from taskloom_control.bench.episodes import EpisodeFile
from taskloom_control.bench.gates import broken_gates, read_gates
from taskloom_control.bench.measuring import Bench, compare_all
from taskloom_control.bench.plants import on_drawn_plants, told
from taskloom_control.bench.reference import Regret, regrets
from taskloom_control.bench.tables import document, print_measurement
from taskloom_control.closed_loop.ledger import Ledger
from taskloom_control.domain import DOMAIN

if TYPE_CHECKING:
    from taskloom_control.bench.variants import Bound


@dataclass(frozen=True)
class AskedBench:
    """The words of `tasks control bench`.

    Attributes:
        tasks: Names of tasks; none means all that are shipped.
        optimizers: Optimizers to rank, separated by commas; empty for the task's own settings.
        against: A config file, or a run; empty for none.
        seeds: `test`, `tuning` or a range.
        episodes: Test seeds of each task; None for the rule's number.
        steps_per_second: Physics that each side may spend; None for as much as it does.
        plants: Number of plants that are drawn; None for the task's own. A seed draws its plant, so they replace `episodes`.
        level: Scale of the randomization of the plants.
        regret: Whether regrets to a longer search are worked out too.
    """

    tasks: tuple[str, ...]
    optimizers: str
    against: str
    seeds: str
    episodes: int | None
    steps_per_second: float | None
    plants: int | None = None
    level: float = 1.0
    regret: bool = False

    def carry_out(
        self, ledger: Path | None, out: Path | None, gate: Path | None, *, as_json: bool
    ) -> None:
        """Measure and print.

        Args:
            ledger: Folder of the ledger; None for the store.
            out: File of the rows of episodes; None for one in the ledger's folder.
            gate: File of the largest costs.
            as_json: Print one JSON document instead of tables.

        Raises:
            UsageError: Something that is asked for does not exist, or does not fit.
            CheckFailedError: A cost lies above its gate with its whole interval.
        """
        bounds = read_gates(gate) if gate is not None else {}
        # All are opened before the first is played: a name that does not exist costs nothing.
        names = self.tasks or tuple(ref.name for ref in DOMAIN.tasks if not ref.needs)
        sides = [self._sides(f"control/{name.removeprefix('control/')}") for name in names]
        if self.plants is not None:
            sides = [
                {side: on_drawn_plants(task, self.level) for side, task in mine.items()}
                for mine in sides
            ]
            # The progress goes the same way, so that --json stays one document.
            typer.echo(told(self.level), err=True)
        bench = bench_in(ledger, out)
        base = "against" if self.against else ""
        measured = [
            bench.measure(item, self.seeds, self.plants or self.episodes, base) for item in sides
        ]
        compared, regretted = compare_all(measured), dict[str, list[Regret]]()
        if self.regret:
            regretted = {
                item.task: regrets(next(iter(mine.values())), item.sides, bench.file)
                for item, mine in zip(measured, sides, strict=True)
            }
        if as_json:
            print_json(
                [
                    document(item, compared[item.task], regretted.get(item.task, []))
                    for item in measured
                ]
            )
        else:
            for item in measured:
                print_measurement(item, compared[item.task], regretted.get(item.task, []))
        broken = broken_gates(measured, bounds)
        if broken:
            raise CheckFailedError(" ".join(broken))

    def _sides(self, name: str) -> dict[str, Bound]:
        """Return the variants of a task that are asked for, by the names of their sides."""
        default = opened(name)
        kinds = [kind.strip() for kind in self.optimizers.split(",") if kind.strip()]
        sides: dict[str, Bound] = {}
        for kind in kinds:
            # An optimizer that is the task's own keeps the task's settings.
            same = getattr(default.config.optimizer, "kind", "") == kind
            sides[kind] = default if same else opened(name, {"optimizer": kind})
        if not sides:
            sides["default"] = default
        if self.against:
            sides["against"] = _other(default, self.against)
        if self.steps_per_second is None:
            return sides
        return {side: with_budget(task, self.steps_per_second) for side, task in sides.items()}


def bench_in(ledger: Path | None, out: Path | None = None) -> Bench:
    """Return where measurements are noted: the ledger's folder, else the store."""
    folder = ledger if ledger is not None else default_store()
    file = EpisodeFile(out or folder / "episodes.jsonl")
    return Bench(Ledger(folder), file, lambda text: typer.echo(text, err=True))


def opened(name: str, values: dict[str, object] | None = None) -> Bound:
    """Return a task of this domain by its name.

    Raises:
        UsageError: The task runs itself, so nothing is known of its planner.
    """
    task = open_task(name, values)
    if task.driver is None:
        raise UsageError(f"{name} runs itself, so it has no planner to measure.")
    return cast("Bound", task)


def _other(default: Bound, against: str) -> Bound:
    """Return the task with the settings of a config file, or of a run.

    Raises:
        UsageError: The run is one of another task.
    """
    if Path(against).is_file():
        return opened(default.name, read_file(Path(against)))
    run = open_run(against)
    if f"{run.domain}/{run.task}" != default.name:
        raise UsageError(
            f"The run {run.id} is one of {run.domain}/{run.task}, which cannot be compared with {default.name}."
        )
    return cast("Bound", task_of(run))
