"""Inputs of a run: what its config names, by content."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from pydantic import BaseModel

from taskloom.errors import TaskloomError, UsageError
from taskloom.identity.canonical import Form
from taskloom.identity.filecache import FileCache
from taskloom.identity.folder import folder_digest
from taskloom.identity.leaves import Leaf, is_nothing, leaves, named_file, words_of
from taskloom.identity.records import Input
from taskloom.runs.run import Run, find_run


def collect_inputs(
    config: BaseModel,
    cwd: Path,
    store: Path,
    files: FileCache,
    *,
    by_time: bool = False,
    recorded: Iterable[Input] = (),
) -> tuple[Input, ...]:
    """Return everything outside of a config that it names and a run reads, in the order of its fields.

    Args:
        config: The config as it was written.
        cwd: The folder against which relative paths count.
        store: The store in which references to runs are looked up.
        files: The digests that are known.
        by_time: Take size and time of the files in a folder for their content.
        recorded: Inputs of the run that is continued: `@last` means the run that it meant then.

    Raises:
        UsageError: A field names a pipe, a device, a folder that is too large, or a run that has not finished.
        RunNotFoundError: A field names no run.
    """
    runs = {(item.field, item.typed): item.path for item in recorded if item.kind == "run"}
    found: list[Input] = []
    for leaf in leaves(config):
        if leaf.role == "run":
            if leaf.value and leaf.counts:
                place = runs.get((leaf.field, str(leaf.value)))
                found.append(_run_input(leaf, cwd, store, files, place))
        else:
            found += _inputs_of(leaf, cwd, files, by_time=by_time)
    return tuple(found)


def input_forms(inputs: tuple[Input, ...], config: BaseModel) -> Mapping[str, Form]:
    """Return the form of each field that names inputs, for the identity: the content, not the place.

    Args:
        inputs: What the config names.
        config: The config as it was written.
    """
    forms: dict[str, Form] = {}
    commands = {leaf.field: str(leaf.value) for leaf in leaves(config) if leaf.role == "command"}
    for item in inputs:
        # The name of a file chooses its parser; that of a run says nothing of what it computed.
        form = {"%input": ["" if item.kind == "run" else item.name, item.kind, item.sha256]}
        if item.field in commands:
            words = forms.setdefault(item.field, list(words_of(commands[item.field])))
            if item.typed in words:  # a record says what it likes
                words[words.index(item.typed)] = form
        elif item.kind != "absent":
            forms[item.field] = form
    return forms


def second_look(
    inputs: Iterable[Input],
    files: FileCache,
    own: Iterable[str] = (),
    since: Mapping[str, str] = MappingProxyType({}),
) -> tuple[tuple[Input, ...], list[str]]:
    """Return inputs as they are at the end of a run, and the names of those that changed while it was going.

    What did not exist when the run began, and does now, was written by the run and does not count. Nor do files that it added
    to a folder; one that it wrote over has changed.

    Args:
        inputs: The inputs as they were.
        files: The digests that are known.
        own: Absolute paths that the run wrote to, as far as they are known.
        since: Digests with which the run went on over a change, by field.
    """
    without = frozenset(os.path.realpath(path) for path in own)
    found, changed = [], []
    for item in inputs:
        now = now_of(item, files)
        if item.kind == "absent":
            found.append(replace(item, written=now.kind != "absent"))
            continue
        if now.sha256 == since[item.field] if item.field in since else item.is_same(now):
            found.append(item)
        elif without and item.kind != "file" and item.is_same(now_of(item, files, without)):
            found.append(replace(item, after=now.sha256))
        else:
            changed.append(item.typed)
            found.append(item)
    return tuple(found), changed


def now_of(item: Input, files: FileCache, without: Set[str] = frozenset()) -> Input:
    """Return what lies at the place of a recorded input now; absent if that is nothing that can be read.

    Args:
        item: The input as it was recorded.
        files: The digests that are known.
        without: Absolute paths to leave out of what lies in it, free of links.
    """
    place = Path(item.path)
    try:
        if item.kind == "run":
            sha, size = run_digest(Run(place), files, without)
            return replace(item, sha256=sha, size=size)
        by_time = item.by_time
        return _path_input(item.field, item.typed, place, files, by_time=by_time, without=without)
    except TaskloomError:
        return replace(item, kind="absent", sha256="", size=0)


def _inputs_of(leaf: Leaf, cwd: Path, files: FileCache, *, by_time: bool) -> Iterator[Input]:
    if leaf.role == "output" or not leaf.counts:
        return
    if leaf.role == "command":
        for number, word in enumerate(words_of(str(leaf.value))):
            path = named_file(word, number, cwd)
            if path is not None:
                yield _path_input(leaf.field, word, path, files, by_time=by_time)
        return
    if not is_nothing(leaf):
        typed = str(leaf.value)
        yield _path_input(leaf.field, typed, Path(os.path.join(cwd, typed)), files, by_time=by_time)


def _path_input(
    field: str,
    typed: str,
    path: Path,
    files: FileCache,
    *,
    by_time: bool,
    without: Set[str] = frozenset(),
) -> Input:
    """Look at one path; a link is followed."""
    absent = Input(field, typed, str(path), path.name, "absent")
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return absent
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{field} names '{typed}', which cannot be read: {_reason(error)}."
        ) from None
    try:
        if stat.S_ISREG(found.st_mode):
            sha = files.digest(path)
            return Input(field, typed, str(path), path.name, "file", found.st_size, sha)
        if stat.S_ISDIR(found.st_mode):
            sha, size = folder_digest(path, files, field=field, by_time=by_time, without=without)
            made = Input(field, typed, str(path), path.name, "folder", size, sha)
            return replace(made, by_time=by_time)
    except OSError as error:
        raise UsageError(
            f"{field} names '{typed}', which cannot be read: {_reason(error)}."
        ) from None
    raise UsageError(
        f"{field} names '{typed}', which is a pipe, a device or a socket; it must be a file or a folder."
    )


def _run_input(leaf: Leaf, cwd: Path, store: Path, files: FileCache, place: str | None) -> Input:
    """Return a run by its computation and the digests of what it left; `place` is its folder, if that is known."""
    reference = str(leaf.value)
    path = Path(place or os.path.join(cwd, reference))
    is_path = place is not None or "/" in reference
    # A reference that is a link is followed; inside of a run folder nothing is.
    run = Run(path.resolve() if is_path and path.is_dir() else find_run(reference, store))
    if run.status != "finished":
        raise UsageError(
            f"{leaf.field} names the run {run.id}, which is {run.status}; it must have finished."
        )
    sha, size = run_digest(run, files)
    return Input(leaf.field, reference, str(run.dir), run.dir.name, "run", size, sha)


def run_digest(run: Run, files: FileCache, without: Set[str] = frozenset()) -> tuple[str, int]:
    """Return the digest of a run's computation and artifacts, and the size of these [bytes]."""
    rows: list[list[Form]] = [["computation", run.record.computation or run.record.identity]]
    size = 0
    for name, path in sorted(run.artifacts.items()):
        if without and os.path.realpath(path) in without:
            continue
        if path.is_dir():
            sha, count = folder_digest(path, files, field=name, without=without)
        elif path.is_file():
            sha, count = files.digest(path), path.stat().st_size
        else:
            continue
        rows.append([name, sha])
        size += count
    return files.text_digest(rows), size


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
