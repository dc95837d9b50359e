"""`tasks hci recover`: the parameters and the models that data of this size can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from taskloom.bound import BoundTask
from taskloom.errors import CheckFailedError

from taskloom_hci.batch.play import play
from taskloom_hci.driver import pair
from taskloom_hci.errors import HciError
from taskloom_hci.fitting.decisions import decisions_of
from taskloom_hci.fitting.grid import CELLS
from taskloom_hci.fitting.recovery import (
    Design,
    Recovered,
    calibrate,
    confusion,
    design_of,
    recover as recover_parameters,
)
from taskloom_hci.fitting.sources import model_class_of, rows_of
from taskloom_hci.models.model import UserModel
from taskloom_hci.models.parameters import UserParameter
from taskloom_hci.verbs.fit import with_priors

if TYPE_CHECKING:
    from taskloom_hci.config import HciConfig
    from taskloom_hci.task import InteractionTask


def recover(
    task: BoundTask[InteractionTask, HciConfig],
    *,
    users: Annotated[
        str, typer.Option("--users", help="Kinds of user; by default that of the task.")
    ] = "",
    games: Annotated[int, typer.Option(min=1, help="Games of a person.")] = 20,
    people: Annotated[int, typer.Option(min=10, max=100_000, help="Simulated people.")] = 200,
    sbc: Annotated[
        int, typer.Option(min=0, max=100_000, help="Fits of a calibration; 0 leaves it out.")
    ] = 0,
    prior: Annotated[
        list[str] | None, typer.Option("--prior", help="Prior: error_rate=beta(1,19).")
    ] = None,
    lapse: Annotated[
        float, typer.Option(min=0, max=0.999, help="Lapse of the model that is fitted.")
    ] = 0.02,
    true_lapse: Annotated[
        float | None, typer.Option(min=0, max=0.999, help="Lapse of the people, if another.")
    ] = None,
) -> None:
    """Simulate people in the situations of a task, fit them, and tell what comes back; fail if a calibration does."""
    kinds = [kind for kind in users.split(",") if kind] or [
        str(getattr(task.config.user, "kind", ""))
    ]
    designs = [design(task, kind, games) for kind in kinds]
    several = (prior or []) if len(kinds) == 1 else []
    if prior and len(kinds) > 1:
        raise HciError("--prior is for one kind of user; --users names several.")
    fitted: list[tuple[UserModel, tuple[UserParameter, ...]]] = []
    failed = []
    for kind, (one, model) in zip(kinds, designs, strict=True):
        parameters = with_priors(type(model).parameters, several)
        if len(parameters) > max(CELLS):
            raise HciError(f"'{kind}' has {len(parameters)} parameters; a grid holds {max(CELLS)}.")
        fitted.append((model.lapsing(lapse), parameters))
        other = None if true_lapse is None else model.lapsing(true_lapse)
        asked = {"true_model": other, "seed": task.config.seed}
        told = recover_parameters(*fitted[-1], one, people, **asked)  # type: ignore[arg-type] # two options
        for found in told:
            typer.echo(_words(kind, found, int(one.met.sum())))
        if sbc:
            ranks, even = calibrate(*fitted[-1], one, sbc, **asked)  # type: ignore[arg-type] # two options
            for found in ranks:
                typer.echo(
                    f"{kind}.{found.name}: ranks of {found.fits} fits in 20 bins, p {found.p:.3g}; "
                    f"90 % intervals cover {found.coverage.estimate:.4f}"
                )
            failed += [] if even else [kind]
    if len(kinds) > 1:
        _confuse(kinds, fitted, [one for one, _ in designs], people, task.config.seed)
    if failed:
        raise CheckFailedError(
            f"The fit of {', '.join(failed)} is not calibrated: its ranks are uneven."
        )


def design(
    task: BoundTask[InteractionTask, HciConfig], kind: str, games: int
) -> tuple[Design, UserModel]:
    """Return the situations of games of a task as a kind of user reads them, and its model."""
    model_class = model_class_of(kind)
    bundle = pair(task.copy(), task.config, task.config.seed)
    try:
        rows = rows_of(play(bundle, games, task.config.backend), model_class, "design")
    finally:
        bundle.close()
    # What is done is drawn anew; only what was seen counts.
    decisions, model = decisions_of(rows, model_class)
    return design_of(decisions), model


def _words(kind: str, found: Recovered, decisions: int) -> str:
    held = found.coverage
    return (
        f"{kind}.{found.name}: r {found.correlation:.3f}, slope {found.slope:.3f}, bias {found.bias:+.4f}, "
        f"90 % intervals cover {held.estimate:.3f} ({held.low:.3f} to {held.high:.3f}) "
        f"of {found.fits} people with {decisions} decisions each"
    )


def _confuse(
    kinds: list[str],
    fitted: list[tuple[UserModel, tuple[UserParameter, ...]]],
    designs: list[Design],
    people: int,
    seed: int,
) -> None:
    first = designs[0]
    for kind, other in zip(kinds[1:], designs[1:], strict=True):
        same = set(other.situations) == set(first.situations) and all(
            np.array_equal(other.situations[name], first.situations[name])
            for name in first.situations
        )
        if not same:
            raise HciError(
                f"'{kinds[0]}' and '{kind}' read different situations: compare them by 'fit'."
            )
    table = confusion(fitted, first, people, seed)
    width = max(8, *(len(kind) for kind in kinds)) + 1
    typer.echo("true \\ told".ljust(12) + "".join(kind.rjust(width) for kind in kinds))
    for kind, row in zip(kinds, table, strict=True):
        typer.echo(kind.ljust(12) + "".join(f"{n / people:.3f}".rjust(width) for n in row))
    typer.echo(f"on the diagonal: {np.trace(table) / table.sum():.3f}")
