"""Mistakes in the values of a study's file, in words of the file: a sentence for each, with its place."""

# ruff: noqa: ANN401 -- a file holds anything

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from taskloom.errors import TaskloomError
from taskloom.params.labels import limit_text
from taskloom.params.sentences import sentence_of

from taskloom_hci.errors import with_nearest
from taskloom_hci.study.config import StudyConfig, StudyPart

OF_TASK = ("user", "assistant", "parameters")
_INTERNAL = "settings"
_FLAG = re.compile(r"^--([\w.]+)(?:=(.*?))?: ", re.DOTALL)
_NAMES = {"condition": "name", "question": "id"}


def unknown_table(name: str, tables: Sequence[str]) -> str:
    """Return the sentence about a name at the top of a file that is no table of a study."""
    if name in StudyPart.model_fields or name == "seed":
        return f"'{name}' stands at the top: it belongs under [study]."
    return with_nearest(f"There is no table [{name}]", name, tables)


def of_task(error: TaskloomError) -> list[str]:
    """Return the lines of an error about the parameters of a task, without the spelling of a command line."""
    lines = [
        _FLAG.sub(_as_key, line).replace(" (from Python)", "")
        for line in error.message.splitlines()
    ]
    if error.hint:
        lines[-1] += "; " + error.hint.replace("--", "")
    return lines


def _as_key(found: re.Match[str]) -> str:
    return f"{found[1]}: " if found[2] is None else f"{found[1]} = {found[2]}: "


def of_values(error: ValidationError, values: Mapping[str, Any]) -> list[str]:
    """Return a sentence for every value that is not accepted."""
    return list(dict.fromkeys(_line(item, values) for item in error.errors(include_url=False)))


def without_wrong(error: ValidationError, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values without those that are not accepted, so that what is left can be looked at as well."""
    left = copy.deepcopy(dict(values))
    for item in error.errors(include_url=False):
        if item["loc"][0] == "question":  # nothing else depends on one
            left["question"] = []
            continue
        at: Any = left
        for part in item["loc"][:-1]:
            at = at[part] if isinstance(at, dict) and part in at else _item(at, part)
        if isinstance(at, dict):
            at.pop(item["loc"][-1], None)
    return left


def _item(values: Any, part: Any) -> Any:
    is_place = isinstance(values, list) and isinstance(part, int) and part < len(values)
    return values[part] if is_place else None


def _line(item: ErrorDetails, values: Mapping[str, Any]) -> str:
    *where, name = item["loc"]
    if item["type"] == "extra_forbidden":
        table = _fields(where)
        if where and where[0] == "condition":
            known = [field for field in table if field != _INTERNAL] + list(OF_TASK)
            place = "; a parameter of the task stands in parameters = {...}"
            return f"{_place(where, values)}: there is no key '{name}', only {', '.join(known)}{place}."
        told = with_nearest(f"{_place(where, values)}: there is no key '{name}'", str(name), table)
        return told if told.endswith("?") else f"{told[:-1]}, only {', '.join(table)}."
    whole = f"{_place(item['loc'][:1], values)}" if not where else _place(where, values)
    wanted = sentence_of(item["type"], item.get("ctx", {}), item["msg"])
    if item["type"] == "string_pattern_mismatch":  # all of them are names
        wanted = "is no name of letters, digits, - and _, at most 40"
    told = "" if item["type"] == "missing" else f" = {limit_text(repr(item['input']))}"
    return f"{whole}: {name}{told} {wanted}."


def _place(loc: Sequence[int | str], values: Mapping[str, Any]) -> str:
    """Return the place of a value as its file shows it: `[study]`, `condition 'big'`."""
    first, rest = str(loc[0]) if loc else "", list(loc[1:])
    key = _NAMES.get(first)
    if key is None or not rest or not isinstance(rest[0], int):
        return "[" + ".".join(str(part) for part in loc) + "]"
    item = _item(values.get(first), rest[0])
    name = item.get(key, "") if isinstance(item, Mapping) else ""
    deeper = "".join(f".{part}" for part in rest[1:])
    return f"{first} '{name}'{deeper}" if name else f"{first} number {rest[0] + 1}{deeper}"


def _fields(loc: Sequence[int | str]) -> list[str]:
    """Return the keys of the table at a place."""
    model: Any = StudyConfig
    for part in loc:
        if isinstance(part, int):
            continue
        found = model.model_fields[part].annotation
        inside = [one for one in (found, *get_args(found)) if isinstance(one, type)]
        model = next((one for one in inside if issubclass(one, BaseModel)), None)
        if model is None:
            return []
    return list(model.model_fields)
