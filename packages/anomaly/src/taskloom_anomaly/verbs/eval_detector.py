"""`tasks anomaly eval-detector`: score a task's test sets with a detector that was stored earlier."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from taskloom.bound import BoundTask
from taskloom.errors import ConfigError
from taskloom.params.layers import validate_record

from taskloom_anomaly.config import AnomalyConfig
from taskloom_anomaly.detection.artifacts import DETECTOR_FILE, keep_scores, load_detector
from taskloom_anomaly.detection.assembly import assemble
from taskloom_anomaly.detection.evaluation import document, evaluate, flat_metrics
from taskloom_anomaly.detection.fitting import score_sets
from taskloom_anomaly.detection.validity_card import write_json
from taskloom_anomaly.models.stored import trainer
from taskloom_anomaly.verbs.common import (
    TASK_FILE,
    Place,
    StoreOption,
    find_place,
    fresh_folder,
    read_json,
    say_json,
)


def eval_detector(
    folder: Annotated[
        str,
        typer.Argument(
            metavar="RUN", help="Folder of train-detector, or a finished run (id, @last, path)."
        ),
    ],
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
    store: StoreOption = None,
) -> None:
    """Score a task's test sets with a stored detector, keep eval.json and scores.npz, and print the numbers."""
    found = find_place(folder, store)
    files, bound = _stored_task(folder, found)
    data = assemble(bound.task, bound.config)
    fitted = load_detector(files).over(data.handle, bound.config.batch_size)
    sets = data.test_sets
    if max_size:
        sets = {name: part.take(slice(max_size)) for name, part in sets.items()}
    scores = score_sets(fitted, sets, bound.config)
    evaluation: dict[str, Any] = evaluate(scores)

    def keep(into: Path) -> None:
        write_json(into / "eval.json", document(evaluation, len(sets["normal"])))
        keep_scores(into / "scores.npz", scores, fitted.calibration)

    if dir is not None:
        with fresh_folder(dir, "eval.json") as into:
            keep(into)
    elif not (found.folder / "run.json").is_file():
        keep(found.folder)
    say_json(flat_metrics(evaluation))


def _stored_task(reference: str, place: Place) -> tuple[Path, BoundTask[Any, AnomalyConfig]]:
    """Return the folder of a stored detector, and its task with the stored network.

    Raises:
        ConfigError: There is no detector, or the task's parameters are no longer accepted.
    """
    is_run = (place.folder / "run.json").is_file()
    files = place.folder / "artifacts" if is_run else place.folder
    record = place.folder / ("run.json" if is_run else TASK_FILE)
    if not (files / DETECTOR_FILE).is_file() or not record.is_file():
        raise ConfigError(
            f"'{reference}' holds no detector: '{files / DETECTOR_FILE}' is not there.",
            hint="tasks anomaly train-detector --task TASK --dir DIR fits and stores one",
        )
    settings = dict(read_json(record, "record of the task").get("config", {}))
    factory, config_class = trainer(place.task)
    config: Any = validate_record(config_class, settings, f"the record of '{reference}'")
    task = factory(config)
    if hasattr(task, "adopt") and (files / "model" / "model.json").is_file():
        task.adopt(files / "model")
    return files, BoundTask(task, config, factory)
