"""`tasks anomaly train-detector`: fit a detector on a task without scoring anything."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from taskloom_anomaly.verbs.common import (
    TASK_FILE,
    ConfigOption,
    DirOption,
    ParamOption,
    arguments_of,
    fresh_folder,
    make_task,
    say_json,
)


def train_detector(
    dir: DirOption,
    *,
    task: Annotated[str, typer.Option(help="Task: tasks list shows them.")],
    detector: Annotated[str, typer.Option(help="Detector, by name.")] = "mahalanobis",
    model: Annotated[
        Path | None, typer.Option(help="Folder of a stored network to use instead of training one.")
    ] = None,
    param: ParamOption = None,
    config: ConfigOption = None,
) -> None:
    """Fit a detector on a task's trusted (or untrusted) data and store it in a folder."""
    # Imported here because listing verbs must not import numpy.
    from taskloom.errors import ConfigError

    from taskloom_anomaly.card import assert_valid, write_json
    from taskloom_anomaly.detection import fit_detector
    from taskloom_anomaly.keeping import keep_detector
    from taskloom_anomaly.models.stored import model_folder
    from taskloom_anomaly.problem import assemble
    from taskloom_anomaly.quiet import QuietContext

    instance = make_task(task, {"detector": detector, **arguments_of(param)}, config)
    if model is not None:
        if not hasattr(instance, "adopt"):
            raise ConfigError(f"The task '{task}' cannot use a stored network.")
        instance.adopt(model_folder(model))
    folder = fresh_folder(dir, "detector.safetensors")
    if hasattr(instance, "prepare"):
        instance.prepare(QuietContext(folder, instance.config.seed))
    problem = assemble(instance, instance.config)
    if hasattr(instance, "validity"):
        assert_valid(instance.validity(problem.handle))
    fitted = fit_detector(problem, instance.config)
    path = keep_detector(folder / "detector.safetensors", fitted, instance.config)
    settings = instance.config.model_dump(mode="json")
    write_json(folder / TASK_FILE, {"schema": 1, "task": task, "config": settings})
    say_json({"detector": str(path), "layers": list(fitted.extractor.layers), "task": task})
