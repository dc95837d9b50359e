"""`TASKS`: the domain's tasks by name, as a mapping over the registry; plugins' tasks are in it too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from taskloom.errors import UnknownNameError
from taskloom.registry import find_task, load_task, tasks_of


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
        # A config that is its own task is called with its parameters, as in the seed system.
        itself: Any = loaded.config_class
        return itself if hasattr(itself, "run") else loaded.factory

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
