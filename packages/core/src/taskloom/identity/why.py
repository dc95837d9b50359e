"""Comparison of two runs, or of a run with the present state, in what they computed: `tasks runs why A [B]`."""

from __future__ import annotations

import difflib
import platform
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from taskloom.asking import resolve_values
from taskloom.errors import RunCorruptError, TaskloomError
from taskloom.given.tasks import recorded_task
from taskloom.identity.code import Code, CodeFile, place_of, read_code
from taskloom.identity.filecache import FileCache
from taskloom.identity.identify import changed_inputs
from taskloom.identity.mixture import mixed
from taskloom.identity.records import Reason, ReasonKind
from taskloom.identity.sources import is_cosmetic, kept_source
from taskloom.identity.stale import Staleness
from taskloom.identity.verify import is_same
from taskloom.params.layer import DEFAULT
from taskloom.records.documents import read_object
from taskloom.runs.compare import flatten
from taskloom.runs.provenance import installed_distributions
from taskloom.runs.run import Run
from taskloom.secrets.fields import dumped
from taskloom.system.machine import host_name

SECTIONS: Mapping[ReasonKind, str] = {
    "config": "config",
    "inputs": "inputs",
    "code": "code",
    "packages": "packages",
    "recorded": "recorded, does not count",
}
"""The title of each section, by the kind of what it tells."""
_MOST_SHOWN = (
    1 << 19
)  # [bytes]; the time of a comparison grows with the square of the number of lines


@dataclass(frozen=True, slots=True)
class Explanation:
    """Differences of two computations.

    Attributes:
        reasons: Everything that differs; what does not count comes last.
        diff: The code that differs, as a unified difference.
    """

    reasons: tuple[Reason, ...]
    diff: str = ""

    @property
    def is_same(self) -> bool:
        """Return whether nothing that counts differs."""
        return not any(reason.counts for reason in self.reasons)


def explain(run: Run, other: Run | None, store: Path) -> Explanation:
    """Return what a run differs in from another one, or from now.

    Args:
        run: The run.
        other: The other run; None for the present state.
        store: The store that keeps sources.
    """
    if other is None:
        with FileCache(store) as files:
            reasons = Staleness(store, files).reasons(run)
            diff = "".join(_diffs_to_now(run, store, files))
        return Explanation((*_defaults(run), *reasons, *_recorded(run, None)), diff)
    code, others = _code_of(run), _code_of(other)
    changed = list(_changed_files(code, others, store))
    reasons = [
        *_configs(run, other),
        *changed_inputs(run.record.inputs, other.record.inputs, run.id),
        *(Reason("code", told) for told, _, _ in changed),
        *_packages(code, others),
    ]
    if run.record.changes != other.record.changes:
        reasons += [*mixed(run.record, (), {}), *mixed(other.record, (), {})]
    diff = "".join(_diff(name, before, after, store) for name, before, after in changed)
    return Explanation((*reasons, *_recorded(run, other)), diff)


def _defaults(run: Run) -> Iterator[Reason]:
    """Yield the parameters that the same command would not give the same value now, because a default has changed."""
    before = flatten(run.config)
    sources = run.record.sources
    given = {path: value for path, value in before.items() if sources.get(path, DEFAULT) != DEFAULT}
    try:
        loaded = recorded_task(run.record)
        now = flatten(dumped(resolve_values(loaded.config_class, given).config))
    except TaskloomError as error:
        yield Reason("config", f"the same command is refused now: {error.message}")
        return
    for path in dict.fromkeys([*before, *now]):
        if path not in given and before.get(path) != now.get(path):
            yield Reason("config", f"default of {path} {before.get(path)} -> {now.get(path)}")


def _configs(run: Run, other: Run) -> Iterator[Reason]:
    if (run.domain, run.task) != (other.domain, other.task):
        yield Reason("config", f"task {run.domain}/{run.task} -> {other.domain}/{other.task}")
    if run.record.version != other.record.version:
        yield Reason("config", f"version {run.record.version} -> {other.record.version}")
    before, after = flatten(run.config), flatten(other.config)
    for path in dict.fromkeys([*before, *after]):
        if before.get(path) != after.get(path):
            yield Reason("config", f"{path} {before.get(path)} -> {after.get(path)}")


def _code_of(run: Run) -> Code:
    try:
        return read_code(run.dir) or Code()
    except RunCorruptError:
        return Code()


def _changed_files(before: Code, after: Code, store: Path) -> Iterator[tuple[str, str, str]]:
    """Yield name and both digests of each file of code that is not the same; an empty digest where there is none."""
    old = {(row.root, row.file): row.sha256 for row in before.files}
    new = {(row.root, row.file): row.sha256 for row in after.files}
    for key in sorted({*old, *new}):
        first, second = old.get(key, ""), new.get(key, "")
        if first != second and not _is_cosmetic(key[1], first, second, store):
            yield key[1], first, second
    for path in sorted({*before.opened, *after.opened}):
        first, second = before.opened.get(path, ""), after.opened.get(path, "")
        if first != second:
            yield path, first, second


def _is_cosmetic(name: str, first: str, second: str, store: Path) -> bool:
    if not name.endswith(".py"):
        return False
    before, after = kept_source(store, first), kept_source(store, second)
    return before is not None and after is not None and is_cosmetic(before, after)


def _packages(before: Code, after: Code) -> Iterator[Reason]:
    pairs = [("Python", before.python, after.python), ("device", before.device, after.device)]
    names = dict.fromkeys([*before.packages, *after.packages])
    pairs += [(name, before.packages.get(name, ""), after.packages.get(name, "")) for name in names]
    for name, first, second in pairs:
        if first != second:
            yield Reason("packages", f"{name} {first or 'absent'} -> {second or 'absent'}")


def _recorded(run: Run, other: Run | None) -> Iterator[Reason]:
    """Yield what differs in the surroundings, which no run is repeated for."""
    before = _surroundings(run)
    after = _surroundings(other) if other is not None else _here()
    counted = _code_of(run).packages
    for name in dict.fromkeys([*before, *after]):
        first, second = before.get(name, ""), after.get(name, "")
        if first != second and name not in counted and first:
            yield Reason("recorded", f"{name} {first} -> {second or 'absent'}")


def _surroundings(run: Run) -> dict[str, str]:
    try:
        found = read_object(run.dir, run.layout.environment.name)
    except RunCorruptError:
        return {}
    return _told(found)


def _here() -> dict[str, str]:
    return _told(
        {
            "python": platform.python_version(),
            "host": host_name(),
            "distributions": installed_distributions(sys.path),
        }
    )


def _told(environment: Mapping[str, Any]) -> dict[str, str]:
    facts = {name: str(environment[name]) for name in ("python", "host") if name in environment}
    versions = environment.get("distributions")
    return (
        {**facts, **{str(k): str(v) for k, v in versions.items()}}
        if isinstance(versions, dict)
        else facts
    )


def _diffs_to_now(run: Run, store: Path, files: FileCache) -> Iterator[str]:
    for row in _code_of(run).files:
        # What a record names is shown only beside the source that ran: it may name any file of the reader's.
        if kept_source(store, row.sha256) is not None and not is_same(row, store, files):
            yield _diff(row.file, row.sha256, _present(row, files), store)


def _present(row: CodeFile, files: FileCache) -> bytes:
    """Return what lies in the place of a file now; nothing of a pipe or a device, which a record may name."""
    path = place_of(row)
    try:
        if path is None or not files.digest(path):  # which refuses them
            return b""
        with path.open("rb") as file:
            return file.read(_MOST_SHOWN + 1)
    except (OSError, ValueError):
        return b""


def _diff(name: str, before: str, after: str | bytes, store: Path) -> str:
    """Return a unified difference of a file; a source that the store does not keep is left out."""
    old = kept_source(store, before)
    new = after if isinstance(after, bytes) else kept_source(store, after)
    if old is None and new is None:
        return ""
    if max(len(old or b""), len(new or b"")) > _MOST_SHOWN:
        return f"{name}: too long to be compared line by line\n"
    first, second = (
        (data or b"").decode(errors="replace").splitlines(keepends=True) for data in (old, new)
    )
    told = difflib.unified_diff(first, second, f"a/{name}", f"b/{name}")
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in told)
