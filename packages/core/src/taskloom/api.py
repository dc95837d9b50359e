"""Runs and sweeps from Python, on the command line's own path: `taskloom.run`, `taskloom.sweep`.

    import taskloom as tl

    run = tl.run("hci/pointing", assistant="big", episodes=2000)
    run = tl.run("hci/pointing", {"user.error_rate": 0.1}, options=tl.RunOptions(tags=["pilot"]))
    run = tl.run("one.py:Coin", p=0.3)
    sweep = tl.sweep("control/cartpole", {"optimizer": ["cem", "mppi"], "seed": range(5)}, seconds=5.0)

Values of the config and options of the run never share a namespace: options go into `options`. The environment does not set
values (only `TASKS_STORE` says where the store is), and the same call returns the run that has finished.

A call may come from a thread, and from inside a running event loop. It leaves the process as it was: working directory, signal
handlers, `sys.argv`, warnings filters and global random states.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import SecretBytes, SecretStr

from taskloom.answering import RunRequest, answer
from taskloom.asking import (
    Asked,
    find_asked,
    listed_values,
    require_options,
    resolve_request,
    resolve_values,
    written,
)
from taskloom.config import Config
from taskloom.errors import ExitCode, StoreLockedError
from taskloom.given.files import refuse_while_loading
from taskloom.given.tasks import executor_for
from taskloom.lifecycle.library_defaults import library_defaults
from taskloom.lifecycle.talk import speaking
from taskloom.lifecycle.undisturbed import undisturbed
from taskloom.params.layers import Resolved
from taskloom.params.values import write
from taskloom.placement.options import checked_options
from taskloom.placement.single import PlacementLog
from taskloom.request import Origin, RunOptions
from taskloom.runs.layout import default_store
from taskloom.runs.run import Run
from taskloom.secrets.digests import keyed_digest
from taskloom.sweeps.ahead import lines_of, look_ahead
from taskloom.sweeps.expand import Choices, Plan, Point
from taskloom.sweeps.record import EXECUTOR, create_sweep, with_call
from taskloom.sweeps.sweep import Sweep, plan_points, run_sweep


def run(
    task: Asked,
    values: Mapping[str, object] | Config | None = None,
    /,
    *,
    options: RunOptions = RunOptions(),
    **by_name: object,
) -> Run:
    """Run a task, and return the run when it is over; the same call again returns the same run.

        >>> import taskloom as tl
        >>> run = tl.run("hci/pointing", assistant="big", episodes=20)
        >>> run.status, run.metrics["episodes"]
        ('finished', 20.0)

    Args:
        task: Its name, `domain/task`; a file, `one.py:Coin`; its class, also one of a script or of a notebook's cell; or a
            config, if one task alone takes such a config.
        values: Values of the config by dotted path, `{"user.error_rate": 0.1}`; or a whole config.
        options: How the run is kept and placed.
        **by_name: Further values of the config.

    Returns:
        The run: finished, or stopped by its time limit or by another process.

    Raises:
        UnknownNameError: A domain, task, parameter or component does not exist.
        ConfigError: A value is not accepted.
        UsageError: It cannot be told which task is meant, or an option makes no sense.
        PluginError: The class is no task; the message says what it lacks.
        CheckFailedError: The task's own check found an error; nothing has been made.
        RunFailedError: The task raised; the run's record says how.
        StoreError: The store cannot be written.
        StoreLockedError: Another process computes the same, and the options say not to wait.
        KeyboardInterrupt: The user pressed Ctrl-C; the run has stopped, and the same call goes on with it.
    """
    refuse_while_loading()
    require_options(options)
    loaded, resolved = resolve_request(task, values, by_name, options.task_domain)
    options = checked_options(options)
    defaults = library_defaults(wanted=loaded.given is None)
    with undisturbed(), defaults, speaking(quiet=options.quiet) as talk:
        origin = Origin(sources=resolved.sources)
        found = answer(RunRequest(loaded, resolved.config, options, origin, talk.say))
    if found.run is None:
        raise StoreLockedError(f"The same is computed by {found.claimed}, and has no run yet.")
    found.run.reused, found.run.stale = found.reused, found.stale
    if found.claimed is None and found.run.status == "stopped":
        _interrupt(found.run.exit_code, found.run.id)
    return found.run


def sweep(
    task: Asked,
    axes: Mapping[str, Iterable[object]],
    /,
    *,
    options: RunOptions = RunOptions(),
    **fixed: object,
) -> Sweep:
    """Run a task at every combination of values, and return what came of each; points that have finished are not run again.

        >>> import taskloom as tl
        >>> sweep = tl.sweep("hci/pointing", {"seed": range(3)}, episodes=20)
        >>> [(row["seed"], row["status"]) for row in sweep.metrics]
        [(0, 'finished'), (1, 'finished'), (2, 'finished')]

    Args:
        task: Its name, `domain/task`; a file, `one.py:Coin`; or its class.
        axes: The values that each parameter takes, by dotted path; what is no list is one value.
        options: How each run is kept and placed; without an executor the local one, and inline for a class of a notebook.
        **fixed: Values of the config that all points share.

    Returns:
        The sweep. A run that failed is among its results, and leaves the others alone.

    Raises:
        UnknownNameError: A domain, task, parameter or component does not exist.
        ConfigError: A value is not accepted; nothing has been run.
        UsageError: A parameter has no value, or also a fixed one; a class of a notebook was to be placed elsewhere. Nothing
            has been run.
        StoreError: The store cannot be written.
        KeyboardInterrupt: The user pressed Ctrl-C; the same call goes on with what is missing.
    """
    refuse_while_loading()
    require_options(options)
    loaded = find_asked(task, options.task_domain)
    # A plan is made of texts; behind each stands the value itself, so that none is read back from its text.
    varied = listed_values("axes", axes, fixed)
    every = {**varied, **{path: [value] for path, value in fixed.items()}}
    columns = {path: {_text(value): value for value in values} for path, values in every.items()}

    def resolve_point(point: Point) -> Resolved:
        values = {path: columns[path][text] for path, text in point.items()}
        return resolve_values(loaded.config_class, values)

    plan = Plan({path: Choices(tuple(texts)) for path, texts in columns.items()})
    options = checked_options(options, executor=executor_for(loaded, EXECUTOR))
    defaults = library_defaults(wanted=loaded.given is None)
    with undisturbed(), defaults, speaking(quiet=options.quiet) as talk:
        points = plan_points(loaded, plan, {}, options=options, resolve_point=resolve_point)
        record = create_sweep(loaded, points, options)
        record = with_call(record, options)
        store = default_store(options.store)
        talk.say(f"sweep {record.id}: {len(points)} points")
        aheads = look_ahead(loaded, record, store)
        for line in lines_of(aheads):
            talk.say(line)
        ended = run_sweep(loaded, record, store, PlacementLog(quiet=options.quiet), aheads)
    _interrupt(ended.exit_code, ended.id)
    return ended


def _interrupt(exit_code: int | None, name: str) -> None:
    """Raise what Ctrl-C raises, once the record says that it came."""
    if exit_code == ExitCode.INTERRUPTED:
        raise KeyboardInterrupt(f"{name} was stopped; the same call goes on with it")


def _text(value: object) -> str:
    if isinstance(value, SecretStr | SecretBytes):  # its text is the same for every value
        return keyed_digest(value.get_secret_value())
    return write(written(value))
