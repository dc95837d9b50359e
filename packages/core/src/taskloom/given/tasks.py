"""From a class, a file or a record to a task that is not installed.

file_task("one.py:Coin"); class_task(Coin); recorded_task(run.record)
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from taskloom.bound import members_of
from taskloom.errors import PluginError, UnknownNameError, UsageError
from taskloom.given.cells import UNKNOWN, cell_source
from taskloom.given.domains import domain_of
from taskloom.given.files import dotted, load_file
from taskloom.identity.roots import base_of, owner_of
from taskloom.identity.types import require_identity
from taskloom.placement.executor import INLINE
from taskloom.registry.entries import Given, LoadedTask, TaskEntry
from taskloom.registry.factory import as_factory, is_config_class
from taskloom.registry.isolate import load_target
from taskloom.registry.refs import TaskRef
from taskloom.registry.resolve import find_domain, find_task, load_task
from taskloom.registry.suggest import did_you_mean

_SUFFIX = ".py"
_session: dict[str, LoadedTask] = {}


class Recorded(Protocol):
    """Part of a record, of a run or of a sweep, that says of which task it is."""

    @property
    def domain(self) -> str:
        """The domain."""
        ...

    @property
    def task(self) -> str:
        """The task's name inside the domain."""
        ...

    @property
    def code(self) -> Mapping[str, str]:
        """Place of the code of a task that is not installed; or empty."""
        ...


def recorded_task(record: Recorded) -> LoadedTask:
    """Return the task of a record, wherever its code is.

    Raises:
        UnknownNameError: It is not installed, or its file has no such class any more.
        UsageError: Its file is gone, or it is a class of a notebook that is not this one.
        PluginError: It is installed, and broken.
    """
    if not record.code:
        return load_task(find_task(record.domain, record.task))
    path, name = record.code.get("path", ""), record.code.get("name", "")
    if path:
        domain = "" if record.domain == "file" else record.domain
        return file_task(f"{path}:{name}", domain)
    here = _session.get(f"{record.domain}/{record.task}")
    if here is not None:
        return here
    raise UsageError(
        f"{name} is a class of a notebook, which is not this one: its run can go on only there.",
        hint=f"its source lies in the run's folder: tasks run RUN_DIR/code/cell.py:{name}",
    )


def is_file(asked: str) -> bool:
    """Return whether a text names a file of Python, perhaps with something in it: `one.py`, `one.py:Coin`."""
    return asked.endswith(_SUFFIX) or f"{_SUFFIX}:" in asked


def file_task(asked: str, domain: str = "") -> LoadedTask:
    """Return a task of a file.

    Args:
        asked: `one.py:Coin`; or `one.py`, if it holds one task.
        domain: Its domain, where several take it.

    Raises:
        UnknownNameError: The file has nothing of this name, or no task.
        UsageError: There is no such file, it cannot be loaded, or it holds several tasks.
        PluginError: What the name leads to is no task.
    """
    before, colon, after = asked.rpartition(":")
    path, name = (before, after) if colon and not asked.endswith(_SUFFIX) else (asked, "")
    place = Path(os.path.abspath(path))
    module = load_file(Path(path))
    if not name:
        names = _tasks_in(module, domain)
        if len(names) != 1:
            told = f"{len(names)} tasks: {', '.join(names)}" if names else "no task"
            hint = f"say which: {path}:{names[0]}" if names else ""
            raise UsageError(f"{path} holds {told}.", hint=hint)
        name = names[0]
    found = getattr(module, name, None)
    if found is None:
        names = _tasks_in(module, domain)
        raise UnknownNameError(
            f"{path} has no '{name}'; its tasks: {', '.join(names) or 'none'}.",
            hint=did_you_mean(name, names),
        )
    given = Given("file", name, path=str(place), base=dotted(place)[1])
    return _loaded(found, given, f"{place.stem}:{name}", domain)


def is_given(found: object) -> bool:
    """Return whether a class or function is of a file or a session, and of no installed package."""
    name = getattr(found, "__module__", None)
    if not (isinstance(found, type) or inspect.isfunction(found)) or not isinstance(name, str):
        return False
    if name == "__main__":
        return True
    file = getattr(sys.modules.get(name), "__file__", None)
    top = name.partition(".")[0]
    return bool(file) and top != "taskloom" and not owner_of(top)


def class_task(found: Any, domain: str = "") -> LoadedTask:  # noqa: ANN401 -- a class or a function
    """Return the task that a class or function of a file, a script or a session makes.

    Raises:
        UsageError: It fits the protocols of several domains, or no file can be loaded by its name.
        PluginError: It is no task; the message says what is missing.
    """
    name = found.__name__
    file = getattr(sys.modules.get(found.__module__), "__file__", None)
    is_whole = "." not in found.__qualname__
    if file and is_whole and os.path.exists(file):
        place = Path(os.path.abspath(file))
        base = str(place.parent) if found.__module__ == "__main__" else _base(found.__module__)
        given = Given("file", name, path=str(place), base=base)
        return _loaded(found, given, f"{place.stem}:{name}", domain)
    source, reason = cell_source(found) if is_whole else ("", UNKNOWN)
    given = Given(
        "cell" if source else "none", name, base=os.getcwd(), source=source, reason=reason
    )
    loaded = _loaded(found, given, name, domain)
    _session[f"{loaded.entry.domain}/{loaded.entry.ref.name}"] = loaded
    return loaded


def check_placement(loaded: LoadedTask, executor: str) -> None:
    """Refuse to send a class elsewhere that only this process has.

    Raises:
        UsageError: So it is.
    """
    if loaded.given is not None and not loaded.given.path and executor != INLINE:
        raise UsageError(
            f"{loaded.given.name} is a class of a notebook, which cannot be sent elsewhere; save it in a file.",
            hint="or leave the executor out: inline runs it here",
        )


def executor_for(loaded: LoadedTask, usual: str) -> str:
    """Return the executor of many runs where none is asked for: only this process has a class of a notebook."""
    return INLINE if loaded.given is not None and not loaded.given.path else usual


def _loaded(found: Any, given: Given, name: str, asked: str) -> LoadedTask:  # noqa: ANN401 -- whatever the file holds
    home = "file" if given.kind == "file" else "cell"
    what = given.name if given.kind != "file" else f"{Path(given.path).name}:{given.name}"
    domain = domain_of(found, what, asked, home)
    if home == "cell" and domain != home:
        name = f"cell:{given.name}"
    manifest = find_domain(domain).ref
    factory, config_class = as_factory(found, what, manifest)
    require_identity(config_class, what)
    summary = (inspect.getdoc(found) or "").partition("\n")[0]
    ref = TaskRef(name, summary, given.spelled or given.name)
    return LoadedTask(TaskEntry(domain, ref, ""), factory, config_class, manifest, given)


def _tasks_in(module: ModuleType, domain: str) -> list[str]:
    """Return the names of the tasks that a file defines, in their order."""
    return [
        name
        for name, found in vars(module).items()
        if isinstance(found, type)
        and found.__module__ == module.__name__
        and not name.startswith("_")
        and _makes_task(found, domain)
    ]


def _makes_task(found: type, domain: str) -> bool:
    if getattr(found, "__abstractmethods__", None):
        return False
    runs_itself = callable(getattr(found, "run", None))
    try:
        home = domain_of(found, found.__name__, domain, "file")
        manifest = find_domain(home).ref
        as_factory(found, found.__name__, manifest)
    except PluginError:
        return False
    except UsageError:  # it fits several domains
        return True
    # The config of a task is of its domain too, and makes none.
    return runs_itself or not is_config_class(found) or _fits(found, manifest.protocol)


def _fits(found: type, protocol: str) -> bool:
    if not protocol:
        return False
    target = load_target(protocol)
    return isinstance(target, type) and all(hasattr(found, item) for item in members_of(target))


def _base(module: str) -> str:
    return base_of(module.partition(".")[0])[0]
