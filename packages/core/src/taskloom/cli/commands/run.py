"""`tasks run DOMAIN TASK`: resolve the config, then run once, or only show what would be run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from taskloom.cli.output import number, print_json
from taskloom.cli.task_command import Invocation
from taskloom.context import Resources
from taskloom.errors import UsageError
from taskloom.params import Resolved, leaves, to_toml

if TYPE_CHECKING:
    from taskloom.runs import Run

ConfigFiles = Annotated[
    list[Path],
    typer.Option(
        "--config",
        metavar="FILE",
        help="Read parameters from a TOML, YAML or JSON file. Repeatable; later ones win.",
    ),
]
Store = Annotated[
    Path | None,
    typer.Option("--store", metavar="DIR", help="Run store (else TASKS_STORE, else ./runs)."),
]
KeepBest = Annotated[
    str,
    typer.Option(
        "--keep-best",
        metavar="METRIC:min|max",
        help="Keep the checkpoint at which this metric was best, besides the newest.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def run(
    invocation: Invocation,
    *,
    config: ConfigFiles = [],  # noqa: B006 -- Typer reads it, nobody writes it
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the config and the task, and stop.")
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Print which layer set each value, and stop.")
    ] = False,
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Print the config as TOML, and stop.")
    ] = False,
    as_json: AsJson = False,
    store: Store = None,
    name: Annotated[str, typer.Option("--name", metavar="TEXT", help="A name for the run.")] = "",
    tag: Annotated[
        list[str], typer.Option("--tag", metavar="TEXT", help="A tag for the run. Repeatable.")
    ] = [],  # noqa: B006
    force: Annotated[
        bool, typer.Option("--force", help="Run even if an identical run has finished.")
    ] = False,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with an identical run that has not finished, if any."),
    ] = False,
    prepare: Annotated[
        bool, typer.Option("--prepare", help="Make the run's folder, print its path, and stop.")
    ] = False,
    executor: Annotated[
        str,
        typer.Option(
            "--executor", metavar="NAME", help="Place the run: inline, local, ray or slurm."
        ),
    ] = "inline",
    cpus: Annotated[int, typer.Option("--cpus", metavar="N", help="CPU cores; 0 for all.")] = 0,
    gpus: Annotated[int, typer.Option("--gpus", metavar="N", help="GPUs.")] = 0,
    nodes: Annotated[
        int, typer.Option("--nodes", metavar="N", help="Machines that share the run.")
    ] = 1,
    memory: Annotated[str, typer.Option("--memory", metavar="SIZE", help="Memory: 4G, 512M.")] = "",
    time_limit: Annotated[
        str,
        typer.Option("--time-limit", metavar="TIME", help="Ask it to stop after: 90s, 30m, 12h."),
    ] = "",
    sink: Annotated[
        list[str],
        typer.Option(
            "--sink", metavar="NAME", help="Send metrics to tensorboard, mlflow or wandb too."
        ),
    ] = [],  # noqa: B006
    keep_best: KeepBest = "",
    parent: Annotated[
        str, typer.Option("--parent", metavar="RUN", help="The run that this one goes on from.")
    ] = "",
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Say nothing while it runs.")
    ] = False,
) -> None:
    """Run a task once."""
    if dry_run + explain + print_config + prepare > 1:
        raise UsageError("--dry-run, --explain, --print-config and --prepare exclude each other")
    if resume and force:
        raise UsageError("--resume and --force exclude each other")
    resolved = invocation.resolve(config)
    for note in resolved.notes:
        typer.echo(f"note: {note}", err=True)
    if print_config:
        _print_config(resolved, as_json)
    elif explain:
        _explain(resolved, as_json)
    elif dry_run:
        from taskloom.cli.commands.check import check_config

        check_config(invocation, resolved, as_json=as_json)
    else:
        from taskloom.cli.place import Order, perform
        from taskloom.placement.executor import check_executor
        from taskloom.runs import default_store, open_run
        from taskloom.sinks.sink import check_sinks

        # Names are judged even where an identical run spares the work.
        check_executor(executor)
        check_sinks(sink)
        order = Order(
            invocation,
            resolved,
            default_store(store),
            name=name,
            tags=tag,
            resources=read_resources(
                "" if prepare else executor,
                cpus=cpus,
                gpus=gpus,
                nodes=nodes,
                memory=memory,
                time_limit=time_limit,
            ),
            executor=executor,
            sinks=sink,
            keep_best=checked_criterion(keep_best),
            parent=open_run(parent, store).id if parent else "",
            quiet=quiet or as_json,
        )
        if prepare:
            typer.echo(str(order.make_folder().dir))
            return
        finished = None if force else order.finished_before()
        if finished is not None:
            typer.echo(
                "note: an identical run has finished before; --force runs it again", err=True
            )
        ended = finished or perform(order, order.begun_before() if resume else None)
        show_run(ended, as_json=as_json)
        raise typer.Exit(ended.exit_code or 0)


def checked_criterion(text: str) -> str:
    """Return a criterion that can be read, or an empty text.

    Raises:
        UsageError: It cannot.
    """
    if text:
        from taskloom.runs.checkpoints import Criterion

        Criterion.parse(text)
    return text


def read_resources(
    executor: str, *, cpus: int, gpus: int, nodes: int, memory: str, time_limit: str
) -> Resources:
    """Return what the options of a run, or of each run of a sweep, allow it.

    Raises:
        UsageError: A number makes no sense, or the executor cannot give it; an empty name can give anything.
    """
    if cpus < 0 or gpus < 0:
        raise UsageError("--cpus and --gpus must be 0 or more")
    if nodes < 1:
        raise UsageError("--nodes must be 1 or more")
    if nodes > 1 and executor not in ("slurm", ""):
        raise UsageError(
            f"--nodes={nodes}: the {executor} executor gives a run one machine; slurm gives it several",
            hint="or make its folder with --prepare, and start torchrun on every machine: see the guide 'Machines'",
        )
    if not (memory or time_limit):
        return Resources(cpus, gpus, nodes)
    from taskloom.cli.commands.sweep import read_size, read_time

    return Resources(cpus, gpus, nodes, read_size(memory), read_time(time_limit))


def show_run(run: Run, *, as_json: bool) -> None:
    """Print what a run ended with: one JSON document, or a line for each metric and where to look."""
    if as_json:
        print_json(_document(run))
        return
    if run.summary:
        typer.echo(run.summary)
    width = max((len(metric) for metric in run.metrics), default=0)
    for metric, value in run.metrics.items():
        typer.echo(f"  {metric:<{width}}  {number(value)}")
    typer.echo(f"{run.status}: {run.dir}")


def _document(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "domain": run.domain,
        "task": run.task,
        "status": run.status,
        "dir": str(run.dir),
        "summary": run.summary,
        "metrics": dict(run.metrics),
        "artifacts": {key: str(path) for key, path in run.artifacts.items()},
        "config": dict(run.config),
    }


def _print_config(resolved: Resolved, as_json: bool) -> None:
    if as_json:
        print_json(resolved.config.model_dump(mode="json"))
    else:
        typer.echo(to_toml(resolved.config), nl=False)


def _explain(resolved: Resolved, as_json: bool) -> None:
    from taskloom.params.labels import plain, text_of

    values = leaves(resolved.config)
    if as_json:
        rows = {
            path: {"value": plain(value), "source": resolved.sources[path]}
            for path, value in values.items()
        }
        print_json(rows)
        return
    width = max(len(path) for path in values)
    shown = {path: text_of(value) for path, value in values.items()}
    second = min(max(len(text) for text in shown.values()), 30)
    for path, text in shown.items():
        typer.echo(f"{path:<{width}}  {text:<{second}}  {resolved.sources[path]}")
