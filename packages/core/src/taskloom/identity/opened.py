"""Files that Python code opens while a run goes on, seen by an audit hook: reads that no field of the config names.

A hook cannot be removed, so it is not installed where a person works on afterwards: in a notebook or at a prompt. Libraries that open files in C (MuJoCo,
SQLite) raise no event.
"""

from __future__ import annotations

import os
import stat
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import source_from_cache
from pathlib import Path

from taskloom.system.machine import KERNEL_FOLDERS

MOST = 1000
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC
_PLACES = tuple(f"{folder}/" for folder in KERNEL_FOLDERS)
_SKIPPED = ("/__pycache__/", "/.cache/", "/.git/", "/site-packages/", "/.matplotlib/")
_SUFFIXES = (".pyi", ".so", ".nbi", ".nbc")
_INSTALLED = ("/site-packages/", f"{sys.base_prefix}/")


@dataclass(slots=True)
class Opened:
    """Files that were opened since watching began.

    Attributes:
        read: Those that were only read, each with size and time of modification when it was opened first; None where nothing
            lay there.
        written: Those that were opened for writing, and what a file or folder was renamed to.
        relative: Those that were named relative to the current folder, which is another one for another command.
    """

    read: dict[str, tuple[int, int] | None] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)
    relative: set[str] = field(default_factory=set)

    def note(self, path: str, flags: int) -> None:
        """Remember one file."""
        if path in self.read or path in self.written or len(self.read) >= MOST:
            if flags & _WRITING:
                self.written.add(path)
            return
        if flags & _WRITING:
            self.written.add(path)
            return
        try:
            found = os.stat(path)
        except FileNotFoundError:
            self.read[path] = None  # that it is missing is an answer, too
            return
        except OSError:
            return
        # A folder is opened to be locked or made durable; its time changes with every file that anything makes in it.
        if not stat.S_ISDIR(found.st_mode):
            self.read[path] = (found.st_size, found.st_mtime_ns)


class _Watch:
    """The state of the one hook."""

    active: tuple[
        Opened, ...
    ] = ()  # of a run within a run, and of runs in threads: each depends on what is read
    is_installed = False
    lock = threading.Lock()


@contextmanager
def watching_files(wanted: bool) -> Iterator[Opened]:
    """Remember the files that are opened inside the block.

    Args:
        wanted: Whether this process ends with what it runs; elsewhere nothing is watched.
    """
    opened = Opened()
    if not wanted:
        yield opened
        return
    with _Watch.lock:
        if not _Watch.is_installed:
            sys.addaudithook(_hook)
            _Watch.is_installed = True
        _Watch.active = (*_Watch.active, opened)
    try:
        yield opened
    finally:
        with _Watch.lock:
            _Watch.active = tuple(item for item in _Watch.active if item is not opened)


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if not _Watch.active or event not in ("open", "os.rename"):
        return
    if event == "os.rename":  # a file that is replaced as a whole, whatever wrote it
        new, beside = arguments[1], arguments[3]
        if isinstance(new, str | bytes) and (beside == -1 or os.path.isabs(new)):
            with suppress(Exception):
                absolute = os.path.abspath(os.fsdecode(new))
                for opened in _Watch.active:
                    opened.written.add(absolute)
        return
    path, flags = arguments[0], arguments[2]
    # Descriptors that are wrapped are no new files.
    if not isinstance(path, str) or not isinstance(flags, int) or path.endswith(_SUFFIXES):
        return
    # `os.open`, which says no mode, may mean a name in a folder that is open, and the event does not say in which.
    is_vague = arguments[1] is None and not os.path.isabs(path)
    if is_vague and (flags & _WRITING or not os.path.exists(path)):
        return
    with suppress(Exception):
        absolute = os.path.abspath(path)
        if path.endswith((".py", ".pyc")):
            if any(part in absolute for part in _INSTALLED):
                return
            if path.endswith(
                ".pyc"
            ):  # read in the place of a source, which no module may stand for
                absolute = source_from_cache(absolute)
        for opened in _Watch.active:
            opened.note(absolute, flags)
            if not os.path.isabs(path):
                opened.relative.add(absolute)


def counted_reads(opened: Opened, below: Sequence[Path], except_below: Sequence[Path]) -> list[str]:
    """Return the files whose content the run depends on although no field names them, sorted.

    Of two folders that hold a file the inner one decides: a project below the folder for temporary files counts, and an
    environment below a project does not. Source files of modules are code, and not looked at here.

    Args:
        opened: The files that were opened.
        below: The folders in which files count: the current one and that of the task.
        except_below: Folders in which they do not, such as the store.
    """
    inside = [f"{folder}{os.sep}" for folder in below]
    outside = [*_PLACES, *(f"{folder}{os.sep}" for folder in (*except_below, *_machine_folders()))]
    modules = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    return sorted(
        path
        for path in opened.read
        if path not in opened.written
        and path not in modules
        and _depth(path, inside) > _depth(path, outside)
        and not any(part in path for part in _SKIPPED)
    )


def _depth(path: str, folders: Sequence[str]) -> int:
    """Return the length of the innermost folder that holds a path; 0 for none."""
    return max((len(folder) for folder in folders if path.startswith(folder)), default=0)


def _machine_folders() -> list[str]:
    """Return the folders of this machine that hold nothing of the user's."""
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    prefixes = {sys.prefix, sys.base_prefix, sysconfig.get_path("purelib")}
    return [tempfile.gettempdir(), caches, *prefixes]
