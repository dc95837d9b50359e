"""Measurements as tables and as documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer
from taskloom.cli.output import print_table
from taskloom.digits import digits

if TYPE_CHECKING:
    from taskloom.statistics.intervals import Interval

    from taskloom_control.bench.comparison import PairedCosts
    from taskloom_control.bench.measuring import Measurement
    from taskloom_control.bench.reference import Regret

_COLUMNS = (
    "side",
    "solved",
    "95 %",
    "cost",
    "95 %",
    "worst tenth",
    "charged",
    "steps/s",
    "CPU [s]",
)


def print_measurement(
    item: Measurement, compared: Sequence[PairedCosts], regretted: Sequence[Regret] = ()
) -> None:
    """Print a measurement: its sides by cost, a sentence for each pair, and one for each regret."""
    typer.echo(f"{item.task}, {len(item.seeds.values)} {item.seeds.label}")
    print_table(
        _COLUMNS,
        [
            (
                side.name,
                f"{side.solved}/{len(side.episodes)}",
                _ends(side.success, 2),
                digits(side.cost.estimate, 4),
                _ends(side.cost),
                digits(side.worst_decile, 4),
                str(side.charged),
                f"{side.physics:,.0f}",
                digits(side.cpu, 2),
            )
            for side in item.sides
        ],
    )
    for pair in compared:
        p = "" if pair.p is None else f", p = {digits(pair.p, 2)}"
        typer.echo(
            f"{pair.first} less {pair.second}: {digits(pair.cost.estimate, 3, sign=True)} ({_ends(pair.cost)}){p}, lower on "
            f"{pair.lower} of {pair.cost.n} seeds; solved {pair.gained} more and {pair.lost} fewer: {pair.verdict}"
        )
    for found in regretted:
        typer.echo(
            f"{found.side}: regret {digits(100 * found.relative.estimate, 3)} % "
            f"({_percent(found.relative)}) to eight times the physics on {found.relative.n} seeds, better than it on {found.beaten}"
        )
    typer.echo("")


def _percent(interval: Interval) -> str:
    if interval.low is None or interval.high is None:
        return interval.no_interval
    return f"{digits(100 * interval.low, 3)} to {digits(100 * interval.high, 3)}"


def _ends(interval: Interval, places: int | None = None) -> str:
    """Return both ends of an interval, or the reason for having none."""
    if interval.low is None or interval.high is None:
        return interval.no_interval
    if places is not None:
        return f"{interval.low:.{places}f} to {interval.high:.{places}f}"
    return f"{digits(interval.low, 3)} to {digits(interval.high, 3)}"


def document(
    item: Measurement, compared: Sequence[PairedCosts], regretted: Sequence[Regret]
) -> dict[str, object]:
    """Return a measurement for `--json`."""
    return {
        "task": item.task,
        "seeds": {"purpose": item.seeds.purpose, "count": len(item.seeds.values)},
        "look": item.look.look if item.look else None,
        "sides": [
            {
                "name": side.name,
                "settings": side.settings,
                "solved": side.solved,
                "episodes": len(side.episodes),
                "success": [side.success.low, side.success.high],
                "cost": [side.cost.estimate, side.cost.low, side.cost.high],
                "worst_decile": side.worst_decile,
                "charged": side.charged,
                "steps_per_second": side.physics,
                "cpu": side.cpu,
            }
            for side in item.sides
        ],
        "pairs": [
            {
                "first": pair.first,
                "second": pair.second,
                "difference": [pair.cost.estimate, pair.cost.low, pair.cost.high],
                "p": pair.p,
                "lower": pair.lower,
                "gained": pair.gained,
                "lost": pair.lost,
                "p_success": pair.p_success,
                "verdict": pair.verdict,
            }
            for pair in compared
        ],
        "regrets": [
            {
                "side": found.side,
                "regret": [found.relative.estimate, found.relative.low, found.relative.high],
                "beaten": found.beaten,
            }
            for found in regretted
        ],
    }
