"""`tasks anomaly train-classifier`: train a task's network without judging any detector."""

from __future__ import annotations

from taskloom.errors import ConfigError

from taskloom_anomaly.detection.validity_card import write_json
from taskloom_anomaly.task import Prepares
from taskloom_anomaly.verbs.common import (
    METRICS_FILE,
    NETWORK_FILES,
    ConfigOption,
    DirOption,
    ParamOption,
    TaskOption,
    arguments_of,
    fresh_folder,
    keep_config,
    make_task,
    say_json,
    scratch,
)


def train_classifier(
    dir: DirOption,
    task: TaskOption = "classifier",
    param: ParamOption = None,
    config: ConfigOption = None,
) -> None:
    """Train a task's network and store it, with what it was trained on, in a folder.

    The folder is what `--run_path` of other tasks and `StoredModel` take. The task `classifier` learns clean images.
    """
    bound = make_task(task, arguments_of(param), config)
    if not isinstance(bound.task, Prepares):
        raise ConfigError(f"The task '{task}' trains no network.")
    if getattr(bound.config, "run_path", None):
        raise ConfigError("--run_path names a network that is trained already; leave it out.")
    with fresh_folder(dir, *NETWORK_FILES) as folder, scratch(folder, bound.config.seed) as ctx:
        bound.task.prepare(ctx)
        keep_config(folder, bound.config)
        rows = {str(int(row.pop("step"))): row for row in map(dict, ctx.rows)}
        write_json(folder / METRICS_FILE, {step: {**row} for step, row in rows.items()})
    epochs, last = next(reversed(rows.items()), ("0", {}))
    say_json({"model": str(folder / "model"), "epochs": int(epochs), **last})
