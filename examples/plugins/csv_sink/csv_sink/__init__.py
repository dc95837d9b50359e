"""Metrics as a CSV file in the run's folder, one row a value: `--sink=csv`."""

import csv
from collections.abc import Mapping
from pathlib import Path

from taskloom import Run
from taskloom.runs.record import RunRecord
from taskloom.sinks.sink import Maker


class CsvSink:
    """Appends to `metrics.csv`; a run that goes on appends to what is there.

    taskloom calls it on a thread of its own and never waits for it: it may be slow, and it may raise.

    Args:
        folder: The run's folder.
        record: The run's record.
    """

    def __init__(self, folder: Path, record: RunRecord) -> None:
        del record  # the folder names the run
        self._file = (folder / "metrics.csv").open("a", newline="", encoding="utf-8")
        self._rows = csv.writer(self._file)

    def log(self, step: int, metrics: Mapping[str, float], /) -> None:
        """Write a row for each value of one line."""
        self._rows.writerows((step, name, value) for name, value in metrics.items())

    def close(self, run: Run, /) -> None:
        """Write the final metrics, whose step is empty."""
        self._rows.writerows(("", name, value) for name, value in run.metrics.items())
        self._file.close()


def open_sink() -> Maker:
    """Return what makes the sink of a run; here a library that is not installed would be refused."""
    return CsvSink
