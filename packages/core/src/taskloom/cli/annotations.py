"""The options and arguments that several commands share, declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def read_folder(text: str) -> Path | None:
    """Return the folder that an option names; an empty text, as of a variable that is not set, names none."""
    return Path(text) if text else None


ConfigFiles = Annotated[
    list[Path],
    typer.Option(
        "--config",
        metavar="FILE",
        help="Read parameters from a TOML, YAML or JSON file. Repeatable; later ones win.",
    ),
]
StoreOption = Annotated[
    Path | None,
    typer.Option(
        "--store",
        metavar="DIR",
        parser=read_folder,
        help="Run store (else TASKS_STORE, else ./runs).",
    ),
]
RunName = Annotated[
    str,
    typer.Argument(metavar="RUN", help="An id, a unique part of one, @last, @-2, or a run folder."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
