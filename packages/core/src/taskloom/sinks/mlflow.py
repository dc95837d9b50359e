"""MLflow: a run can be mirrored while it runs, or exported afterwards."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from taskloom.errors import MissingExtraError
from taskloom.runs.compare import flatten
from taskloom.runs.record import RunRecord
from taskloom.runs.run import Run
from taskloom.sinks.sink import Maker, require_library

if TYPE_CHECKING:
    from mlflow.entities import Metric
    from mlflow.tracking import MlflowClient

_BATCH = 500  # metrics in one call; MLflow takes at most 1000
_LONGEST = 6000  # characters of a parameter's value
# A run that closes its sinks and still says that it runs has lost a process.
_STATUS = {
    "finished": "FINISHED",
    "failed": "FAILED",
    "stopped": "KILLED",
    "crashed": "FAILED",
    "running": "FAILED",
    "running?": "FAILED",
}


class MlflowSink:
    """Mirrors metrics to the server that `MLFLOW_TRACKING_URI` names, else into the folder `mlruns` beside the run.

    Args:
        folder: The run's folder.
        record: The run's record.
    """

    def __init__(self, folder: Path, record: RunRecord) -> None:
        self._client = _open_client(
            os.environ.get("MLFLOW_TRACKING_URI") or _uri(folder.parent / "mlruns")
        )
        self._id = _begin(self._client, record)
        self._pending: list[Metric] = []

    def log(self, step: int, metrics: Mapping[str, float], /) -> None:
        """Keep the line, and send all that are kept when there are enough: a call takes 16 ms."""
        self._pending += _as_metrics(metrics, step, time.time())
        if len(self._pending) >= _BATCH:
            self._flush()

    def close(self, run: Run, /) -> None:
        """Send what is left, and say how the run ended."""
        self._flush()
        _end(self._client, self._id, run)

    def _flush(self) -> None:
        _send(self._client, self._id, self._pending)
        self._pending = []


def export_run(run: Run, folder: Path) -> str:
    """Copy a run into the folder that MLflow keeps its runs in, and return MLflow's id of it.

    Raises:
        MissingExtraError: MLflow is not installed.
    """
    client = _open_client(_uri(folder))
    identifier = _begin(client, run.record)
    began = time.time()
    metrics = [
        metric
        for line in run.rows()
        for metric in _as_metrics(
            {name: value for name, value in line.items() if name not in ("step", "t")},
            int(line["step"]),
            began + line["t"],
        )
    ]
    _send(client, identifier, metrics)
    _end(client, identifier, run)
    return identifier


def _open_client(uri: str) -> MlflowClient:
    try:
        from mlflow.tracking import MlflowClient
    except ImportError:
        raise MissingExtraError(
            "MLflow is not installed.", hint="pip install 'taskloom-core[mlflow]'"
        ) from None
    if uri.startswith("file:"):
        # MLflow 3.17 asks for this before it writes a folder; a database would need its 600 MB distribution.
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    return MlflowClient(tracking_uri=uri)


def _uri(folder: Path) -> str:
    return folder.absolute().as_uri()


def _begin(client: MlflowClient, record: RunRecord) -> str:
    from mlflow.entities import Param

    name = f"{record.domain}/{record.task}"
    experiment = client.get_experiment_by_name(name)
    number = experiment.experiment_id if experiment is not None else client.create_experiment(name)
    tags = {
        "taskloom.id": record.id,
        "taskloom.identity": record.identity,
        "taskloom.tags": " ".join(record.tags),
    }
    identifier = str(
        client.create_run(number, run_name=record.name or record.id, tags=tags).info.run_id
    )
    params = [
        Param(_safe(path), (value if isinstance(value, str) else json.dumps(value))[:_LONGEST])
        for path, value in flatten(record.config).items()
    ]
    for start in range(0, len(params), 100):  # MLflow's limit for one call
        client.log_batch(identifier, params=params[start : start + 100])
    return identifier


def _send(client: MlflowClient, identifier: str, metrics: Sequence[Metric]) -> None:
    for start in range(0, len(metrics), _BATCH):
        client.log_batch(identifier, metrics=list(metrics[start : start + _BATCH]))


def _end(client: MlflowClient, identifier: str, run: Run) -> None:
    final = {f"final/{name}": value for name, value in run.metrics.items()}
    _send(client, identifier, _as_metrics(final, 0, time.time()))
    client.set_terminated(identifier, status=_STATUS.get(run.status, "FINISHED"))


def _as_metrics(metrics: Mapping[str, float], step: int, at: float) -> list[Metric]:
    from mlflow.entities import Metric

    return [Metric(_safe(name), value, int(at * 1000), step) for name, value in metrics.items()]


def _safe(name: str) -> str:
    """Return a name with only the characters that MLflow accepts."""
    return re.sub(r"[^\w\-. /]", "_", name)


def open_sink() -> Maker:
    """Return the maker of MLflow sinks.

    Raises:
        MissingExtraError: MLflow is not installed.
    """
    require_library("mlflow")
    return MlflowSink
