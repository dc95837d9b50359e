"""`tasks anomaly eval-detector`: score a task's test sets with a detector that was stored earlier."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from taskloom_anomaly.verbs.common import TASK_FILE, read_json, say_json, trainer


def eval_detector(
    folder: Annotated[
        str, typer.Argument(metavar="RUN", help="Folder of train-detector, or a finished run.")
    ],
    max_size: Annotated[
        int, typer.Option(min=0, help="Most samples of every set; 0 takes all.")
    ] = 0,
    store: Annotated[Path | None, typer.Option("--store", help="Run store.")] = None,
) -> None:
    """Score a task's test sets with a stored detector, write eval.json and scores.npz, and print the numbers."""
    # Imported here because listing verbs must not import numpy.
    from taskloom_anomaly.card import write_json
    from taskloom_anomaly.detection import score_sets
    from taskloom_anomaly.evaluation import evaluate, flat_metrics
    from taskloom_anomaly.keeping import keep_scores, load_detector
    from taskloom_anomaly.problem import assemble

    place, task = _stored_task(folder, store)
    problem = assemble(task, task.config)
    fitted = load_detector(place / "detector.safetensors", problem.handle, task.config)
    sets = problem.test_sets
    if max_size:
        sets = {name: data.take(slice(max_size)) for name, data in sets.items()}
    scores = score_sets(fitted, sets, task.config)
    evaluation: dict[str, Any] = evaluate(scores)
    write_json(place / "eval.json", {"schema": 1, **evaluation})
    keep_scores(place / "scores.npz", scores, fitted.calibration)
    say_json(flat_metrics(evaluation))


def _stored_task(reference: str, store: Path | None) -> tuple[Path, Any]:
    """Return the folder of a stored detector, and its task with the stored network.

    Raises:
        ConfigError: There is no detector.
    """
    from taskloom.errors import ConfigError

    place = Path(reference)
    if (place / TASK_FILE).is_file():
        stored = read_json(place / TASK_FILE, "task description")
        name, settings = str(stored.get("task", "")), stored.get("config", {})
    else:
        from taskloom.runs import open_run

        run = open_run(reference, store)
        if run.domain != "anomaly" or "detector" not in run.artifacts:
            raise ConfigError(f"The run '{reference}' left no detector.")
        place, name, settings = run.artifacts["detector"].parent, run.task, dict(run.config)
    factory, config_class = trainer(name)
    task = factory(config_class.model_validate(settings))
    if hasattr(task, "adopt") and (place / "model" / "model.json").is_file():
        task.adopt(place / "model")
    return place, task
