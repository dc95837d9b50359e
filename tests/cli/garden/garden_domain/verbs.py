"""Verbs of the garden domain."""

from typing import Annotated

import typer


def water(
    plant: Annotated[str, typer.Argument(help="The plant.")],
    litres: Annotated[float, typer.Option("--litres", help="How much.", min=0.0)] = 1.0,
) -> None:
    """Water a plant by hand."""
    typer.echo(f"{plant}: {litres:g} l")
