"""Reading of `run.json`: a record whose every field is of its kind and within its limit, or the reason why it is none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from taskloom.errors import RunCorruptError
from taskloom.headline import Headline
from taskloom.identity.records import Change, Input
from taskloom.records.checks import (
    cut,
    read_integer,
    read_moment,
    read_numbers,
    read_shown,
    read_span,
    read_table,
    read_text,
    read_texts,
    read_truth,
    read_words,
)
from taskloom.records.documents import check_value, read_object
from taskloom.records.folders import RECORD, Damaged, look
from taskloom.records.limits import UNIT_ROWS
from taskloom.records.names import is_id
from taskloom.records.options import read_option
from taskloom.runs.record import KEPT, Failure, RunRecord, Stored

READABLE = (1, 2)
"""Formats of `run.json` that are read; a run of format 1 has no `config_id`, and answers no command."""
_LARGEST_EXIT_CODE = 255
_OLDEST = ("name", "tags", "parent", "resources")
"""The options that every record holds; the others came later, and older records do without them."""


def read_run(folder: Path) -> RunRecord | Damaged:
    """Return the record of a run folder, or why it has none: for listings, which one bad record must not end."""
    try:
        return read_record(folder / RECORD)
    except RunCorruptError as error:
        return Damaged(folder.name, error.reason)


def read_runs(store: Path) -> tuple[list[RunRecord], list[Damaged]]:
    """Return the record of every run of a store, the oldest first, and the folders whose record cannot be read, by name.

    Raises:
        StoreError: The store cannot be read.
    """
    records: list[RunRecord] = []
    damaged: list[Damaged] = []
    for found in look(store):
        record = found if isinstance(found, Damaged) else read_run(store / found.folder)
        if isinstance(record, Damaged):
            damaged.append(record)
        else:
            records.append(record)
    records.sort(key=lambda record: (record.created, record.id))
    return records, sorted(damaged, key=lambda item: item.folder)


def read_record(path: Path) -> RunRecord:
    """Read `run.json`; every field is checked, because it may have been edited.

    Raises:
        RunCorruptError: The file is missing, does not hold a record, or holds that of another run.
    """
    return parse_record(read_object(path.parent, path.name), path)


def parse_record(value: Mapping[str, Any], path: Path) -> RunRecord:
    """Return the record that a JSON object holds.

    Args:
        value: The object, within the limits of `taskloom.records.documents`.
        path: Where its `run.json` lies, or would lie.

    Raises:
        RunCorruptError: It is no record, or that of another run.
    """
    form = value.get("format")
    if form not in READABLE or isinstance(form, bool):
        known = " and ".join(map(str, READABLE))
        raise RunCorruptError(
            f"{path} has the format {form!r}; this taskloom reads {known}.",
            reason=f"{path.name} has the format {form!r}; this taskloom reads {known}",
        )
    try:
        record = _build(value)
    except (KeyError, TypeError, ValueError) as error:
        told = _reason(error)
        raise RunCorruptError(
            f"{path} is damaged: {told}.", reason=f"{path.name}: {told}"
        ) from None
    # A copy under another name would be a second run with the same id. Folders that no store lists may be called anything.
    if path.parent.name != record.id and is_id(path.parent.name):
        raise RunCorruptError(
            f"{path} is damaged: it names another run, {record.id}.",
            hint=f"A copy keeps the name of its run: call the folder {record.id}.",
            reason=f"names another run: {record.id}",
        )
    return record


def _reason(error: Exception) -> str:
    return f"the field {error} is missing" if isinstance(error, KeyError) else str(error)


def _build(value: Mapping[str, Any]) -> RunRecord:
    status = read_text(value, "status")
    if status not in get_args(Stored):
        raise ValueError(f"the status {status[:40]!r} does not exist")
    exit_code = value.get("exit_code")
    if exit_code is not None and read_integer(value, "exit_code") > _LARGEST_EXIT_CODE:
        raise ValueError(f"the field 'exit_code' is larger than {_LARGEST_EXIT_CODE}")
    seeds = read_table(value, "seeds")
    return RunRecord(
        id=_id(value),
        domain=read_text(value, "domain"),
        task=read_text(value, "task"),
        version=read_integer(value, "version"),
        identity=read_text(value, "identity"),
        config=read_table(value, "config"),
        status=status,  # type: ignore[arg-type]  # checked above; get_args loses the literal types
        sources=read_words(value, "sources"),
        argv=tuple(cut(word) for word in read_texts(value, "argv")),
        sweep=read_text(value, "sweep"),
        **{name: read_option(value, name) for name in KEPT if name in value or name in _OLDEST},
        created=read_moment(value, "created"),
        started=read_moment(value, "started"),
        ended=read_moment(value, "ended"),
        duration=read_span(value, "duration"),
        attempts=read_integer(value, "attempts"),
        host=read_text(value, "host"),
        pid=read_integer(value, "pid"),
        seeds={name: read_integer(seeds, name) for name in seeds},
        metrics=read_numbers(value, "metrics"),
        artifacts=read_words(value, "artifacts"),
        summary=read_shown(value, "summary"),
        output=read_shown(value, "output") if "output" in value else "",
        headline=_headline(value),
        units=_units(value),
        failure=_failure(value),
        origin=read_words(value, "origin") if "origin" in value else {},
        code=read_words(value, "code") if "code" in value else {},
        exit_code=exit_code,
        **(_identified(value) if value["format"] > 1 else {}),
    )


def _identified(value: Mapping[str, Any]) -> dict[str, Any]:
    """Read what a run was identified by, which records of format 1 do not have."""
    texts = ("config_id", "computation", "cwd", "python", "device")
    inputs = value["inputs"]
    if not isinstance(inputs, list) or not all(isinstance(item, dict) for item in inputs):
        raise TypeError("the field 'inputs' is no list of tables")
    return {
        **{name: read_text(value, name) for name in texts},
        "inputs": tuple(Input.from_json(item) for item in inputs),
        "reusable": read_truth(value, "reusable"),
        "accepted": tuple((a, b, c) for a, b, c in _rows(value["accepted"], "accepted", 3)),
        # What came later is written by no taskloom of before.
        "changes": _changes(value.get("changes", [])),
        "packages": read_words(value, "packages"),
    }


def _changes(rows: object) -> tuple[Change, ...]:
    return tuple((a, b, c, d) for a, b, c, d in _rows(rows, "changes", 4))


def _rows(rows: object, name: str, width: int) -> list[list[str]]:
    """Return the rows of a field, each of so many texts."""
    if not isinstance(rows, list) or not all(_is_row(row, width) for row in rows):
        raise TypeError(f"the field '{name}' is no list of {width} texts each")
    return rows


def _is_row(row: object, width: int) -> bool:
    return (
        isinstance(row, list) and len(row) == width and all(isinstance(item, str) for item in row)
    )


def _id(value: Mapping[str, Any]) -> str:
    found = read_text(value, "id")
    if not is_id(found):
        raise ValueError(f"the field 'id' is no id: {found[:40]!r}")
    return found


def _failure(value: Mapping[str, Any]) -> Failure | None:
    if value.get("failure") is None:
        return None
    told = {"traceback": "", "hint": "", "foreseen": False, **read_table(value, "failure")}
    texts = {name: read_shown(told, name) for name in ("type", "message", "traceback", "hint")}
    return Failure(**texts, foreseen=read_truth(told, "foreseen"))


def _headline(value: Mapping[str, Any]) -> Mapping[str, Any] | None:
    if value.get("headline") is None:
        return None  # an older taskloom knew none
    found = read_table(value, "headline")
    check_value(found)
    Headline.from_json(found)  # a ValueError says what is wrong with it
    return found


def _units(value: Mapping[str, Any]) -> Mapping[str, Any] | None:
    if value.get("units") is None:
        return None  # an older taskloom knew none
    found = read_table(value, "units")
    units = {"id": read_text(found, "id"), "of": read_text(found, "of")}
    count = read_integer(found, "n")
    if count > UNIT_ROWS:
        raise ValueError(f"the field 'n' of the units is {count:,}; at most {UNIT_ROWS:,} are kept")
    return {**units, "n": count}
