"""`tasks anomaly eval-detector`: score a task's test sets with a detector that was stored earlier."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from taskloom.bound import BoundTask
from taskloom.errors import ConfigError
from taskloom.opening import task_of
from taskloom.params.layers import validate_record
from taskloom.runs.run import Run

from taskloom_anomaly.config import AnomalyConfig
from taskloom_anomaly.data.arrays import Samples
from taskloom_anomaly.data.files import read_inputs
from taskloom_anomaly.detection.artifacts import DETECTOR_FILE, keep_scores, load_detector
from taskloom_anomaly.detection.assembly import assemble
from taskloom_anomaly.detection.evaluation import document, evaluate, flat_metrics
from taskloom_anomaly.detection.fitting import FittedDetector, score_sets
from taskloom_anomaly.detection.own_network import load_own
from taskloom_anomaly.detection.validity_card import write_json
from taskloom_anomaly.models.stored import MODEL_FILE, trainer
from taskloom_anomaly.verbs.common import (
    TASK_FILE,
    Place,
    TextKeyOption,
    fresh_folder,
    place_of,
    read_json,
    say_json,
)


def eval_detector(
    run: Run | Path,
    *,
    max_size: Annotated[
        int, typer.Option(min=0, help="Most samples of every set; 0 takes all.")
    ] = 0,
    dir: Annotated[
        Path | None,
        typer.Option(
            "--dir",
            help="Folder for eval.json and scores.npz: the detector's own unless given; a run is never changed.",
        ),
    ] = None,
    normal: Annotated[
        Path | None,
        typer.Option(help="File of normal samples to judge on, instead of the task's."),
    ] = None,
    anomalous: Annotated[
        Path | None, typer.Option(help="File of anomalous samples to judge on.")
    ] = None,
    text_key: TextKeyOption = "text",
) -> None:
    """Score a task's test sets, or samples of your own, with the detector of a run, or of a folder of fit or train-detector.

    Keeps eval.json and scores.npz, and prints the numbers.
    """
    found = place_of(run)
    sets: Mapping[str, Samples]
    if normal is not None or anomalous is not None:
        fitted, sets = _on_files(found, normal, anomalous, text_key)
    else:
        files, bound = _stored_task(found)
        data = assemble(bound.task, bound.config)
        fitted = load_detector(files).over(data.handle, bound.config.batch_size)
        sets = data.test_sets
    if max_size:
        sets = {name: part.take(slice(max_size)) for name, part in sets.items()}
    scores = score_sets(fitted, sets)
    evaluation: dict[str, Any] = evaluate(scores)

    def keep(into: Path) -> None:
        write_json(into / "eval.json", document(evaluation, len(sets["normal"])))
        keep_scores(into / "scores.npz", scores, fitted.calibration)

    if dir is not None:
        with fresh_folder(dir, "eval.json", "scores.npz") as into:
            keep(into)
    elif found.run is None and normal is None:
        keep(found.folder)
    say_json(flat_metrics(evaluation))


def _on_files(
    place: Place, normal: Path | None, anomalous: Path | None, text_key: str
) -> tuple[FittedDetector, dict[str, Samples]]:
    """Return a stored detector on its network, and the samples of two files.

    Raises:
        ConfigError: One of the files is not given, there is no detector, or nothing leads to its network.
    """
    if normal is None or anomalous is None:
        raise ConfigError("--normal and --anomalous belong together: a detector is judged on both.")
    _require_detector(place)
    read = {
        "normal": read_inputs(normal, text_key),
        f"anomalous/{anomalous.stem}": read_inputs(anomalous, text_key),
    }
    fitted = load_own(place.files, read["normal"])
    return fitted, {name: fitted.samples(part) for name, part in read.items()}


def _require_detector(place: Place) -> None:
    if not (place.files / DETECTOR_FILE).is_file():
        raise ConfigError(
            f"'{place.folder}' holds no detector: '{place.files / DETECTOR_FILE}' is not there.",
            hint="tasks anomaly fit MODEL --out DIR fits and stores one",
        )


def _stored_task(place: Place) -> tuple[Path, BoundTask[Any, AnomalyConfig]]:
    """Return the folder of a stored detector, and its task with the stored network.

    Raises:
        ConfigError: There is no detector, nothing to judge it on, or the task's parameters are no longer accepted.
    """
    files = place.files
    _require_detector(place)
    if place.run is not None:
        bound: BoundTask[Any, Any] = task_of(place.run)
    elif not (place.folder / TASK_FILE).is_file():
        raise ConfigError(
            f"The detector in '{place.folder}' is of no task with samples of its own: give --normal and --anomalous."
        )
    else:
        settings = dict(read_json(place.folder / TASK_FILE, "record of the task").get("config", {}))
        factory, config_class = trainer(place.task)
        config: Any = validate_record(config_class, settings, f"the record of '{place.folder}'")
        bound = BoundTask(factory(config), config, factory)
    task: Any = bound.task
    if hasattr(task, "adopt") and (files / "model" / MODEL_FILE).is_file():
        task.adopt(files / "model")
    return files, bound
