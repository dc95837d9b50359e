"""`tasks anomaly train-detector`: fit a detector on a task without scoring anything."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from taskloom.errors import ConfigError, UsageError

from taskloom_anomaly.detection.artifacts import keep_detector
from taskloom_anomaly.detection.assembly import assemble
from taskloom_anomaly.detection.fitting import fit_detector
from taskloom_anomaly.detection.validity_card import assert_valid, write_json
from taskloom_anomaly.models.stored import model_folder, trainer
from taskloom_anomaly.quiet import QuietContext
from taskloom_anomaly.verbs.common import (
    TASK_FILE,
    ConfigOption,
    DirOption,
    ParamOption,
    Place,
    StoreOption,
    arguments_of,
    find_place,
    fresh_folder,
    keep_config,
    make_task,
    say_json,
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
    name, files = _task_and_files(task, place, list(config or ()))
    arguments = {**({"detector": detector} if detector else {}), **arguments_of(param)}
    own_path = "run_path" in trainer(name)[1].model_fields
    if place is not None and own_path and place.task != name:
        arguments.setdefault("run_path", str(model_folder(place.folder).resolve()))
    instance = make_task(name, arguments, files)
    if place is not None and not getattr(instance.config, "run_path", None):
        if not hasattr(instance, "adopt"):
            raise ConfigError(f"The task '{name}' cannot use a stored network.")
        instance.adopt(model_folder(place.folder))
    with fresh_folder(dir, "detector.safetensors") as folder:
        if hasattr(instance, "prepare"):
            instance.prepare(QuietContext(folder, instance.config.seed))
        problem = assemble(instance, instance.config)
        if hasattr(instance, "validity"):
            assert_valid(instance.validity(problem.handle))
        fitted = fit_detector(problem, instance.config)
        path = keep_detector(folder, fitted, instance.config)
        settings = instance.config.model_dump(mode="json")
        write_json(folder / TASK_FILE, {"schema": 1, "task": name, "config": settings})
        keep_config(folder, instance.config)
    say_json({"detector": str(path), "layers": list(fitted.extractor.layers), "task": name})


def _task_and_files(
    task: str | None, place: Place | None, files: list[Path]
) -> tuple[str, list[Path]]:
    """Return the task's name, and the config files that count, lowest first.

    Raises:
        UsageError: Nobody says which task it is.
    """
    if task is not None:
        return task, files
    if place is None:
        raise UsageError("--task is missing; only with --model may it be left out.")
    if place.task in {"", "classifier"}:
        raise UsageError(
            f"--task is missing: the network in '{place.folder}' was trained for no task with anomalies."
        )
    return place.task, [*([place.settings] if place.settings else []), *files]
