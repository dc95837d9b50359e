"""TensorBoard: event files in the run's folder. `tensorboard --logdir runs` shows all of a store."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from taskloom.runs.record import RunRecord
from taskloom.runs.run import Run
from taskloom.sinks.sink import Maker, require_library


class TensorBoardSink:
    """Writes scalars into `tensorboard/` of the run's folder.

    Args:
        folder: The run's folder.
        record: The run's record.
    """

    def __init__(self, folder: Path, record: RunRecord) -> None:
        from tensorboard.summary.writer.event_file_writer import EventFileWriter  # heavy

        del record  # the folder names the run
        self._writer = EventFileWriter(str(folder / "tensorboard"))

    def log(self, step: int, metrics: Mapping[str, float], /) -> None:
        """Write one event with every metric."""
        # tensorboard is heavy
        from tensorboard.compat.proto.event_pb2 import (
            Event,  # pyright: ignore[reportAttributeAccessIssue] -- protobuf makes it at import
        )
        from tensorboard.compat.proto.summary_pb2 import (
            Summary,  # pyright: ignore[reportAttributeAccessIssue] -- the same
        )

        values = [Summary.Value(tag=name, simple_value=value) for name, value in metrics.items()]
        self._writer.add_event(
            Event(wall_time=time.time(), step=step, summary=Summary(value=values))
        )

    def close(self, run: Run, /) -> None:
        """Write the final metrics under `final/`, and flush."""
        steps = [int(line["step"]) for line in run.rows() if "step" in line]
        self.log(
            max(steps, default=0), {f"final/{name}": value for name, value in run.metrics.items()}
        )
        self._writer.close()


def open_sink() -> Maker:
    """Return the maker of TensorBoard sinks.

    Raises:
        MissingExtraError: TensorBoard is not installed.
    """
    require_library("tensorboard")
    return TensorBoardSink
