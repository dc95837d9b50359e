"""`tasks anomaly monitor DETECTOR < stream.jsonl`: a watch over a stream, which is a run."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from taskloom.api import run as start
from taskloom.asking import resolve_values
from taskloom.lifecycle.scratch import ScratchContext
from taskloom.request import RunOptions

from taskloom_anomaly.detection.fusion import FUSED
from taskloom_anomaly.tasks.monitor import Monitor, MonitorConfig
from taskloom_anomaly.verbs.answering import DetectorArgument
from taskloom_anomaly.verbs.common import StoreOption, TextKeyOption, find_place


def monitor(
    detector: DetectorArgument,
    stream: Annotated[
        Path | None,
        typer.Argument(help="File of inputs in their order; JSON lines from standard input unless given."),
    ] = None,
    *,
    alpha: Annotated[
        float, typer.Option(help="Chance of a false alarm, over all time from one alarm to the next.")
    ] = 0.01,
    mean_run: Annotated[
        float,
        typer.Option("--mean-run", min=0, help="Mean number of points to a false alarm, at least, in place of --alpha: for a watch without an end."),
    ] = 0.0,
    layer: Annotated[
        str, typer.Option(help="Layer whose scores are watched; fused is all together.")
    ] = FUSED,
    max_points: Annotated[
        int, typer.Option("--max-points", min=1, help="Points after which the watch ends.")
    ] = 1_000_000,
    batch_size: Annotated[
        int, typer.Option("--batch-size", min=1, help="Inputs per forward pass; a line waits for those behind it.")
    ] = 1,
    text_key: TextKeyOption = "text",
    id_key: Annotated[str, typer.Option("--id", help="Field that names a point.")] = "id",
    seed: Annotated[int, typer.Option(help="Seed of the numbers that break ties.")] = 0,
    no_store: Annotated[
        bool, typer.Option("--no-store", help="Keep no run: the watch cannot be resumed.")
    ] = False,
    store: StoreOption = None,
) -> None:  # fmt: skip
    """Print a line for each point: its p-value, the evidence so far as a decimal logarithm, and whether that is an alarm.

    A row that cannot be read is a line with an error, and no part of the evidence. The watch is a run: tasks view shows it, and
    tasks resume goes on with it.
    """
    place = find_place(detector, store)
    values = {
        "detector": place.folder,
        "stream": stream,
        "layer": layer,
        "alpha": alpha,
        "mean_run": mean_run,
        "max_points": max_points,
        "batch_size": batch_size,
        "text_key": text_key,
        "id_key": id_key,
        "seed": seed,
    }
    if no_store:
        config: Any = resolve_values(MonitorConfig, values).config
        task = Monitor(config)
        with TemporaryDirectory() as folder:
            result = task.run(ScratchContext(Path(folder), seed))
        typer.echo(result.summary, err=True)
        return
    # What comes over the standard input is another stream every time.
    run = start("anomaly/monitor", values, options=RunOptions(store=store, force=stream is None))
    typer.echo(run.record.summary, err=True)
