"""Contents of `run.json`, and the order of its statuses; `taskloom.records.run_record` reads it."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from taskloom.errors import StoreError
from taskloom.identity.records import Change, Input, Pair
from taskloom.request import KeptOptions
from taskloom.runs.writer import atomic_write_json, encode_number
from taskloom.secrets.redaction import KNOWN
from taskloom.system.machine import host_name
from taskloom.task import JsonValue

FORMAT = 2
"""Format that is written; `taskloom.records.run_record` reads 1 as well."""

Stored: TypeAlias = Literal["created", "running", "finished", "failed", "stopped"]
"""States that a record can hold. `crashed` is never stored: it follows from a record that says running and a lock that is free."""

# A run that ended without finishing may run again: that is what resuming is. A crashed run still says running.
_NEXT: Mapping[Stored, frozenset[Stored]] = {
    "created": frozenset({"running", "failed"}),
    "running": frozenset({"running", "finished", "failed", "stopped"}),
    "failed": frozenset({"running"}),
    "stopped": frozenset({"running"}),
    "finished": frozenset(),
}


def timestamp() -> str:
    """Return the UTC time in ISO 8601, to the microsecond: runs of one second keep their order."""
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{nanoseconds // 1000:06d}Z"


@dataclass(frozen=True, slots=True)
class Failure:
    """Reason of a failed run.

    Attributes:
        type: The exception's class.
        message: Its text.
        traceback: The frames of the user's code.
        hint: What to do next; or empty.
        foreseen: Whether it was refused on purpose, so that the message says everything.
    """

    type: str
    message: str
    traceback: str = ""
    hint: str = ""
    foreseen: bool = False


KEPT = tuple(item.name for item in dataclasses.fields(KeptOptions))
"""The names of the options that a record keeps."""


@dataclass(frozen=True, slots=True)
class RunRecord(KeptOptions):
    """Everything that `run.json` holds: the options that the run was asked for with, and the following.

    Attributes:
        id: The run's id, which is also the name of its folder.
        domain: The domain.
        task: The task's name inside the domain.
        version: The task's version.
        identity: Digest of task, version and config with its inputs by content: what a finished run is looked up by.
        config: The resolved config.
        status: What the run is doing, as last written.
        sources: Where every value of the config came from, by its dotted path.
        argv: The command line, without credentials.
        sweep: The sweep that this run belongs to; or empty.
        created: When the folder was made [UTC].
        started: When the task first began [UTC]; or empty.
        ended: When the run last ended [UTC]; or empty.
        duration: Running time over all attempts, by the monotonic clock [s].
        attempts: How often the task was started or resumed.
        host: The machine of the last attempt.
        pid: The process of the last attempt.
        seeds: The seeds that the task asked for, by name.
        metrics: Final numbers.
        artifacts: Files by name, as paths relative to the run's folder.
        summary: One line that a person reads first.
        output: Reason why the output is not kept; empty where it is.
        headline: The result that is shown large, as `taskloom.headline.Headline.to_json` writes it; or None.
        units: What was drawn, by `id`, `of` and `n`, so that runs over the same units can be paired; or None.
        failure: Why the run failed; or None.
        exit_code: What the command exits with; None before the end.
        config_id: Digest of task, version and config as written; empty in records of an older taskloom.
        computation: Digest of the identity, the code and the packages that ran; empty before the end.
        inputs: Everything outside of the config that the run read because the config names it.
        cwd: The folder in which the run was asked for; relative paths count against it.
        reusable: Whether the run may answer a later command: no input and no module changed while it ran.
        packages: Versions of the distributions that count, by name.
        python: The version of Python that counts: `3.11`.
        device: The kind of device that it used: `cpu`, `cuda` or `mps`; empty before the end.
        accepted: Differences that a person accepted, as digests of then and now: for these it answers all the same.
        changes: Differences over which it went on with consent, in their order: one part of it was computed before, one after.
        origin: Origin of the request: `{"kind": "cli"}`, `python` or `notebook`.
        code: Place of the code of a task that is not installed, as `taskloom.registry.entries.Given.record` writes it; or empty.
    """

    id: str
    domain: str
    task: str
    version: int
    identity: str
    config: Mapping[str, JsonValue]
    status: Stored = "created"
    sources: Mapping[str, str] = field(default_factory=dict)
    argv: tuple[str, ...] = ()
    sweep: str = ""
    created: str = ""
    started: str = ""
    ended: str = ""
    duration: float = 0.0
    attempts: int = 0
    host: str = ""
    pid: int = 0
    seeds: Mapping[str, int] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    artifacts: Mapping[str, str] = field(default_factory=dict)
    summary: str = ""
    output: str = ""
    headline: Mapping[str, Any] | None = None
    units: Mapping[str, Any] | None = None
    failure: Failure | None = None
    exit_code: int | None = None
    config_id: str = ""
    computation: str = ""
    inputs: tuple[Input, ...] = ()
    cwd: str = ""
    reusable: bool = True
    packages: Mapping[str, str] = field(default_factory=dict)
    python: str = ""
    device: str = ""
    accepted: tuple[Pair, ...] = ()
    changes: tuple[Change, ...] = ()
    origin: Mapping[str, str] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)

    @property
    def has_report(self) -> bool:
        """Wish for a report page at the end: that of a run that stands alone, and of any other that was asked for one."""
        return self.report == "yes" or (not self.report and not self.sweep)

    def becoming(self, status: Stored, **changes: Any) -> RunRecord:  # noqa: ANN401 -- the fields' own types
        """Return the record in its next status.

        Raises:
            StoreError: The status machine has no such step.
        """
        if status not in _NEXT[self.status]:
            raise StoreError(f"The run {self.id} is {self.status}; it cannot become {status}.")
        return dataclasses.replace(self, status=status, **changes)


def begin_attempt(record: RunRecord) -> RunRecord:
    """Return the record of a run that this process begins or resumes."""
    return record.becoming(
        "running",
        started=record.started or timestamp(),
        ended="",
        attempts=record.attempts + 1,
        host=host_name(),
        pid=os.getpid(),
        failure=None,
        exit_code=None,
    )


_FREE = ("name", "tags", "argv", "sources", "summary", "headline", "failure")
"""The fields whose texts a task or a user wrote; the others must stay as they are."""


def document_of(record: RunRecord) -> dict[str, Any]:
    """Return what `run.json` holds, as JSON values; the manifest of each checkpoint holds it too."""
    value = _fields_of(record)
    value |= {name: KNOWN.tree(value[name]) for name in _FREE}
    value["metrics"] = {name: encode_number(number) for name, number in record.metrics.items()}
    # A person who opens the file reads first which run it is, then what was asked for.
    value |= {name: value.pop(name) for name in KEPT}
    return {"format": FORMAT, **value}


def _fields_of(value: Any) -> dict[str, Any]:  # noqa: ANN401 -- a dataclass
    """Return the fields of a dataclass by name; unlike `asdict` it copies no table, since all are written at once."""
    found = ((name, getattr(value, name)) for name in value.__dataclass_fields__)
    return {name: _written(item) for name, item in found}


def _written(value: object) -> object:
    if isinstance(value, tuple):
        return [_written(item) for item in value]
    return _fields_of(value) if dataclasses.is_dataclass(value) else value


def write_record(path: Path, record: RunRecord, *, fence: Callable[[], None] | None = None) -> None:
    """Replace `run.json`; `fence` is called directly before and may refuse it.

    Raises:
        StoreError: It cannot be written; the previous record is intact.
    """
    atomic_write_json(path, document_of(record), fence=fence)
