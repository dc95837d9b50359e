"""`TASKS`, the tasks of the domain by name with those of plugins, and `run_task`, which ran one in version 0.1."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from taskloom.bound import BoundTask, Driver, members_of
from taskloom.errors import PluginError, UnknownNameError
from taskloom.registry.discovery import add_task, remove_task, tasks_of
from taskloom.registry.factory import as_factory
from taskloom.registry.refs import TaskRef
from taskloom.registry.resolve import find_domain, find_task, load_task
from taskloom.task import Result

from taskloom_anomaly import driver  # scipy and safetensors are heavy
from taskloom_anomaly.config import AnomalyConfig
from taskloom_anomaly.task import AnomalyTask

if TYPE_CHECKING:
    from taskloom.context import RunContext


class TaskView(MutableMapping[str, Callable[..., Any]]):
    """A view: names are known without importing anything, a task is imported when it is looked up."""

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

    def __setitem__(self, name: str, task: Callable[..., Any]) -> None:
        """Name a task for this process, as a file of cupbearer does in its last line: `taskloom.run("anomaly/mine")` takes it then.

        Raises:
            PluginError: It cannot be imported by its name, is no task, or an installed one is called so; the message names the entry
                point that registers a task of a package.
        """
        target = f"{getattr(task, '__module__', '')}:{getattr(task, '__qualname__', '')}"
        home: Any = sys.modules.get(target.partition(":")[0])
        if getattr(home, target.partition(":")[2], None) is not task:
            raise PluginError(
                f"TASKS[{name!r}] cannot be assigned, since '{target}' cannot be imported; a package registers its task by an entry"
                " point in its pyproject.toml.",
                hint=f'[project.entry-points."taskloom.tasks"] and below it: "anomaly.{name}" = "PACKAGE:{getattr(task, "__qualname__", "TASK")}"',
            )
        summary = (inspect.getdoc(task) or name).partition("\n")[0]
        as_factory(task, f"TASKS[{name!r}]", find_domain("anomaly").ref)
        add_task("anomaly", TaskRef(name, summary, target))

    def __delitem__(self, name: str) -> None:
        """Take back the name that an assignment gave.

        Raises:
            KeyError: No assignment gave it.
        """
        remove_task("anomaly", name)

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
