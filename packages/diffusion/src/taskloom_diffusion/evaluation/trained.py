"""Trained models of finished runs, and of folders that hold one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from taskloom.errors import RunCorruptError

from taskloom_diffusion.model.diffusion_model import DiffusionModel
from taskloom_diffusion.training.checkpoint import load_model

if TYPE_CHECKING:
    from taskloom.runs.run import Run


@dataclass(frozen=True)
class Trained:
    """The model of a finished run.

    Attributes:
        model: The model, in evaluation mode.
        length_histogram: How many training sequences have each length [tokens].
    """

    model: DiffusionModel
    length_histogram: list[int]


def trained_model(run: Run) -> Trained:
    """Return what the training of a run ended with.

    Raises:
        RunCorruptError: The run has not come so far, or a file is damaged.
    """
    if "model" not in run.artifacts:
        raise RunCorruptError(
            f"run {run.id} ({run.status}) has no trained model; resume it with 'tasks resume {run.id}'"
        )
    model, facts = load_model(run.artifacts["model"].parent)
    return Trained(model, facts["length_histogram"])


def model_of_run(run: Run) -> DiffusionModel:
    """Return the trained model of a run, in evaluation mode: `open_run("@last").load("model")`."""
    return trained_model(run).model


def load(folder: Path | str) -> DiffusionModel:
    """Return the trained model in a folder that is no run: one with `model.json` and `model.safetensors`.

    Raises:
        RunCorruptError: A file is missing, damaged, or from elsewhere.
    """
    return load_model(Path(folder))[0]
