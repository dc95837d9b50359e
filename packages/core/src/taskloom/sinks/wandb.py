"""Weights & Biases, offline: files in the run's folder that `wandb sync` sends."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from taskloom.runs.record import RunRecord
from taskloom.runs.run import Run
from taskloom.sinks.sink import Maker, require_library


class WandbSink:
    """Writes an offline run into `wandb/` of the run's folder. Nothing is sent anywhere.

    Args:
        folder: The run's folder.
        record: The run's record.
    """

    def __init__(self, folder: Path, record: RunRecord) -> None:
        import wandb  # heavy

        settings = wandb.Settings(
            console="off",
            silent=True,
            disable_git=True,
            save_code=False,
            x_disable_stats=True,
            x_disable_meta=True,
        )
        self._run = wandb.init(
            mode="offline",
            dir=str(folder),
            project=f"{record.domain}-{record.task}",
            name=record.name or record.id,
            config=dict(record.config),
            tags=list(record.tags),
            settings=settings,
            reinit="create_new",
        )
        # Our own step is a value like any other: a resumed run would repeat theirs, which may only grow.
        self._run.define_metric("*", step_metric="step")

    def log(self, step: int, metrics: Mapping[str, float], /) -> None:
        """Write one line of metrics."""
        self._run.log({"step": step, **metrics})

    def close(self, run: Run, /) -> None:
        """Write the final metrics into the summary, and finish."""
        self._run.summary.update({f"final/{name}": value for name, value in run.metrics.items()})
        self._run.finish(exit_code=run.exit_code or 0)


def open_sink() -> Maker:
    """Return the maker of Weights & Biases sinks.

    Raises:
        MissingExtraError: Weights & Biases is not installed.
    """
    require_library("wandb")
    return WandbSink
