"""`tasks control watch`: a live loop in a browser, and a finished run to scrub through."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from taskloom.cli.annotations import StoreOption
from taskloom.registry.isolate import load_target

if TYPE_CHECKING:
    from taskloom.bound import BoundTask
    from taskloom.runs.run import Run

    from taskloom_control.config import ControlConfig
    from taskloom_control.task import ControlTask

Port = Annotated[
    int, typer.Option("--port", min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")
]
Seconds = Annotated[
    float,
    typer.Option("--headless-seconds", min=0, help="End by itself after so long [s]; 0: never."),
]


def watch(
    task: BoundTask[ControlTask[Any], ControlConfig],
    *,
    port: Port = 0,
    headless_seconds: Seconds = 0.0,
    speed: Annotated[
        float,
        typer.Option("--speed", min=0, help="Simulated time over real time; 0: as fast as it can."),
    ] = 1.0,
    beside: Annotated[
        bool,
        typer.Option(
            "--beside", help="Plan in a thread beside the plant, which waits for no plan."
        ),
    ] = False,
    store: StoreOption = None,
) -> None:
    """Watch and steer a loop in a browser on this machine; what was done is a run that replays."""
    # MuJoCo and the page are heavy: help must not wait for them.
    watch_task: Any = load_target("taskloom_control.live.opening:watch_task")
    watch_task(task, port, headless_seconds, speed, store, beside=beside)


def scrub(
    run: Run,
    *,
    port: Port = 0,
    headless_seconds: Seconds = 0.0,
) -> None:
    """Scrub through a finished run in a browser on this machine."""
    scrub_run: Any = load_target("taskloom_control.live.opening:scrub_run")
    scrub_run(run, port, headless_seconds)


def render(
    run: Run,
    *,
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="A .mp4, .gif or .png.")
    ] = Path("run.mp4"),
    fps: Annotated[float, typer.Option("--fps", min=1, max=120, help="Pictures a second.")] = 50.0,
    size: Annotated[str, typer.Option("--size", metavar="WxH", help="Pixels.")] = "640x480",
    speed: Annotated[
        float, typer.Option("--speed", min=0.01, help="Simulated time over the film's.")
    ] = 1.0,
) -> None:
    """Make a film, or a picture, of a run."""
    film_run: Any = load_target("taskloom_control.report.film:film_run")
    typer.echo(f"{out}: {film_run(run, out, fps, size, speed)}")
