"""`tasks diffusion export RUN`: a trained model as a folder that other programs run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from taskloom.errors import UsageError
from taskloom.registry.isolate import load_target
from taskloom.registry.suggest import did_you_mean

from taskloom_diffusion.verbs.options import Overridden

if TYPE_CHECKING:
    from taskloom.runs.run import Run

    from taskloom_diffusion.training.preparation import BoundCorpus

FORMATS = ("torch", "onnx", "hf")


def _format(value: str) -> str:
    """Refuse another format than those that there are.

    Raises:
        UsageError: The closest one is in the message.
    """
    if value not in FORMATS:
        near = did_you_mean(value, FORMATS)
        raise UsageError(
            f"--format '{value}' is none of {', '.join(FORMATS)}{'; ' * bool(near)}{near}"
        )
    return value


def export(
    run: Run,
    task: BoundCorpus,
    *,
    to: Annotated[Path, typer.Option(help="A new folder.")],
    format: Annotated[
        str,
        typer.Option(
            callback=_format,
            help="torch (torch.export), onnx (needs the extra onnx), or hf (Hugging Face).",
        ),
    ] = "torch",
    overridden: Overridden = None,
) -> None:
    """Write a trained model with a program that draws from it; it needs nothing of taskloom."""
    del overridden
    # torch is heavy.
    load_model: Any = load_target("taskloom_diffusion.evaluation.trained:model_of_run")
    write: Any = load_target("taskloom_diffusion.exports.folder:export")
    write(load_model(run), to, format, task.config.sampler)
    typer.echo(f"written: {to}", err=True)
