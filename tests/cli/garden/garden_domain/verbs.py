"""Verbs of the garden domain."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from taskloom.bound import BoundTask
    from taskloom.runs import Run


def water(
    plant: Annotated[str, typer.Argument(help="The plant.")],
    litres: Annotated[float, typer.Option("--litres", help="How much.", min=0.0)] = 1.0,
) -> None:
    """Water a plant by hand."""
    typer.echo(f"{plant}: {litres:g} l")


def taste(
    task: BoundTask[Any, Any],
    *,
    bites: Annotated[int, typer.Option("--bites", help="How many.")] = 1,
) -> None:
    """Print what a verb on a task is given."""
    typer.echo(json.dumps([task.name, bites, task.config.model_dump(mode="json")]))


def regrow(
    run: Run,
    task: BoundTask[Any, Any],
    label: Annotated[str, typer.Argument(help="What to call it.")] = "again",
    *,
    times: Annotated[int, typer.Option("--times", help="How often.")] = 1,
) -> None:
    """Print what a verb on a run is given."""
    typer.echo(json.dumps([run.id, label, times, task.config.model_dump(mode="json")]))


def weigh(run: Run) -> None:
    """Print what a verb that needs no task is given."""
    typer.echo(run.id)


def sniff(
    place: Run | Path,
    *,
    times: Annotated[int, typer.Option("--times", help="How often.")] = 1,
) -> None:
    """Print what a verb on a run or a folder is given."""
    name = f"folder {place.name}" if isinstance(place, Path) else f"run {place.id}"
    typer.echo(f"{name} {times}")
