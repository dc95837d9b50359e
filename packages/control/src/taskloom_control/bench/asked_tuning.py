"""A search for settings as it is asked for on the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from taskloom.errors import StoreError
from taskloom.params.files import to_toml

from taskloom_control.bench.asked import bench_in
from taskloom_control.bench.effort import budget_of
from taskloom_control.bench.measuring import compare_all
from taskloom_control.bench.plants import on_drawn_plants, told
from taskloom_control.bench.space import read_search
from taskloom_control.bench.tables import print_measurement
from taskloom_control.bench.tuning import RUNGS, search

if TYPE_CHECKING:
    from taskloom_control.bench.tuning import Tuned
    from taskloom_control.bench.variants import Bound


@dataclass(frozen=True)
class AskedTuning:
    """The words of `tasks control tune`.

    Attributes:
        search: Dimensions to search, separated by commas.
        trials: Number of settings to try.
        episodes: Tuning seeds of the last round.
        test_episodes: Test seeds of the one look; None for the rule's number.
        budget_ms: CPU time of a plan on this machine [ms]; None for no such budget.
        steps_per_second: Physics for each simulated second; None for no such budget.
        level: Scale at which a plant is drawn for each seed; 0 for the task's own plant.
    """

    search: str
    trials: int
    episodes: int
    test_episodes: int | None
    budget_ms: float | None
    steps_per_second: float | None
    level: float = 0.0

    def carry_out(self, task: Bound, ledger: Path | None, out: Path) -> None:
        """Search on the tuning seeds, write what was chosen, and look at the test seeds once.

        Args:
            task: The task with the settings to begin with.
            ledger: Folder of the ledger; None for the store.
            out: File that the settings are written to.

        Raises:
            UsageError: A dimension does not exist, or no number of candidates fits the budget.
            ModelError: A plant does not compile, or is laid out otherwise.
            StoreError: A file cannot be written.
        """
        names, budget = read_search(self.search), self.steps_per_second
        if self.budget_ms is not None:
            budget = budget_of(task, self.budget_ms)
            typer.echo(
                f"{self.budget_ms:g} ms a plan pay for {budget:,.0f} steps a second on this machine"
            )
        if self.level:
            # A short horizon may be the best on the model's own plant and fail on one that is a tenth heavier.
            task = on_drawn_plants(task, self.level)
            typer.echo(told(self.level))
        rungs = (*(rung for rung in RUNGS[:-1] if rung < self.episodes), self.episodes)
        bench = bench_in(ledger)
        found = search(
            task,
            bench.file,
            bench.tell,
            names=names,
            trials=self.trials,
            budget=budget,
            rungs=rungs,
        )
        _print_search(found)
        if not found.chosen.values:
            typer.echo("The settings begun with are the best of those tried; nothing is written.")
            return
        try:
            out.write_text(to_toml(found.chosen.task.config), encoding="utf-8", newline="\n")
        except OSError as error:
            raise StoreError(f"The file '{out}' cannot be written: {error.strerror}.") from None
        sides = {"tuned": found.chosen.task, "begun with": found.start.task}
        measured = bench.measure(sides, "test", self.test_episodes, base="begun with")
        print_measurement(measured, compare_all([measured])[measured.task])
        typer.echo(f"settings: {out}")


def _print_search(found: Tuned) -> None:
    typer.echo(
        f"{found.tried} settings tried, {found.unusable} unusable; tuning figures, no result, of {found.seeds} tuning seeds:"
    )
    for item in found.finalists:
        mark = "*" if item is found.chosen else " "
        changes = ", ".join(f"{path}={_shown(value)}" for path, value in item.values.items())
        typer.echo(
            f"{mark} {item.cost:.4g}, {item.solved} solved: {changes or 'the settings begun with'}"
        )


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return str(value["kind"])
    return f"{value:.3g}" if isinstance(value, float) else str(value)
