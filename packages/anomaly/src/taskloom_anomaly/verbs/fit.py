"""`tasks anomaly fit RUN`: another detector on the network and the data of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from taskloom_anomaly.models.stored import MODEL_FILE
from taskloom_anomaly.verbs.common import DirOption, store_detector

if TYPE_CHECKING:
    from taskloom.bound import BoundTask
    from taskloom.runs.run import Run

    from taskloom_anomaly.config import AnomalyConfig


def fit(run: Run, task: BoundTask[Any, AnomalyConfig], *, dir: DirOption) -> None:
    """Fit a detector on the network and the trusted (or untrusted) data of a run, and store it in a folder."""
    network = run.dir / "artifacts" / "model"
    # A task over a stored network finds it by its own `run_path`.
    if hasattr(task.task, "adopt") and (network / MODEL_FILE).is_file():
        task.task.adopt(network)
    store_detector(task, dir)
