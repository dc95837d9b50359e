"""The context that a real run is given: metrics and checkpoints on disk, seeds by name, and the wish to stop."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from taskloom.context import Progress, Resources
from taskloom.errors import StoreError, StoreLockedError
from taskloom.lifecycle.console import Console
from taskloom.lifecycle.progress_file import told_in_file
from taskloom.records.checks import read_integer
from taskloom.records.documents import read_lines, read_object
from taskloom.records.names import RESERVED_METRICS, check_metric_name
from taskloom.runs import checkpoints
from taskloom.runs.kept import LineKeeper
from taskloom.runs.layout import RunLayout, fresh
from taskloom.runs.locks import Held
from taskloom.runs.record import RunRecord, document_of
from taskloom.runs.writer import JsonLines, encode_number, store_error
from taskloom.secrets.redaction import IN_CONFIGS as IN_NAMES, KNOWN
from taskloom.seeding import derive_seed
from taskloom.sinks.group import SinkGroup

_log = logging.getLogger(__name__)
_NAMES_LIMIT = 1000


class Stop(Protocol):
    """Source of the request to stop."""

    @property
    def requested(self) -> bool:
        """Return whether the run was asked to end."""
        ...


class Noting(Protocol):
    """Witness of a run."""

    def note(self) -> None:
        """Note what the run depends on by now."""
        ...


class LiveContext:
    """Context that the lifecycle gives to a task.

    Args:
        layout: The run's folder, whose lock this process holds.
        record: The run's record at the beginning of this attempt.
        console: Where to show metrics and progress.
        stop: Whether the run should end.
        checkpoint: The checkpoint that this attempt continues from; None at the beginning.
        sinks: Where metrics go besides the folder.
        witness: Notes the code that is imported by each checkpoint.
        held: The run's lock; once it is lost, what the task still writes goes aside.
    """

    def __init__(
        self,
        layout: RunLayout,
        record: RunRecord,
        console: Console,
        stop: Stop,
        checkpoint: Path | None = None,
        *,
        sinks: SinkGroup | None = None,
        witness: Noting | None = None,
        held: Held | None = None,
    ) -> None:
        self._layout = layout
        self._record = record
        self._console = console
        self._stop = stop
        self._rank = 0
        self._sinks = sinks
        self._witness = witness
        self._held = held
        self.aside: RunLayout | None = None
        self._lines = JsonLines(layout.metrics)
        self._keeper = LineKeeper(layout.dir, self._lines.size)
        self._writing = threading.Lock()
        self._names: set[str] = set()
        self._criterion = (
            checkpoints.Criterion.parse(record.keep_best) if record.keep_best else None
        )
        self._value: float | None = None
        is_new = not self._lines.size
        self._told = Counter() if is_new else _lines_after(layout.metrics, checkpoint)
        self._began = time.monotonic() - record.duration
        self.seeds: dict[str, int] = dict(record.seeds)
        self.requested_artifacts: dict[str, Path] = {}
        self._artifact_names: dict[str, str] = {}

    @property
    def dir(self) -> Path:
        """The run's folder."""
        return self._layout.dir

    @property
    def resources(self) -> Resources:
        """Resources of the run."""
        return self._record.resources

    @property
    def latest_checkpoint(self) -> Path | None:
        """The newest checkpoint whose hashes verify, or None."""
        newest = checkpoints.newest_good(self._layout.checkpoints)
        return newest.dir if newest else None

    @property
    def should_stop(self) -> bool:
        """Return whether the run was asked to end, or is held by another process."""
        return self._stop.requested or self.is_superseded

    @property
    def is_superseded(self) -> bool:
        """Return whether another process may hold the run: nothing more is published then."""
        return self._current() is self.aside

    @property
    def duration(self) -> float:
        """Running time over all attempts [s]."""
        return time.monotonic() - self._began

    def seed(self, name: str, /) -> int:
        """Return the seed of the stream called `name`."""
        root = self._record.config.get("seed", 0)
        value = derive_seed(root if isinstance(root, int) else 0, name, self._rank)
        self.seeds[name] = value
        return value

    def log(self, step: int, /, **metrics: float) -> None:
        """Append one line of metrics; once this returns, the line survives the death of the process.

        A resumed run walks again over the steps between its checkpoint and its interruption. Their lines are on disk already,
        so a line with the same step and the same names is not written twice: the first stands.

        Raises:
            ValueError: A name is reserved, too long, or holds control characters.
            TypeError: A value is no number.
        """
        metrics = IN_NAMES.tree(metrics)  # a name may be made of what the task was given
        if not self._names.issuperset(metrics):
            self._admit(metrics)
        numbers = {name: _as_float(name, value) for name, value in metrics.items()}
        step = _as_step(step)
        is_superseded = self.is_superseded
        if self._criterion is not None and self._criterion.metric in numbers:
            self._value = numbers[self._criterion.metric]
        with self._writing:
            if self._told:
                key = _line_key(step, numbers)
                if key in self._told:
                    self._told -= Counter([key])
                    return
            row = {"step": step, "t": round(self.duration, 6), **numbers}
            self._lines.append(_encode(row))
            self._keeper.add(row)
            if self._sinks and not is_superseded:
                self._sinks.log(step, numbers)
        self._console.metrics(step, numbers)

    def artifact(self, name: str, /) -> Path:
        """Return the path at which to write the artifact called `name`; its folder exists.

        Raises:
            StoreError: The name leads out of the artifact folder, holds the value of a secret, or some system does not take it.
        """
        if IN_NAMES.text(name) != name:
            raise StoreError(
                "The name of an artifact holds the value of a secret; names stand in records."
            )
        path = fresh(self._current().artifacts, name, self._artifact_names)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise store_error("write", path.parent, error) from error
        self.requested_artifacts[name] = path
        self._artifact_names[name.casefold()] = name
        return path

    @contextmanager
    def checkpoint(self, step: int, /) -> Iterator[Path]:
        """Yield an empty folder to write into; on leaving, its files are hashed and it is published by rename."""
        facts: dict[str, object] = {
            "task": f"{self._record.domain}/{self._record.task}",
            "task_version": self._record.version,
            "identity": self._record.identity,
            "metrics_size": self._lines.size,
            "record": document_of(self._record),  # so that run.json is no single point
        }
        if self._criterion is not None and self._value is not None:
            value = encode_number(self._value)
            facts["criterion"] = {"metric": self._criterion.metric, "value": value}
        if self._witness is not None:
            self._witness.note()
        with checkpoints.publish(
            self._layout.checkpoints, step, facts, destination=self._destination
        ) as folder:
            yield folder
        checkpoints.prune(self._layout.checkpoints, criterion=self._criterion)

    def progress(self, total: int | None, label: str, /) -> AbstractContextManager[Progress]:
        """Show a progress display while the block runs; `total` None means unknown."""
        named = KNOWN.text(label)
        shown = self._console.progress(total, named)
        return told_in_file(shown, self._layout.dir, total, named, lambda: self.aside is None)

    def _destination(self) -> Path:
        """Return where a checkpoint may be published now: looked up directly before, for a process that was stopped meanwhile."""
        if self._held is not None:
            with contextlib.suppress(StoreLockedError):
                self._held.ensure()
        folder = self._current().checkpoints
        folder.mkdir(exist_ok=True)
        return folder

    def _current(self) -> RunLayout:
        """Return where to write: once the lock is lost, beside what the new holder writes."""
        if self.aside is None and self._held is not None and self._held.is_lost:
            self._step_aside()
        return self._layout

    def _step_aside(self) -> None:
        with self._writing:
            if self.aside is None:
                folder = _free_folder(self._layout.dir)
                _log.warning(
                    "another process holds the run; what is still written goes to %s", folder
                )
                self._lines.close()
                self._layout = RunLayout(folder)
                self._lines = JsonLines(self._layout.metrics)
                self._keeper = LineKeeper(
                    folder, 1
                )  # the lines that count are another process's now
                self._told.clear()
                self.aside = self._layout

    def close(self) -> None:
        """Close the metrics file, and keep its lines thinned if they are many."""
        with contextlib.suppress(OSError):  # closed already
            self._keeper.close(self._lines.size)
        self._lines.close()

    def _admit(self, metrics: dict[str, float]) -> None:
        for name in metrics:
            check_metric_name(name)
        self._names.update(metrics)
        if len(self._names) > _NAMES_LIMIT:
            raise ValueError(f"A run may log at most {_NAMES_LIMIT} different metric names.")


def _free_folder(run: Path) -> Path:
    number = 1
    while True:
        folder = run / f".superseded-{number}"
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
            continue
        except OSError as error:
            raise store_error("write", folder, error) from error
        return folder


def _as_float(name: str, value: object) -> float:
    """Accept whatever converts to a float (numpy and torch scalars do), but no text: `float("3")` would too."""
    if isinstance(value, str | bytes):
        raise TypeError(f"The metric {name!r} is a text, not a number: {value!r}.")
    try:
        return float(value)  # type: ignore[arg-type]  # checked by trying
    except OverflowError:
        return math.inf
    except (TypeError, ValueError):
        raise TypeError(f"The metric {name!r} is no number: {type(value).__name__}.") from None


def _as_step(step: object) -> int:
    try:
        return step.__index__()  # type: ignore[attr-defined,no-any-return]  # checked by trying
    except AttributeError:
        raise TypeError(f"The step of a metric line is an integer, not {step!r}.") from None


def _encode(row: dict[str, float]) -> str:
    try:
        return json.dumps(row, allow_nan=False)
    except ValueError:
        return json.dumps({name: encode_number(value) for name, value in row.items()})


def _line_key(step: int, names: dict[str, float]) -> tuple[int, frozenset[str]]:
    return step, frozenset(names)


def _lines_after(metrics: Path, checkpoint: Path | None) -> Counter[tuple[int, frozenset[str]]]:
    """Count the lines that were logged after the checkpoint was taken, by step and names."""
    size = 0
    if checkpoint is not None:
        with contextlib.suppress(StoreError, KeyError, TypeError, ValueError):
            size = read_integer(read_object(checkpoint, checkpoints.MANIFEST), "metrics_size")
    told: Counter[tuple[int, frozenset[str]]] = Counter()
    for line in read_lines(metrics.parent, metrics.name, size):
        names = {name: 0.0 for name in line if name not in RESERVED_METRICS}
        step = line.get("step")
        if isinstance(step, int):
            told[_line_key(step, names)] += 1
    return told
