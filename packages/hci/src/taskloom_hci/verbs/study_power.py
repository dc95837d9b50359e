"""`tasks hci study-power FILE`: how many people a study takes, by simulated users."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from taskloom.errors import UsageError

from taskloom_hci.study.file import read_study
from taskloom_hci.study.power import powers
from taskloom_hci.verbs.study import simulated_user, with_user

MOST_PEOPLE = 1000


def study_power(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The study.")],
    *,
    people: Annotated[
        str, typer.Option("--people", help="Numbers of people: 24, or from:to:step.")
    ] = "8:40:8",
    user: Annotated[str, typer.Option("--user", help="The user, in all conditions.")] = "",
    fit: Annotated[
        Path | None, typer.Option("--fit", help="A fit, whose people are the users.")
    ] = None,
    metric: Annotated[str, typer.Option("--metric", help="rounds or return.")] = "rounds",
    repeats: Annotated[
        int, typer.Option("--repeats", min=100, max=100_000, help="Studies that are simulated.")
    ] = 1000,
) -> None:
    """Tell for each number of people how often a paired t test finds the difference of two conditions."""
    if metric not in ("rounds", "return"):
        raise UsageError(f"--metric is rounds or return, not '{metric}'.")
    numbers = numbers_of(people)
    config = read_study(file)
    simulated = simulated_user(user, fit)
    if simulated:
        config = with_user(config, simulated)
    if len(config.condition) < 2:
        raise UsageError("Power is of a comparison: the study has only one condition.")
    typer.echo(f"{'conditions':<24}{'people':>7}{'power':>8}{'difference':>12}{'sd':>8}")
    for one in powers(config, numbers, repeats, metric):
        pair = f"{one.first} - {one.second}"
        typer.echo(
            f"{pair:<24}{one.people:>7}{one.power:>8.3f}{one.difference:>12.3f}{one.deviation:>8.3f}"
        )


def numbers_of(text: str) -> list[int]:
    """Return the numbers of people that a text names.

    >>> numbers_of("8:24:8")
    [8, 16, 24]

    Raises:
        UsageError: It names none between 2 and 1000.
    """
    parts = text.split(":")
    try:
        first, last, step = (int(part) for part in [*parts, *parts[:1], "1"][:3])
        numbers = list(range(first, last + 1, step))
    except ValueError:
        numbers = []
    if not numbers or len(parts) not in (1, 3) or not all(2 <= n <= MOST_PEOPLE for n in numbers):
        raise UsageError(
            f"--people is a number of 2 to {MOST_PEOPLE}, or from:to:step, not '{text}'."
        )
    return numbers
