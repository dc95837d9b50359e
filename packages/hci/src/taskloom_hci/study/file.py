"""The file of a study, read with its texts: every problem in it is told at once, before a port opens."""

# ruff: noqa: ANN401 -- a file holds anything

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from taskloom.errors import ConfigError, TaskloomError
from taskloom.opening import open_task
from taskloom.params.files import read_file
from taskloom.registry.discovery import tasks_of

from taskloom_hci.driver import pair
from taskloom_hci.errors import HciError, with_nearest
from taskloom_hci.study.config import StudyConfig
from taskloom_hci.study.orders import MOST_PERMUTED
from taskloom_hci.study.plan import PRACTICE_ALONE, slots_of
from taskloom_hci.study.scene import has_page
from taskloom_hci.study.sentences import of_task, of_values, unknown_table, without_wrong
from taskloom_hci.task import InteractionTask

TEXT_SUFFIXES = (".md", ".txt")
MOST_TEXT = 100_000


def read_study(path: Path) -> StudyConfig:
    """Return the study of a file, its texts by content and the configs of its tasks in full.

    Raises:
        ConfigError: It cannot be read, or there are problems in it; the message has a line for each.
    """
    problems: list[str] = []
    raw = _tables(read_file(path), problems)
    study = dict(_table(raw, "study", problems))
    values: dict[str, Any] = {**raw, "study": study, "seed": study.pop("seed", 0)}
    for place, name in (("consent", "text"), ("thanks", "text")):
        part = dict(_table(raw, place, problems))
        if name in part:
            part[name] = _text(part[name], path.parent, f"{place}.{name}", problems)
        values[place] = part
    told = dict(_table(raw, "instructions", problems))
    if isinstance(told.get("pages"), list):
        pages = told["pages"]
        told["pages"] = [_text(page, path.parent, "instructions.pages", problems) for page in pages]
    values["instructions"] = told
    values["condition"] = [_condition(item, problems) for item in _list(raw, "condition", problems)]
    values["question"] = _list(raw, "question", problems)
    config, told_of = None, values
    while config is None:
        try:
            config = StudyConfig.model_validate(told_of)
        except ValidationError as error:
            if told_of is not values:  # what is left makes no study
                break
            problems += of_values(error, values)
            told_of = without_wrong(error, values)
    problems += [] if config is None else problems_of(config)
    if problems or config is None:
        raise ConfigError(
            f"The study {path.name} cannot be run:\n" + "\n".join(f"- {one}" for one in problems)
        )
    return StudyConfig.model_validate(config.model_dump())


def _tables(raw: Mapping[str, Any], problems: list[str]) -> dict[str, Any]:
    """Return the file without the names that it may not have: those that the command itself sets."""
    own = {"study", "consent", "eligibility", "instructions", "practice", "condition", "design"}
    own |= {"question", "thanks"}
    for name in raw:
        if name not in own:
            problems.append(unknown_table(name, sorted(own)))
    return {name: value for name, value in raw.items() if name in own}


def _table(raw: Mapping[str, Any], name: str, problems: list[str]) -> Mapping[str, Any]:
    value = raw.get(name, {})
    if isinstance(value, Mapping):
        return value
    problems.append(f"[{name}] is a table.")
    return {}


def _list(raw: Mapping[str, Any], name: str, problems: list[str]) -> list[Mapping[str, Any]]:
    value = raw.get(name, [])
    if isinstance(value, list) and all(isinstance(item, Mapping) for item in value):
        return value
    problems.append(f"[[{name}]] is written with two brackets, once for each.")
    return []


def _text(value: Any, folder: Path, where: str, problems: list[str]) -> Any:
    """Return a text, or that of the file that it names beside the study."""
    if not (isinstance(value, str) and value.endswith(TEXT_SUFFIXES) and "\n" not in value):
        return value
    path = folder / value
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "is no UTF-8 text"
        problems.append(
            with_nearest(
                f"{where}: the file {value} cannot be read ({reason})",
                path.name,
                _names(path.parent),
            )
        )
        return ""
    if len(text) > MOST_TEXT:
        problems.append(f"{where}: the file {value} has more than {MOST_TEXT} characters.")
    return text


def _names(folder: Path) -> list[str]:
    return [item.name for item in folder.iterdir()] if folder.is_dir() else []


def _condition(item: Mapping[str, Any], problems: list[str]) -> dict[str, Any]:
    """Return a condition with its task's whole config."""
    given = dict(item)
    if "settings" in given:
        problems.append(
            "The parameters of a condition's task stand in parameters = {...}, not in settings."
        )
    name, task = str(given.get("name", "")), str(given.get("task", ""))
    parameters = given.pop("parameters", {})
    values = dict(parameters) if isinstance(parameters, Mapping) else {}
    for key in ("user", "assistant"):
        if key in given:
            value = given.pop(key)
            values[key] = None if value == "none" else value
    try:
        settings, refused = settings_of(task, values)
        problems += [f"condition '{name}': {one}" for one in refused]
    except TaskloomError as error:
        problems += [f"condition '{name}': {line}" for line in of_task(error)]
        settings = "{}"
    return {**given, "settings": settings}


def settings_of(task: str, values: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return the whole config of a task as JSON, and the reasons why people cannot play it.

    Raises:
        TaskloomError: There is no such task, or a value is not accepted.
    """
    names = [entry.ref.name for entry in tasks_of("hci") if entry.ref.name != "study"]
    if task not in names:
        raise HciError(with_nearest(f"There is no task '{task}'", task, names))
    bound = open_task(f"hci/{task}", dict(values))
    text = bound.config.model_dump_json()
    if not isinstance(bound.task, InteractionTask) or not has_page(bound.task):
        return text, [f"The task '{task}' has no page: people play it nowhere but in a terminal."]
    pair(bound.task, bound.config).close()  # type: ignore[arg-type] # a task of this domain has its config
    return text, []


def problems_of(config: StudyConfig) -> list[str]:
    """Return what is wrong with a study whose parts are right by themselves."""
    found = []
    names = [part.name for part in config.condition]
    if not names:
        found.append("There is no [[condition]].")
    for what, all_names in (
        ("condition", names),
        ("question", [item.id for item in config.question]),
    ):
        twice = sorted({name for name in all_names if all_names.count(name) > 1})
        found += [f"There are two [[{what}]] called '{name}'." for name in twice]
    design = config.design
    used = [*design.within, *design.between]
    for name in used:
        if name not in names:
            told = f"[design] names the condition '{name}', which is none"
            found.append(with_nearest(told, name, names))
        if used.count(name) > 1 and f"twice {name}" not in found:
            found.append(f"[design] names the condition '{name}' more than once.")
    if used:
        found += [
            f"No person gets the condition '{name}': name it in [design]."
            for name in names
            if name not in used
        ]
    practised = config.practice.condition
    if practised not in (*names, PRACTICE_ALONE):
        found.append(f"[practice] names the condition '{practised}', which is none.")
    if design.order == "all" and len(slots_of(config)) > MOST_PERMUTED:
        found.append(
            f'order = "all" is for at most {MOST_PERMUTED} conditions; latin balances more.'
        )
    return list(dict.fromkeys([*found, *_details(config)]))


def _details(config: StudyConfig) -> list[str]:
    found = []
    for i, check in enumerate(config.instructions.check):
        if check.right >= len(check.options):
            found.append(
                f"instructions.check.{i}: right = {check.right} is no place among {len(check.options)} options."
            )
    for item in config.question:
        if item.kind == "choice" and len(item.options) < 2:
            found.append(f"The question '{item.id}' is a choice and needs at least two options.")
        if item.kind in ("scale", "number") and item.low >= item.high:
            found.append(
                f"The question '{item.id}' has low = {item.low:g}, which is not below high = {item.high:g}."
            )
        if item.kind == "scale" and (item.high - item.low > 100 or item.low % 1):
            found.append(f"The scale '{item.id}' has whole numbers, at most 101 of them.")
    for part in config.condition:
        if not part.seats or len(set(part.seats)) < len(part.seats):
            found.append(f"condition '{part.name}': seats names each seat once.")
        settings = json.loads(part.settings)
        if "assistant" in part.seats and settings.get("assistant", {}) is None:
            found.append(
                f"condition '{part.name}': the seat 'assistant' needs an assistant to stand in."
            )
        if part.seats == ("assistant",):
            found.append(
                f"condition '{part.name}': a person plays the user, alone or with another."
            )
    if (
        config.practice.episodes
        and config.practice.condition == PRACTICE_ALONE
        and config.condition
    ):
        first = config.condition[0]
        try:
            settings_of(first.task, {**json.loads(first.settings), "assistant": None})
        except TaskloomError as error:
            found.append(f"[practice] without an assistant: {error.message} Name a condition.")
    return found
