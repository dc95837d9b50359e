"""taskloom: one tool for four kinds of research task. Every public name is listed here and imported when first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from taskloom.config import Component as Component
    from taskloom.config import Config as Config
    from taskloom.config import ExecutionOnly as ExecutionOnly
    from taskloom.config import OneOf as OneOf
    from taskloom.config import Unit as Unit
    from taskloom.context import Progress as Progress
    from taskloom.context import Resources as Resources
    from taskloom.context import RunContext as RunContext
    from taskloom.registry.refs import ComponentRef as ComponentRef
    from taskloom.registry.refs import DomainRef as DomainRef
    from taskloom.registry.refs import TaskRef as TaskRef
    from taskloom.registry.refs import VerbRef as VerbRef
    from taskloom.seeding import derive_seed as derive_seed
    from taskloom.task import Checkable as Checkable
    from taskloom.task import Describable as Describable
    from taskloom.task import Finding as Finding
    from taskloom.task import JsonValue as JsonValue
    from taskloom.task import Result as Result
    from taskloom.task import Resumable as Resumable
    from taskloom.task import Task as Task
    from taskloom.task import TaskFactory as TaskFactory

# Where each public name lives. Importing them eagerly would cost every `tasks list` the import of pydantic.
_HOMES = {
    "taskloom.config": ("Component", "Config", "ExecutionOnly", "OneOf", "Unit"),
    "taskloom.context": ("Progress", "Resources", "RunContext"),
    "taskloom.registry.refs": ("ComponentRef", "DomainRef", "TaskRef", "VerbRef"),
    "taskloom.seeding": ("derive_seed",),
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

__all__ = sorted(["__version__", *_HOME_OF])  # pyright: ignore[reportUnsupportedDunderAll] -- built from _HOMES


def __getattr__(name: str) -> Any:  # noqa: ANN401 -- a module attribute may be anything
    if name not in _HOME_OF:
        raise AttributeError(f"module 'taskloom' has no attribute '{name}'")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return list(__all__)
