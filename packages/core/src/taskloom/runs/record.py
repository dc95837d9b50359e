"""Contents of `run.json`, and the order of its statuses."""

from __future__ import annotations

import dataclasses
import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from taskloom.context import Resources
from taskloom.errors import RunCorruptError, StoreError
from taskloom.headline import Headline
from taskloom.identity.records import Input, Pair
from taskloom.request import KeptOptions
from taskloom.runs.writer import atomic_write_json, decode_number, encode_number, read_json
from taskloom.system.machine import host_name
from taskloom.task import JsonValue

FORMAT = 2
READABLE = (1, 2)
"""The formats that can be read; a run of format 1 has no `config_id`, and is never taken for the answer to a command."""

Stored: TypeAlias = Literal["created", "running", "finished", "failed", "stopped"]
"""What a record can say. `crashed` is never stored: it is derived from a record that says running and a lock that is free."""

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


_DEFAULTS = KeptOptions()
KEPT = tuple(item.name for item in dataclasses.fields(KeptOptions))
"""The names of the options that a record keeps."""
_OLDEST = ("name", "tags", "parent", "resources")
"""The options that every record holds; the others came later, and older records do without them."""


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


def write_record(path: Path, record: RunRecord) -> None:
    """Replace `run.json`.

    Raises:
        StoreError: It cannot be written; the previous record is intact.
    """
    value = dataclasses.asdict(record)
    value["metrics"] = {name: encode_number(number) for name, number in record.metrics.items()}
    # A person who opens the file reads first which run it is, then what was asked for.
    value |= {name: value.pop(name) for name in KEPT}
    atomic_write_json(path, {"format": FORMAT, **value})


def read_record(path: Path) -> RunRecord:
    """Read `run.json`; every field is checked, because it may have been edited.

    Raises:
        RunCorruptError: The file is missing or does not hold a record.
    """
    value = read_json(path)
    if value.get("format") not in READABLE:
        readable = " and ".join(map(str, READABLE))
        raise RunCorruptError(
            f"{path} has the format {value.get('format')!r}; this taskloom reads {readable}."
        )
    try:
        return _build(value)
    except (KeyError, TypeError, ValueError) as error:
        raise RunCorruptError(f"{path} is damaged: {_reason(error)}.") from None


def _reason(error: Exception) -> str:
    return f"the field {error} is missing" if isinstance(error, KeyError) else str(error)


def _build(value: Mapping[str, Any]) -> RunRecord:
    status = _text(value, "status")
    if status not in get_args(Stored):
        raise ValueError(f"the status {status!r} does not exist")
    metrics = {
        str(name): decode_number(number) for name, number in _mapping(value, "metrics").items()
    }
    failure = value.get("failure")
    exit_code = value.get("exit_code")
    if exit_code is not None and not isinstance(exit_code, int):
        raise TypeError("the field 'exit_code' is no integer")
    return RunRecord(
        id=_text(value, "id"),
        domain=_text(value, "domain"),
        task=_text(value, "task"),
        version=_integer(value, "version"),
        identity=_text(value, "identity"),
        config=_mapping(value, "config"),
        status=status,  # type: ignore[arg-type]  # checked above; get_args loses the literal types
        sources={k: str(v) for k, v in _mapping(value, "sources").items()},
        argv=_texts(value, "argv"),
        sweep=_text(value, "sweep"),
        **{name: _option(value, name) for name in KEPT if name in value or name in _OLDEST},
        created=_text(value, "created"),
        started=_text(value, "started"),
        ended=_text(value, "ended"),
        duration=_number(value, "duration"),
        attempts=_integer(value, "attempts"),
        host=_text(value, "host"),
        pid=_integer(value, "pid"),
        seeds={k: int(v) for k, v in _mapping(value, "seeds").items()},
        metrics={k: v for k, v in metrics.items() if v is not None},
        artifacts={k: str(v) for k, v in _mapping(value, "artifacts").items()},
        summary=_text(value, "summary"),
        output=_text(value, "output") if "output" in value else "",
        headline=_headline(value),
        failure=Failure(**failure) if isinstance(failure, dict) else None,
        exit_code=exit_code,
        **(_identified(value) if value["format"] > 1 else {}),
    )


def _identified(value: Mapping[str, Any]) -> dict[str, Any]:
    """Read what a run was identified by, which records of format 1 do not have."""
    texts = ("config_id", "computation", "cwd", "python", "device")
    inputs, reusable = value["inputs"], value["reusable"]
    if not isinstance(inputs, list) or not all(isinstance(item, dict) for item in inputs):
        raise TypeError("the field 'inputs' is no list of tables")
    if type(reusable) is not bool:
        raise TypeError("the field 'reusable' is no bool")
    return {
        **{name: _text(value, name) for name in texts},
        "inputs": tuple(Input.from_json(item) for item in inputs),
        "reusable": reusable,
        "accepted": _pairs(value["accepted"]),
        "packages": {name: str(version) for name, version in _mapping(value, "packages").items()},
    }


def _pairs(rows: object) -> tuple[Pair, ...]:
    if not isinstance(rows, list) or not all(_is_pair(row) for row in rows):
        raise TypeError("the field 'accepted' is no list of three texts each")
    return tuple((row[0], row[1], row[2]) for row in rows)


def _is_pair(row: object) -> bool:
    return isinstance(row, list) and len(row) == 3 and all(isinstance(item, str) for item in row)


def _option(value: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401 -- the field's own type
    """Read one of the kept options, of the type that its default has."""
    default = getattr(_DEFAULTS, name)
    if isinstance(default, Resources):
        return _resources(_mapping(value, name))
    if isinstance(default, tuple):
        return _texts(value, name)
    if type(value[name]) is not type(default):
        raise TypeError(f"the field {name!r} is no {type(default).__name__}")
    return value[name]


def _headline(value: Mapping[str, Any]) -> Mapping[str, Any] | None:
    if value.get("headline") is None:
        return None  # an older taskloom knew none
    found = _mapping(value, "headline")
    Headline.from_json(found)  # a ValueError says what is wrong with it
    return found


def _resources(value: Mapping[str, Any]) -> Resources:
    return Resources(
        cpus=_integer(value, "cpus"),
        gpus=_integer(value, "gpus"),
        num_nodes=_integer(value, "num_nodes"),
        memory=_integer(value, "memory"),
        time_limit=_number(value, "time_limit"),
    )


def _text(value: Mapping[str, Any], key: str) -> str:
    text = value[key]
    if not isinstance(text, str):
        raise TypeError(f"the field {key!r} is no text")
    return text


def _texts(value: Mapping[str, Any], key: str) -> tuple[str, ...]:
    if not isinstance(value[key], list) or not all(isinstance(text, str) for text in value[key]):
        raise TypeError(f"the field {key!r} is no list of texts")
    return tuple(value[key])


def _integer(value: Mapping[str, Any], key: str) -> int:
    number = value[key]
    if not isinstance(number, int):
        raise TypeError(f"the field {key!r} is no integer")
    return number


def _number(value: Mapping[str, Any], key: str) -> float:
    number = decode_number(value[key])
    if number is None or not math.isfinite(number):
        raise TypeError(f"the field {key!r} is no finite number")
    return number


def _mapping(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    table = value[key]
    if not isinstance(table, dict):
        raise TypeError(f"the field {key!r} is no table")
    return table
