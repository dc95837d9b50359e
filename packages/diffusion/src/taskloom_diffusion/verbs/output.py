"""Writing what a verb was asked to write, or one sentence why not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from taskloom.errors import StoreError, UsageError

if TYPE_CHECKING:
    from taskloom_diffusion.evaluation.sampling import Generated
    from taskloom_diffusion.samplers.base import Sampler


def check_writable(option: str, path: Path | None) -> None:
    """Refuse a path whose folder does not exist before minutes are spent on what would be written there.

    Raises:
        UsageError: The folder is missing, or the path is a folder itself.
    """
    if path is None:
        return
    if path.is_dir():
        raise UsageError(f"{option} '{path}' is a folder; give a file")
    if not path.parent.is_dir():
        raise UsageError(f"{option} '{path}' cannot be written: there is no folder '{path.parent}'")


def write_output(option: str, path: Path, data: str | bytes) -> None:
    """Write a file and say so, on standard error: standard output is for what was asked.

    Raises:
        StoreError: It cannot be written.
    """
    try:
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    except OSError as error:
        raise StoreError(f"{option} '{path}' cannot be written: {error.strerror}") from None
    typer.echo(f"written: {path}", err=True)


def print_generated(
    name: str, made: Generated, config: Sampler, seed: int, *, as_json: bool
) -> None:
    """Print what a sampler made, a line each, and on standard error what it cost; or all of it as one JSON object."""
    if as_json:
        figures = {
            name: made.texts,
            "sampler": config.model_dump(mode="json"),
            "calls_per_sequence": made.mean_calls,
            "cpu_seconds": made.cpu_seconds,
            "seed": seed,
        }
        typer.echo(json.dumps(figures))
        return
    for text in made.texts:
        typer.echo(text)
    cost = f"{made.mean_calls:.1f} network calls each, {made.cpu_seconds:.2f} CPU seconds"
    typer.echo(f"{len(made.texts)} {name}, {cost}", err=True)
