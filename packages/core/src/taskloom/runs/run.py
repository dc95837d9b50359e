"""The view of a run that reports, verbs and listings read, and how a reference becomes one."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taskloom.errors import (
    RunCorruptError,
    RunNotFoundError,
    StoreError,
    UnknownNameError,
    UsageError,
)
from taskloom.headline import Headline
from taskloom.records.files import kind_of, read_bytes
from taskloom.records.folders import Damaged, look_at, run_names
from taskloom.records.limits import ARTIFACT
from taskloom.records.metrics import MetricLines
from taskloom.records.names import is_id
from taskloom.records.run_record import read_record, read_runs
from taskloom.registry.isolate import load_target
from taskloom.registry.resolve import find_domain
from taskloom.registry.suggest import closest, did_you_mean
from taskloom.runs.holders import probe
from taskloom.runs.layout import RunLayout, default_store, inside
from taskloom.runs.record import RunRecord
from taskloom.system.library_warnings import quiet_libraries
from taskloom.task import JsonValue

if TYPE_CHECKING:
    from pandas import DataFrame

    from taskloom.show.page import Report

_SAME_SECOND = 20  # runs that may plausibly begin within one second


class Run:
    """A run as its folder tells it. Nothing in the folder is executed, and nothing is written.

    Args:
        dir: The run's folder.
        record: What `run.json` says, if it has been read already.

    Attributes:
        reused: Whether it had finished before the call that returned it.
        stale: Differences from the state of that call which were accepted, a sentence each.

    Raises:
        RunCorruptError: `run.json` cannot be read.
    """

    def __init__(self, dir: Path, record: RunRecord | None = None) -> None:
        self.layout = RunLayout(Path(dir).absolute())
        self.record = record if record is not None else read_record(self.layout.record)
        self.reused = False
        self.stale: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Run({str(self.dir)!r})"

    @property
    def dir(self) -> Path:
        """The run's folder, absolute."""
        return self.layout.dir

    @property
    def id(self) -> str:
        """The run's id."""
        return self.record.id

    @property
    def domain(self) -> str:
        """The domain of the task."""
        return self.record.domain

    @property
    def task(self) -> str:
        """The task's name inside its domain."""
        return self.record.task

    @property
    def words(self) -> tuple[str, ...]:
        """The words by which `tasks run` knows the task: a domain and a name, or a place in a file."""
        code = self.record.code
        if not code:
            return (self.domain, self.task)
        file = code.get("path") or str(self.layout.code / "cell.py")
        return (f"{file}:{code.get('name', '')}",)

    @property
    def code(self) -> str:
        """Place of the code of a task that is not installed, in words; empty for one that is."""
        code = self.record.code
        if not code:
            return ""
        places = {"file": code.get("path", ""), "cell": "cell.py, in the folder of the run"}
        place = places.get(code.get("kind", ""), "none")
        reason = code.get("reason", "")
        return f"{place} (answers no later command: it {reason})" if reason else place

    @cached_property
    def status(self) -> str:
        """`created`, `running`, `finished`, `failed`, `stopped`; or `crashed`, if it says running but its lock is free.

        `running?` is a run of another machine of which it is not known yet whether it is alive (see `taskloom.runs.holders`).
        """
        if self.record.status != "running":
            return self.record.status
        state = probe(self.layout.lock)
        if state != "dead":
            return "running" if state == "alive" else "running?"
        # The run may have ended between reading its record and looking at its lock.
        self.record = read_record(self.layout.record)
        return "crashed" if self.record.status == "running" else self.record.status

    @property
    def exit_code(self) -> int | None:
        """Exit code of the command that ran it; None before the end."""
        return self.record.exit_code

    @property
    def config(self) -> Mapping[str, JsonValue]:
        """The resolved config."""
        return self.record.config

    @property
    def metrics(self) -> Mapping[str, float]:
        """The final metrics."""
        return self.record.metrics

    @property
    def artifacts(self) -> Mapping[str, Path]:
        """The files that the task left, as absolute paths.

        Left out are names that lead out of the folder, links, what lies behind one, and whatever is neither a regular file nor
        a folder: nothing that is listed here leads elsewhere or blocks its reader.
        """
        found: dict[str, Path] = {}
        for name, relative in self.record.artifacts.items():
            if kind_of(self.dir, relative) == "other":
                continue
            try:
                found[name] = inside(self.dir, relative)
            except StoreError:
                continue
        return found

    def read(self, name: str, limit: int = ARTIFACT) -> bytes:
        """Return the content of an artifact: `json.loads(run.read("card"))`.

        Args:
            name: The artifact's name.
            limit: Size above which it is refused [bytes].

        Raises:
            RunCorruptError: The run has no such artifact, or it is no regular file below its folder, or too large.
        """
        if name not in self.record.artifacts:
            known = list(self.record.artifacts)
            raise RunCorruptError(
                f"The run {self.id} has no artifact {name!r}; it has: {', '.join(known) or 'none'}.",
                hint=did_you_mean(str(name), known),
            )
        return read_bytes(self.dir, self.record.artifacts[name], limit)

    @property
    def summary(self) -> str:
        """One line that a person reads first."""
        return self.record.summary

    @property
    def headline(self) -> Headline | None:
        """The result that is shown large; None where the task names none, or an older taskloom wrote the record."""
        found = self.record.headline
        return None if found is None else Headline.from_json(found)

    def frame(self) -> DataFrame:
        """Return one row: `id`, `task`, `status`, `reused`, and columns `config.*` and `metrics.*`; frames can be joined.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        make: Any = load_target("taskloom.show.frames:frame_of")
        found: DataFrame = make([self])
        return found

    def report(self) -> Report:
        """Return the report, which a notebook shows in place; its `path` is the page. It is written if it is missing.

        Raises:
            MissingExtraError: The extra `report` is not installed.
            StoreError: The page cannot be written.
        """
        make: Any = load_target("taskloom.show.of_run:report_of")
        found: Report = make(self)
        return found

    def _repr_html_(self) -> str:
        make: Any = load_target("taskloom.show.of_run:run_html")
        return str(make(self))

    def load(self, name: str, device: str | None = None) -> Any:  # noqa: ANN401 -- what the domain's loader returns
        """Return something that the run left, ready for use: `run.load("detector")`.

        Args:
            name: One of the names that the domain of the run can load.
            device: The device to load it to, as the domain's library calls it: `cuda:0`; by default the loader chooses.

        Raises:
            UnknownNameError: The domain has no loader of this name; the message lists those that it has.
            UsageError: A device was given, and this loader takes none.
            StoreError: What is to be loaded is missing or damaged.
        """
        loaders = find_domain(self.domain).ref.loaders
        if name not in loaders:
            raise UnknownNameError(
                f"A run of '{self.domain}' has no '{name}' to load; it has: {', '.join(loaders) or 'nothing'}.",
                hint=did_you_mean(name, loaders),
            )
        with quiet_libraries():
            loader: Any = load_target(loaders[name], what=f"the loader '{name}' of '{self.domain}'")
            if device is None:
                return loader(self)
            if "device" not in inspect.signature(loader).parameters:
                raise UsageError(
                    f"'{name}' of a run of '{self.domain}' is loaded to no device; leave device out."
                )
            return loader(self, device=device)

    def history(self, metric: str = "") -> list[dict[str, float]]:
        """Return the metric lines in order; each has `step` and `t`, the running time [s].

        Args:
            metric: Only the lines that have this metric, and of these nothing else; empty for all.
        """
        if not metric:
            return list(self.rows())
        kept = ("step", "t", metric)
        return [{name: row[name] for name in kept} for row in self.rows() if metric in row]

    def rows(self) -> MetricLines:
        """Return the metric lines in order, read one at a time: a run may have logged more than fits into memory."""
        return MetricLines(self.dir)


def scan(store: Path) -> tuple[list[Run], list[Damaged]]:
    """Read every run folder of a store.

    Returns:
        The runs, the oldest first, and the folders whose record cannot be read.

    Raises:
        StoreError: The store cannot be read.
    """
    records, damaged = read_runs(store)
    return [Run(store / record.id, record) for record in records], damaged


def list_runs(store: Path | None = None) -> list[Run]:
    """Return every readable run of a store, the oldest first."""
    return scan(default_store(store))[0]


def open_run(reference: str, store: Path | None = None) -> Run:
    """Open one run.

    Args:
        reference: A run id, a unique beginning or end of one, `@last`, `@-2` (the last but one), or a path to a run folder.
        store: The store; by default the one of `default_store`.

    Raises:
        RunNotFoundError: No run, or more than one, answers to the reference.
        RunCorruptError: The run's record cannot be read.
    """
    return Run(find_run(reference, store))


def find_run(reference: str, store: Path | None = None) -> Path:
    """Return the folder of one run, which `open_run` may find unreadable; the argument is as there.

    Raises:
        RunNotFoundError: No run, or more than one, answers to the reference.
    """
    root = default_store(store)
    if reference.startswith("@"):
        return _find_recent(reference, root)
    if is_id(reference) and look_at(root, reference) is not None:
        return root / reference
    path = Path(reference)
    if ("/" in reference or reference in (".", "..")) and path.is_dir():
        return path.resolve()
    names = run_names(root)
    matches = [
        name
        for name in names
        if reference and (name.startswith(reference) or name.endswith("-" + reference))
    ]
    if len(matches) == 1:
        return root / matches[0]
    if matches:
        shown = ", ".join(matches[:3]) + (", ..." if len(matches) > 3 else "")
        raise RunNotFoundError(
            f"{len(matches)} runs answer to {reference!r}: {shown}.", hint="Give more of the id."
        )
    raise _not_found(reference, root, names)


def _find_recent(reference: str, store: Path) -> Path:
    text = reference[1:]
    back = 1 if text == "last" else -int(text) if text[:1] == "-" and text[1:].isdecimal() else 0
    if back < 1:
        raise RunNotFoundError(f"{reference!r} names no run; @last and @-2 (the last but one) do.")
    # Names sort by the second; the records of the last few tell the order within one. A damaged one hides no other.
    recent: list[Run] = []
    for name in reversed(run_names(store)):
        if len(recent) == back + _SAME_SECOND:
            break
        with contextlib.suppress(RunCorruptError):
            recent.append(Run(store / name))
    if back > len(recent):
        raise RunNotFoundError(
            f"{reference!r} names no run: the store {store} holds {len(recent)}."
        )
    recent.sort(key=lambda run: (run.record.created, run.id))
    return recent[-back].dir


def _not_found(reference: str, store: Path, names: list[str]) -> RunNotFoundError:
    if not names:
        return RunNotFoundError(
            f"No run {reference!r}: the store {store} holds no runs.",
            hint="Choose another store with --store or TASKS_STORE.",
        )
    near = closest(reference, names)
    hint = f"Did you mean {near}?" if near else "`tasks runs ls` shows the ids."
    return RunNotFoundError(f"No run {reference!r} in the store {store}.", hint=hint)
