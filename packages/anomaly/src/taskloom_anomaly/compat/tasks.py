"""`TASKS`, the tasks of the domain by name with those of plugins, and `run_task`, which ran one in version 0.1."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from taskloom.bound import BoundTask, Driver, members_of
from taskloom.errors import PluginError, UnknownNameError
from taskloom.registry.discovery import tasks_of
from taskloom.registry.resolve import find_task, load_task
from taskloom.task import Result

from taskloom_anomaly import driver  # scipy and safetensors are heavy
from taskloom_anomaly.config import AnomalyConfig
from taskloom_anomaly.task import AnomalyTask

if TYPE_CHECKING:
    from taskloom.context import RunContext


class TaskView(Mapping[str, Callable[..., Any]]):
    """A read-only view: names are known without importing anything, a task is imported when it is looked up."""

    def __getitem__(self, name: str) -> Callable[..., Any]:
        """Return the task's factory, `TASKS["backdoor"](config)`, or the config class that is its own task.

        Raises:
            KeyError: There is no such task; the message names the closest.
        """
        if name not in self:
            try:
                find_task("anomaly", name)
            except UnknownNameError as error:
                raise KeyError(f"{error.message} {error.hint}".strip()) from None
        loaded = load_task(find_task("anomaly", name))
        # A config that is its own task is called with its parameters, as in cupbearer.
        itself: Any = loaded.config_class
        return itself if hasattr(itself, "build_reference_data") else loaded.factory

    def __setitem__(self, name: str, task: object) -> None:
        """Refuse the assignment by which a file of cupbearer registers its task.

        Raises:
            PluginError: Always; the message has the line that registers the task.
        """
        target = f"{getattr(task, '__module__', 'PACKAGE')}:{getattr(task, '__qualname__', 'TASK')}"
        raise PluginError(
            f"TASKS[{name!r}] cannot be assigned; a package registers its task by an entry point in its pyproject.toml.",
            hint=f'[project.entry-points."taskloom.tasks"] and below it: "anomaly.{name}" = "{target}"',
        )

    def __contains__(self, name: object) -> bool:
        return any(entry.ref.name == name for entry in tasks_of("anomaly"))

    def __iter__(self) -> Iterator[str]:
        return iter([entry.ref.name for entry in tasks_of("anomaly")])

    def __len__(self) -> int:
        return len(tasks_of("anomaly"))

    def config_class(self, name: str) -> type[Any]:
        """Return the config class of a task."""
        return load_task(find_task("anomaly", name)).config_class


TASKS = TaskView()


def run_task(
    task: AnomalyTask, config: AnomalyConfig, ctx: RunContext, checkpoint: Path | None = None
) -> Result:
    """Run an object with the four methods; tasks of version 0.1 called it in a `run` of their own.

    Raises:
        PluginError: A method is missing.
    """
    if not isinstance(task, AnomalyTask):
        lacking = [name for name in members_of(AnomalyTask) if not hasattr(task, name)]
        raise PluginError(
            f"{type(task).__name__} is no anomaly task: it lacks {', '.join(lacking)}."
        )
    bound = BoundTask(task, config, lambda _: task, cast("Driver", driver))
    return driver.run(bound, ctx, checkpoint)
