"""`tasks control tune`: choose settings on the tuning seeds, then look at the test seeds once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from taskloom.errors import StoreError, UsageError

if TYPE_CHECKING:
    from taskloom_control.bench.variants import Bound


def tune(
    task: Bound,
    *,
    budget_ms: Annotated[
        float | None, typer.Option("--budget-ms", help="CPU time of a plan on this machine [ms].")
    ] = None,
    steps_per_second: Annotated[
        float | None,
        typer.Option(
            "--steps-per-second", help="Physics of candidates for each simulated second instead."
        ),
    ] = None,
    search: Annotated[
        str,
        typer.Option("--search", help="Settings to search; also: optimizer."),
    ] = "sigma,finest,num_nodes,horizon,ess,rollouts,keep,spline",
    trials: Annotated[int, typer.Option("--trials", min=2, help="Settings to try.")] = 48,
    episodes: Annotated[
        int, typer.Option("--episodes", min=2, max=40, help="Tuning seeds of the last four.")
    ] = 24,
    test_episodes: Annotated[
        int | None, typer.Option("--test-episodes", min=2, help="Test seeds (else as in bench).")
    ] = None,
    level: Annotated[
        float,
        typer.Option(
            "--level", min=0, max=10, help="Simulate plants drawn at this scale around the model."
        ),
    ] = 0.0,
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="Where the settings are written.")
    ] = Path("tuned.toml"),
    ledger: Annotated[
        Path | None,
        typer.Option("--ledger", metavar="DIR", help="Folder of the ledger (else the store)."),
    ] = None,
) -> None:
    """Choose settings on the tuning seeds, then compare them once with those begun with on test seeds."""
    if budget_ms is not None and steps_per_second is not None:
        raise UsageError("--budget-ms and --steps-per-second are two budgets; give one of them.")
    if not out.parent.is_dir():
        raise StoreError(f"The folder '{out.parent}' of --out does not exist.")
    from taskloom_control.bench.asked_tuning import AskedTuning  # heavy: mujoco and scipy

    asked = AskedTuning(search, trials, episodes, test_episodes, budget_ms, steps_per_second, level)
    asked.carry_out(task, ledger, out)
