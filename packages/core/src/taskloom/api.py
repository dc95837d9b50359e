"""Runs and sweeps from Python, on the command line's own path: `taskloom.run`, `taskloom.sweep`.

    import taskloom as tl

    run = tl.run("hci/pointing", assistant="big", episodes=2000)
    run = tl.run("hci/pointing", {"user.error_rate": 0.1}, options=tl.RunOptions(tags=["pilot"]))
    sweep = tl.sweep("control/cartpole", {"optimizer": ["cem", "mppi"], "seed": range(5)}, seconds=5.0)

Values of the config and options of the run never share a namespace: options go into `options`. The environment does not set
values (only `TASKS_STORE` says where the store is), and the same call returns the run that has finished.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import SecretBytes, SecretStr

from taskloom.asking import Asked, find_asked, resolve_request, resolve_values, written
from taskloom.config import Config
from taskloom.lifecycle.lifecycle import continue_run, run_task
from taskloom.params.layers import Resolved
from taskloom.params.values import write
from taskloom.placement.executor import INLINE
from taskloom.placement.options import checked_options
from taskloom.placement.single import PlacementLog, place_run
from taskloom.registry.entries import LoadedTask
from taskloom.request import Origin, RunOptions
from taskloom.runs.identity import identity
from taskloom.runs.layout import default_store
from taskloom.runs.lookup import identical
from taskloom.runs.run import Run
from taskloom.secrets import vault
from taskloom.secrets.digests import keyed_digest
from taskloom.sweeps.expand import Choices, Plan, Point
from taskloom.sweeps.record import EXECUTOR, create_sweep
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
        task: Its name, `domain/task`; or its class; or a config, if one task alone takes such a config.
        values: Values of the config by dotted path, `{"user.error_rate": 0.1}`; or a whole config.
        options: How the run is kept and placed.
        **by_name: Further values of the config.

    Returns:
        The run: finished, or stopped by a signal or by its time limit.

    Raises:
        UnknownNameError: A domain, task, parameter or component does not exist.
        ConfigError: A value is not accepted.
        CheckFailedError: The task's own check found an error.
        RunFailedError: The task raised; the run's record says how.
        StoreError: The store cannot be written.
    """
    loaded, resolved = resolve_request(task, values, by_name)
    options = checked_options(options)
    origin = Origin(sources=resolved.sources)
    return finished_before(loaded, resolved.config, options) or perform(
        loaded, resolved.config, options, origin
    )


def sweep(
    task: Asked,
    axes: Mapping[str, Iterable[object]],
    /,
    *,
    options: RunOptions = RunOptions(executor=EXECUTOR),
    **fixed: object,
) -> Sweep:
    """Run a task at every combination of values, and return what came of each; points that have finished are not run again.

        >>> import taskloom as tl
        >>> sweep = tl.sweep("hci/pointing", {"seed": range(3)}, episodes=20)
        >>> [(row["seed"], row["status"]) for row in sweep.metrics]
        [(0, 'finished'), (1, 'finished'), (2, 'finished')]

    Args:
        task: Its name, `domain/task`, or its class.
        axes: The values that each parameter takes, by dotted path.
        options: How each run is kept and placed.
        **fixed: Values of the config that all points share.

    Returns:
        The sweep. A run that failed is among its results, and leaves the others alone.

    Raises:
        UnknownNameError: A domain, task, parameter or component does not exist.
        ConfigError: A value is not accepted; nothing has been run.
        StoreError: The store cannot be written.
    """
    loaded = find_asked(task)
    # A plan is made of texts; behind each stands the value itself, so that none is read back from its text.
    columns = {path: _by_text(values) for path, values in axes.items()}
    columns |= {path: {_text(value): value} for path, value in fixed.items()}

    def resolve_point(point: Point) -> Resolved:
        values = {path: columns[path][text] for path, text in point.items()}
        return resolve_values(loaded.config_class, values)

    plan = Plan({path: Choices(tuple(texts)) for path, texts in columns.items()})
    points = plan_points(loaded, plan, {}, resolve_point=resolve_point)
    record = create_sweep(loaded, points, options)
    log = PlacementLog(quiet=options.quiet)
    log.say(f"sweep {record.id}: {len(points)} points")
    return run_sweep(loaded, record, default_store(options.store), log)


def finished_before(loaded: LoadedTask, config: Config, options: RunOptions) -> Run | None:
    """Return the newest finished run of the same identity, unless the options force a new one."""
    return None if options.force else identical(_identity(loaded, config), options.store)


def perform(loaded: LoadedTask, config: Config, options: RunOptions, origin: Origin) -> Run:
    """Run a task, or go on with an identical run that has not finished, and return the run when it is over.

    Args:
        loaded: The task.
        config: Its resolved config.
        options: How the run is kept and placed, as `checked_options` returns them.
        origin: Who asked for it.

    Raises:
        CheckFailedError: The task's own check found an error.
        RunFailedError: The task raised.
        StoreError: The store cannot be written.
        StoreLockedError: Another process is running it.
    """
    begun = (
        identical(_identity(loaded, config), options.store, is_finished=False)
        if options.resume
        else None
    )
    if options.executor != INLINE:
        key = _identity(loaded, config)
        vault.check_placement([key], options.executor)
        if begun is not None:
            vault.pass_on(key, str(begun.dir))
        return place_run(loaded, config, options, origin, begun.layout if begun else None)
    if begun is not None:
        limit = options.resources.time_limit
        return continue_run(loaded, begun.layout, quiet=options.quiet, time_limit=limit)
    return run_task(loaded, config, options, origin)


def _identity(loaded: LoadedTask, config: Config) -> str:
    ref = loaded.entry.ref
    found = identity(loaded.entry.domain, ref.name, ref.version, config)
    vault.keep(found, config)
    return found


def _by_text(values: Iterable[object]) -> dict[str, object]:
    """Return the values of an axis by their texts; a text is one value."""
    return {_text(value): value for value in ([values] if isinstance(values, str) else values)}


def _text(value: object) -> str:
    if isinstance(value, SecretStr | SecretBytes):  # its text is the same for every value
        return keyed_digest(value.get_secret_value())
    return write(written(value))
