"""`tasks anomaly train-detector`: fit a detector on a task without scoring anything."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from taskloom.errors import ConfigError, UsageError

from taskloom_anomaly.models.stored import model_folder
from taskloom_anomaly.verbs.common import (
    ConfigOption,
    DirOption,
    ParamOption,
    Place,
    StoreOption,
    arguments_of,
    asked_trainer,
    find_place,
    make_task,
    store_detector,
)


def train_detector(
    dir: DirOption,
    *,
    task: Annotated[
        str | None, typer.Option(help="Task: tasks list shows them; that of --model unless given.")
    ] = None,
    detector: Annotated[
        str | None, typer.Option(help="Detector, by name; the task's own unless given.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="Folder, or run (id, @last, path), with a network to use instead of training one."
        ),
    ] = None,
    param: ParamOption = None,
    config: ConfigOption = None,
    store: StoreOption = None,
) -> None:
    """Fit a detector on a task's trusted (or untrusted) data and store it in a folder.

    With --model and without --task, the task and its parameters are those of the run that the network is from.
    """
    place = None if model is None else find_place(model, store)
    name, files, environ = _task_and_layers(task, place, list(config or ()))
    arguments = {**({"detector": detector} if detector else {}), **arguments_of(param)}
    own_path = "run_path" in asked_trainer(name)[1].model_fields
    if place is not None and own_path and place.task != name:
        arguments.setdefault("run_path", str(model_folder(place.folder).resolve()))
    bound = make_task(name, arguments, files, environ)
    if place is not None and not getattr(bound.config, "run_path", None):
        if not hasattr(bound.task, "adopt"):
            raise ConfigError(f"The task '{name}' cannot use a stored network.")
        bound.task.adopt(model_folder(place.folder))
    store_detector(bound, dir)


def _task_and_layers(
    task: str | None, place: Place | None, files: list[Path]
) -> tuple[str, list[Path], dict[str, str] | None]:
    """Return the task's name, the config files that count, lowest first, and the environment, None for that of the process.

    Raises:
        UsageError: The task is not given.
    """
    if task is not None:
        return task, files, None
    if place is None:
        raise UsageError("--task is missing; only with --model may it be left out.")
    if place.task in {"", "classifier"}:
        raise UsageError(
            f"--task is missing: the network in '{place.folder}' was trained for no task with anomalies."
        )
    # A recorded config is what the record says; no environment variable changes it.
    return place.task, [*([place.settings] if place.settings else []), *files], {}
