"""Runs as a frame of pandas: one row a run. pandas is no requirement of core."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from taskloom.errors import MissingExtraError
from taskloom.runs.compare import flatten

if TYPE_CHECKING:
    from pandas import DataFrame

    from taskloom.runs.run import Run


def frame_of(runs: Iterable[Run]) -> DataFrame:
    """Return one row a run: `id`, `task`, `status`, `reused`, and columns `config.*` and `metrics.*`.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise MissingExtraError(
            "A frame needs pandas, not installed here: pip install pandas"
        ) from None
    return pandas.DataFrame([_row(run) for run in runs])


def _row(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "task": f"{run.domain}/{run.task}",
        "status": run.status,
        "reused": run.reused,
        **{f"config.{path}": value for path, value in flatten(run.config).items()},
        **{f"metrics.{name}": value for name, value in run.metrics.items()},
    }
