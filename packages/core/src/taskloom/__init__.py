"""taskloom: one tool for four kinds of research task. Every public name is listed here and imported when first used."""

from __future__ import annotations

import sys

from taskloom.lazy import MovedModules, lazy_names

TYPE_CHECKING = (
    False  # type checkers know the name; the module typing is half of what this import costs
)
__version__ = "0.1.0"

if TYPE_CHECKING:
    from taskloom.api import run as run, sweep as sweep
    from taskloom.bound import BoundTask as BoundTask, Driver as Driver
    from taskloom.config import (
        Component as Component,
        Config as Config,
        ExecutionOnly as ExecutionOnly,
        OneOf as OneOf,
        Secret as Secret,
        Unit as Unit,
    )
    from taskloom.context import (
        Progress as Progress,
        Resources as Resources,
        RunContext as RunContext,
    )
    from taskloom.describing import TaskInfo as TaskInfo
    from taskloom.durations import (
        read_duration as read_duration,
        write_duration as write_duration,
    )
    from taskloom.identity.marks import (
        Command as Command,
        InputPath as InputPath,
        OutputPath as OutputPath,
        RunRef as RunRef,
    )
    from taskloom.listing import (
        Runs as Runs,
        info as info,
        list_tasks as list_tasks,
        runs as runs,
    )
    from taskloom.opening import (
        open_run as open_run,
        open_task as open_task,
        task_of as task_of,
    )
    from taskloom.registry.refs import (
        ComponentRef as ComponentRef,
        DomainRef as DomainRef,
        TaskRef as TaskRef,
        VerbRef as VerbRef,
    )
    from taskloom.request import RunOptions as RunOptions
    from taskloom.runs.run import Run as Run
    from taskloom.seeding import derive_seed as derive_seed
    from taskloom.show.page import Report as Report
    from taskloom.studies.call import study as study
    from taskloom.studies.study import Study as Study
    from taskloom.sweeps.sweep import Sweep as Sweep
    from taskloom.task import (
        Checkable as Checkable,
        Describable as Describable,
        Finding as Finding,
        JsonValue as JsonValue,
        Result as Result,
        Resumable as Resumable,
        Task as Task,
        TaskFactory as TaskFactory,
    )

# Last, so that it is asked only for modules that exist nowhere.
sys.meta_path.append(MovedModules)

# Where each public name lives. Importing them eagerly would cost every `tasks list` the import of pydantic.
_HOMES = {
    "taskloom.api": ("run", "sweep"),
    "taskloom.config": ("Component", "Config", "ExecutionOnly", "OneOf", "Secret", "Unit"),
    "taskloom.identity.marks": ("Command", "InputPath", "OutputPath", "RunRef"),
    "taskloom.context": ("Progress", "Resources", "RunContext"),
    "taskloom.bound": ("BoundTask", "Driver"),
    "taskloom.describing": ("TaskInfo",),
    "taskloom.listing": ("Runs", "info", "list_tasks", "runs"),
    "taskloom.show.page": ("Report",),
    "taskloom.sweeps.sweep": ("Sweep",),
    "taskloom.durations": ("read_duration", "write_duration"),
    "taskloom.opening": ("open_run", "open_task", "task_of"),
    "taskloom.registry.refs": ("ComponentRef", "DomainRef", "TaskRef", "VerbRef"),
    "taskloom.request": ("RunOptions",),
    "taskloom.runs.run": ("Run",),
    "taskloom.seeding": ("derive_seed",),
    "taskloom.studies.call": ("study",),
    "taskloom.studies.study": ("Study",),
    "taskloom.task": (
        "Checkable",
        "Describable",
        "Finding",
        "JsonValue",
        "Result",
        "Resumable",
        "Task",
        "TaskFactory",
    ),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

# The linters want a written list; this one is held to the documented names by a test.
__all__ = ["__version__", *_HOME_OF]  # noqa: PLE0604  # pyright: ignore[reportUnsupportedDunderAll]

__getattr__, __dir__ = lazy_names("taskloom", _HOME_OF)
