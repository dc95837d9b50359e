"""Putting back what the import of a manifest changed in the process.

A listing imports the manifest of every plugin, so none may leave anything behind that another command or another plugin
notices: output, folder, environment, signal handlers, functions of the standard library, callbacks at exit, processes, threads.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import IO, Any, NoReturn, TypeVar

from taskloom.own import foreign_threads, is_own
from taskloom.registry.isolate import EndsProcessError
from taskloom.system.descriptors import close_copy, private_copy
from taskloom.system.processes import signals_kept

F = TypeVar("F", bound=Callable[..., Any])

_LONGEST_OUTPUT = 2000  # bytes of a manifest's output that are kept
# What is first imported while a manifest loads cannot be put back: nothing has seen it as it was.
_NEEDED_LATER = ("inspect", "json", "tempfile", "tomllib")
_IMPORT_LISTS = ("path", "meta_path", "path_hooks")
_leave = os._exit


printed: dict[str, str] = {}
"""Output of each manifest, by the name of its domain."""


@contextlib.contextmanager
def quarantined(name: str) -> Iterator[None]:
    """Load the manifest of the domain `name` in the block, and put back afterwards what it changed."""
    process = os.getpid()
    with (
        _output_aside(name),
        _state_kept(),
        _imports_kept(),
        _functions_kept(),
        _exits_refused(process),
    ):
        before = set(threading.enumerate())
        try:
            yield
        finally:
            if os.getpid() != process:
                _leave(0)  # a child of the manifest, which would go on as a second `tasks`
            started = set(threading.enumerate()) - before
            foreign_threads.extend(thread for thread in started if not thread.daemon)


@contextlib.contextmanager
def _output_aside(name: str) -> Iterator[None]:
    """Send descriptors 1 and 2 into a file, whose beginning is kept for `tasks doctor`."""
    import tempfile  # only where a third party's manifest is loaded

    streams = (("stdout", 1, sys.stdout), ("stderr", 2, sys.stderr))
    _flush()
    with tempfile.TemporaryFile() as scratch:
        kept = {number: _duplicate(number) for _, number, _ in streams}
        for number in kept:
            os.dup2(scratch.fileno(), number)
        try:
            with contextlib.redirect_stdout(sys.stderr):
                yield
        finally:
            _flush()
            for number, copy in kept.items():
                _put_back(number, copy)
            for attribute, number, stream in streams:
                setattr(sys, attribute, _usable(stream, number))
            scratch.seek(0)
            if said := scratch.read(_LONGEST_OUTPUT):
                printed[name] = said.decode("utf-8", "replace")


@contextlib.contextmanager
def _state_kept() -> Iterator[None]:
    """Put the working folder, the environment, signal handlers and the recursion limit back."""
    folder = None
    with contextlib.suppress(OSError):
        folder = os.getcwd()
    environ, variables = os.environ, dict(os.environ)
    limit = sys.getrecursionlimit()
    try:
        with signals_kept():
            yield
    finally:
        sys.setrecursionlimit(limit)
        if folder is not None:
            with contextlib.suppress(OSError):
                os.chdir(folder)
        os.environ = environ  # noqa: B003 -- a manifest may have replaced the object itself
        for variable in [variable for variable in environ if variable not in variables]:
            del environ[variable]
        for variable, value in variables.items():
            if environ.get(variable) != value:
                environ[variable] = value


@contextlib.contextmanager
def _imports_kept() -> Iterator[None]:
    """Keep the next manifest importable: places and finders of modules, modules, and what traces their code.

    What is new stays, behind what was there: a library may need a finder of its own later.
    """
    lists = {name: (getattr(sys, name), list(getattr(sys, name))) for name in _IMPORT_LISTS}
    table, modules = sys.modules, dict(sys.modules)
    trace, profile = sys.gettrace(), sys.getprofile()
    try:
        yield
    finally:
        if sys.gettrace() is not trace:
            sys.settrace(trace)
        if sys.getprofile() is not profile:
            sys.setprofile(profile)
        for name, (found, items) in lists.items():
            now = getattr(sys, name, None)
            new = [item for item in now if item not in items] if isinstance(now, list) else []
            found[:] = [*items, *new]
            setattr(sys, name, found)
        sys.modules = table
        table.update(
            {name: module for name, module in modules.items() if table.get(name) is not module}
        )


@contextlib.contextmanager
def _functions_kept() -> Iterator[None]:
    """Put functions and classes back that were replaced in modules of the standard library and of taskloom."""
    for module_name in _NEEDED_LATER:
        import_module(module_name)
    known = [
        (module, name, value)
        for module in list(sys.modules.values())
        if is_own(getattr(module, "__name__", ""))
        for name, value in list(vars(module).items())
        if callable(value)
    ]
    try:
        yield
    finally:
        for module, name, value in known:
            if vars(module).get(name) is not value:
                setattr(module, name, value)


@contextlib.contextmanager
def _exits_refused(process: int) -> Iterator[None]:
    """Forget callbacks at exit that are not the standard library's own, and refuse to end the process."""
    register, callbacks = atexit.register, list[Callable[..., Any]]()

    def note(function: F, /, *arguments: Any, **options: Any) -> F:  # noqa: ANN401 -- atexit's own
        caller = str(sys._getframe(1).f_globals.get("__name__", ""))
        if not is_own(caller):
            callbacks.append(function)
        register(function, *arguments, **options)
        return function

    def end(code: int = 134) -> NoReturn:
        if os.getpid() != process:
            _leave(code)
        raise EndsProcessError(f"it ends the process, with exit code {code}")

    known = ((os, "_exit", os._exit), (os, "abort", os.abort), (atexit, "register", register))
    for (module, name, _), function in zip(known, (end, end, note), strict=True):
        setattr(module, name, function)
    try:
        yield
    finally:
        for module, name, value in known:
            setattr(module, name, value)
        for function in callbacks:
            atexit.unregister(function)


def _duplicate(number: int) -> int | None:
    try:
        return private_copy(number)
    except OSError:  # the descriptor is closed
        return None


def _put_back(number: int, copy: int | None) -> None:
    with contextlib.suppress(OSError):
        if copy is None:
            os.close(number)
        else:
            os.dup2(copy, number)
            close_copy(copy)


def _usable(stream: IO[str] | None, number: int) -> IO[str] | None:
    """Return a stream, or a new one on the same descriptor if the manifest closed it."""
    if not getattr(stream, "closed", False):
        return stream
    try:
        return open(number, "w", encoding="utf-8", closefd=False, newline="\n")
    except OSError:
        return stream


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()  # type: ignore[union-attr]  # None where there is no such stream
