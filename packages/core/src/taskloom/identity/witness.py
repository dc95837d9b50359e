"""Witness of a run: notes the code that is imported, the files that are read and the state of git while the task runs.

with Witness(task, layout, record, is_own_process=True) as witness:
    ...                                  # the task; `witness.note()` at each checkpoint
    fields = witness.conclude()          # what the final record says of it
    missing = witness.write_git()        # waits for git, a few seconds at most
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from taskloom.bound import BoundTask
from taskloom.errors import RunCorruptError, StoreError
from taskloom.identity.canonical import digest_of
from taskloom.identity.code import (
    CELL,
    DATA_LIMIT,
    Code,
    code_paths,
    code_rows,
    counted_modules,
    note_modules,
    read_code,
    sources,
)
from taskloom.identity.filecache import FileCache, is_by_time
from taskloom.identity.git import GRACE, GitQuestion, Repository, difference, repository_of
from taskloom.identity.inputs import second_look
from taskloom.identity.machine import device_seen, python_version, used_device
from taskloom.identity.mixture import inputs_since
from taskloom.identity.opened import counted_reads, watching_files
from taskloom.identity.packages import counted_packages
from taskloom.identity.roots import Roots, folders_of, roots_of
from taskloom.identity.sources import keep_copies, keep_sources
from taskloom.identity.verify import listed
from taskloom.records.documents import read_object
from taskloom.runs.layout import RunLayout
from taskloom.runs.provenance import PATCH_LIMIT
from taskloom.runs.record import RunRecord
from taskloom.runs.writer import atomic_write, atomic_write_json
from taskloom.secrets.redaction import KNOWN

_LISTED = 200  # changed paths that are named and not recorded


@dataclass(frozen=True, slots=True)
class Conclusion:
    """Verdict of a witness at the end of a run.

    Attributes:
        fields: Fields of the final record.
        warnings: Sentences about what changed while the run was going, and about what counts in part.
    """

    fields: dict[str, Any]
    warnings: tuple[str, ...] = ()


class Witness:
    """Record of the files and packages that a run depends on, noted while it runs.

    Args:
        task: The task, constructed: its modules are imported.
        layout: The run's folder.
        record: Its record at the beginning of this attempt.
        goes_on: Whether it goes on from a checkpoint: then it depends on the code of the attempts before it, too.
        is_own_process: Whether the process exists for runs, so that a hook may see which files are opened.
    """

    def __init__(
        self,
        task: BoundTask[Any, Any],
        layout: RunLayout,
        record: RunRecord,
        *,
        goes_on: bool = False,
        is_own_process: bool,
    ) -> None:
        self._layout = layout
        self._earlier = _code_before(layout.dir) if goes_on else Code()
        self._record = record
        self._store = layout.dir.parent
        self._cwd = Path(record.cwd or os.getcwd())
        self._roots: Roots = roots_of(task)
        self._is_own_process = is_own_process
        self._files = FileCache(self._store)
        self._edited: set[str] = set()
        self._stack = ExitStack()
        self._here = self._code = Code()
        self._written: Code | None = None
        self._packages: dict[str, str] = {}
        self._num_modules = 0
        self._num_read = 0
        self._kept: set[str] = set()
        self._sources: dict[str, bytes] = {}
        self._copied: dict[str, bytes] = {}
        self._read: dict[str, str] = {}

    def __enter__(self) -> Witness:
        self._questions = [GitQuestion(top) for top in self._repositories()]
        self._note()
        self._begun = {(row.root, row.file): row for row in self._here.files}
        self._opened = self._stack.enter_context(watching_files(self._is_own_process))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()
        self._files.close()

    def note(self) -> None:
        """Note what was imported and read since the last time; without any it costs nothing."""
        num_read = len(self._opened.read)
        if num_read != self._num_read:
            # A process that is killed tells no more. What it wrote itself is not looked at before the end.
            self._num_read = num_read
            self._read = {path: sha for path, sha in self._read_files()[0].items() if sha}
        elif len(sys.modules) == self._num_modules:
            return
        self._note()

    def _note(self) -> None:
        """Note what runs by now, and write `code.json`."""
        if self._num_modules != len(sys.modules):
            self._packages = counted_packages(self._roots.packages.values(), self._store)
        self._num_modules = len(sys.modules)
        counted = counted_modules(self._roots)
        self._edited |= set(note_modules(self._roots, counted))
        fresh = {
            sha: source for sha, source in sources(self._roots, counted) if sha not in self._kept
        }
        keep_sources(self._store, fresh.items())
        self._kept |= fresh.keys()
        self._sources |= fresh
        self._here = Code(
            files=tuple(code_rows(self._roots, self._files, counted)),
            opened=self._read,
            packages=self._packages,
            python=python_version(),
            device=used_device(self._record.resources.gpus),
            could=device_seen(),
        )
        self._code = self._here.after(self._earlier)
        self._write()
        self._copy()

    def _copy(self) -> None:
        """Keep a copy of the code that is not installed, from which the run can be repeated elsewhere."""
        given = self._roots.given
        roots = (given.base, CELL) if given is not None else ()
        found = {
            row.file: self._sources[row.sha256]
            for row in self._here.files
            if row.root in roots and row.sha256 in self._sources
        }
        keep_copies(
            self._layout.code,
            ((name, text) for name, text in found.items() if self._copied.get(name) != text),
        )
        self._copied |= found

    def _write(self) -> None:
        """Write `code.json`; without it the run is as good, and no later command takes it for its answer."""
        if self._code != self._written:
            with suppress(StoreError):
                self._code.write(self._layout.dir)
                self._written = self._code

    def conclude(self) -> Conclusion:
        """Return what the final record says: the computation, the inputs, and whether another command may take the result."""
        self._stack.close()
        self._note()
        since = inputs_since(self._record)
        inputs, changed = second_look(self._record.inputs, self._files, self._opened.written, since)
        opened, unsteady = self._read_files()
        moved = self._moved_data()
        steady = tuple(row for row in self._here.files if row.file not in moved[0])
        self._here = replace(self._here, files=steady, opened=opened)
        self._code = self._here.after(self._earlier)
        self._write()
        warnings = [
            f"{name} changed while the run was going" for name in (*changed, *unsteady, *moved[1])
        ]
        warnings += [
            f"{os.path.basename(file)} was edited after it was imported"
            for file in sorted(self._edited)
        ]
        by_time = [row.file for row in self._here.files if is_by_time(row.sha256)]
        if by_time:
            warnings.append(
                f"data of the code beyond {DATA_LIMIT >> 20} MiB count by size and time, not by content: "
                f"{listed(by_time)}"
            )
        asked = {"identity": self._record.identity, **self._code.form()}
        mixture = [list(change) for change in self._record.changes]
        computation = digest_of({**asked, "changes": mixture} if mixture else asked)
        fields = {
            "computation": computation,
            "inputs": inputs,
            "reusable": not (changed or unsteady or moved[1] or self._record.code.get("reason")),
            "packages": dict(self._code.packages),
            "python": self._code.python,
            "device": self._code.device,
        }
        return Conclusion(fields, tuple(warnings))

    def write_git(self) -> str:
        """Wait for git, a few seconds at most, and write what it says into the run's folder.

        Returns:
            Why the commit is not known, as a sentence without its full stop; empty if it is.

        Raises:
            StoreError: The folder cannot be written.
        """
        deadline = time.monotonic() + GRACE
        found = [question.answer(deadline) for question in self._questions]
        here = repository_of(self._cwd)
        environment = read_object(self._layout.dir, self._layout.environment.name)
        missing = [name for name in environment.get("missing", []) if name != "git"]
        unknown = next((item.missing for item in found if item.missing), "")
        own = next((item for item in found if item.top == here), None)
        environment["git"] = own.facts if own else {}
        others = [item for item in found if item is not own]
        environment["repositories"] = [{"folder": str(item.top), **item.facts} for item in others]
        patch = "".join(self._difference(item, deadline) for item in found)
        if len(patch.encode(errors="replace")) > PATCH_LIMIT:
            environment["patch"] = f"left out: longer than {PATCH_LIMIT} bytes"
            patch = ""
        if unknown:
            missing.append("git")
            environment["git"]["unknown"] = unknown
        environment["missing"] = missing
        atomic_write_json(self._layout.environment, environment)
        if patch:
            atomic_write(self._layout.patch, KNOWN.text(patch.encode(errors="replace").decode()))
        return f"commit unknown: {unknown}" if unknown else ""

    def _repositories(self) -> list[Path]:
        """Return the repositories of the current folder and of the code, each once."""
        folders = [self._cwd, *folders_of(self._roots)]
        tops = (repository_of(folder) for folder in folders if "site-packages" not in folder.parts)
        return list(dict.fromkeys(top for top in tops if top is not None))

    def _difference(self, repository: Repository, deadline: float) -> str:
        """Return the uncommitted difference of counted files and named inputs: nothing else goes into a record."""
        if not repository.changed:
            return ""
        inputs = [
            Path(item.path)
            for item in self._record.inputs
            if item.kind == "file" and item.size < PATCH_LIMIT
        ]
        counted = {
            path.relative_to(repository.top).as_posix()
            for path in (*code_paths(self._code), *inputs)
            if path.is_relative_to(repository.top)
        }
        wanted = [path for path in repository.changed if path in counted]
        left_out = [path for path in repository.changed if path not in counted]
        if left_out:
            repository.facts["changed"] = left_out[:_LISTED]
        return difference(repository, wanted, deadline)

    def _read_files(self) -> tuple[dict[str, str], list[str]]:
        """Return digests of the files that were read without a field, and the names of those that changed since."""
        known = {str(path) for path in code_paths(self._code)}
        known |= {item.path for item in self._record.inputs}
        folders = [self._cwd, *folders_of(self._roots)]
        found: dict[str, str] = {}
        unsteady = []
        # A link in a folder that is an input counts there by its text alone.
        led_out = [path for path in self._opened.read if _is_led_out(path, known)]
        counted = counted_reads(self._opened, folders, [self._store])
        for path in dict.fromkeys([*counted, *led_out]):
            is_known = path in known or any(path.startswith(f"{name}{os.sep}") for name in known)
            if is_known and path not in led_out:
                continue
            try:
                now = os.stat(path)
                if (now.st_size, now.st_mtime_ns) == self._opened.read[path]:
                    found[self._name_of(path)] = self._files.digest(Path(path), now)
                elif self._opened.read[path] is not None:
                    unsteady.append(os.path.basename(path))
            except FileNotFoundError:
                if self._opened.read[path] is None:
                    found[self._name_of(path)] = ""
            except OSError:
                continue  # a file that the run removed is its own
        return found, unsteady

    def _name_of(self, path: str) -> str:
        """Return a file as it is found again: one that was named relative to the current folder, relative to that of then."""
        is_relative = path in self._opened.relative and Path(path).is_relative_to(self._cwd)
        return os.path.relpath(path, self._cwd) if is_relative else path

    def _moved_data(self) -> tuple[set[str], list[str]]:
        """Return data files of the code that the run itself wrote, and those that changed by another hand."""
        own, other = set(), []
        roots = {root for root, _ in self._begun}
        for row, path in zip(self._here.files, code_paths(self._here), strict=True):
            before = self._begun.get((row.root, row.file))
            if row.file.endswith(".py") or (before is not None and before.sha256 == row.sha256):
                continue
            if before is None and row.root not in roots:
                continue  # a package that was imported while the task ran
            if before is None or str(path) in self._opened.written:
                own.add(row.file)
            else:
                other.append(row.file)
        return own, other


def _code_before(folder: Path) -> Code:
    """Return the code of the attempts before this one; what is damaged says nothing."""
    try:
        return read_code(folder) or Code()
    except RunCorruptError:
        return Code()


def _is_led_out(path: str, inputs: Iterable[str]) -> bool:
    """Return whether a file is named below one of the inputs, and lies elsewhere."""
    above = next((item for item in inputs if path.startswith(f"{item}{os.sep}")), None)
    if above is None:
        return False
    return not os.path.realpath(path).startswith(os.path.join(os.path.realpath(above), ""))
