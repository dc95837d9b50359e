"""`tasks diffusion import-config FILE`: PolyDiff's YAML as a config of this package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
import yaml

from taskloom_diffusion.verbs.output import check_writable, write_output


def import_config(
    file: Annotated[Path, typer.Argument(help="A PolyDiff experiment, with its 'defaults'.")],
    out: Annotated[
        Path | None, typer.Option(help="Write the config here instead of printing it.")
    ] = None,
    faithful: Annotated[
        bool,
        typer.Option(help="Keep PolyDiff's loss, levels and sampler, which are known to be wrong."),
    ] = False,
) -> None:
    """Translate a PolyDiff config; run it with `tasks run diffusion file --config FILE`."""
    from taskloom_diffusion.compat import importer

    check_writable("--out", out)
    ours, notes = importer.convert(importer.read_polydiff(file), faithful=faithful)
    text = yaml.safe_dump(ours, sort_keys=False)
    for note in notes:
        typer.echo(f"note: {note}", err=True)
    if out is None:
        typer.echo(text, nl=False)
        return
    write_output("--out", out, text)
