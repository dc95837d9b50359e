"""From what is wrong with a config to one sentence: the option, the value, what is allowed, the default, the source.

    --detector.shrinkage=7: must be <= 1 (default 0.01, from the command line)

Pydantic's own text names the members of unions, repeats its input in Python's spelling and ends in an address; none of that
helps the author of a command line.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from taskloom.errors import ConfigError, UnknownNameError
from taskloom.params.elements import (
    container_of,
    element,
    element_rows,
    element_shape,
    keys_of,
    nearest_element,
)
from taskloom.params.grammar import join_path, split_path
from taskloom.params.labels import shown
from taskloom.params.layer import COMMAND_LINE, Fault, Merged
from taskloom.params.sentences import NO_KEY, sentence_of
from taskloom.params.shapes import Model, fields_of, is_list, is_set, shape_of
from taskloom.params.tree import NO_COMPONENT, Parameter, walk
from taskloom.plain import escaped
from taskloom.registry.suggest import closest

_MOST = 5


def fault_error(config_class: Model, problem: Fault, merged: Merged) -> ConfigError:
    """Return the error for one problem."""
    return ConfigError(
        _sentence(config_class, problem, merged), hint=_nearest_value(config_class, problem, merged)
    )


def validation_error(
    config_class: Model, error: ValidationError | None, merged: Merged
) -> ConfigError:
    """Return the error for everything that merging and pydantic found, one line for each parameter."""
    found = {problem.path: problem for problem in merged.faults}
    unread = set(found)
    for item in error.errors(include_url=False) if error is not None else ():
        if item["loc"] and str(item["loc"][0]) in unread:
            continue
        problem = _fault(config_class, item, merged)
        if problem is None:
            continue
        first = found.get(problem.path)
        if first is None:
            found[problem.path] = problem
        elif (
            problem.sentence not in first.sentence and first not in merged.faults
        ):  # one line for each member of a union
            sentence = f"{first.sentence} or {problem.sentence.removeprefix('must be ')}"
            found[problem.path] = Fault(first.path, sentence, first.value, first.missing)
    problems = list(found.values()) or [Fault("", "the config is not accepted")]
    lines = [_sentence(config_class, problem, merged) for problem in problems[:_MOST]]
    if len(problems) > _MOST:
        lines.append(f"and {len(problems) - _MOST} more")
    return ConfigError("\n".join(lines), hint=_nearest_value(config_class, problems[0], merged))


def unknown_parameter(
    config_class: Model, path: str, chosen: Mapping[str, str], source: str
) -> UnknownNameError:
    """Return the error for a parameter that does not exist, with where it would be or what is nearest."""
    return UnknownNameError(
        f"no parameter '{shown(path)}' (from {spelled(source)})",
        hint=suggestion(config_class, path, chosen),
    )


def unknown_component(
    path: str,
    value: object,
    names: Sequence[str],
    source: str,
    *,
    optional: bool,
    forms: Sequence[str] = (),
) -> UnknownNameError:
    """Return the error for a component that does not exist."""
    allowed = ", ".join([*names, *forms, *(("none",) if optional else ())])
    near = closest(value, names) if isinstance(value, str) else None
    must = f"must be one of {allowed}" if names else "must be a table of parameters"
    must += " or none" if optional and not names else ""
    return UnknownNameError(
        f"--{path}={shown(value)}: {must} (from {spelled(source)})",
        hint=f"did you mean --{path}={near}?" if near else "",
    )


def suggestion(
    config_class: Model, path: str, chosen: Mapping[str, str], extra: Iterable[str] = ()
) -> str:
    """Return a guess at the parameter that an unknown name meant, or an empty string."""
    walked = walk(config_class, chosen)
    if inside_something := _hint_at_part(walked, path, chosen):
        return inside_something
    here = [parameter.path for parameter in walked]
    last = path.rpartition(".")[2]
    if same_name := [
        option for option in here if option.rpartition(".")[2] == last and "." not in path
    ]:
        return "did you mean " + " or ".join(f"--{option}" for option in same_name) + "?"
    if inside := [f"--{option}" for option in here if option.startswith(f"{path}.")]:
        return f"its parts are set one by one: {', '.join(inside)}"
    if elsewhere := _in_another_component(config_class, path, chosen):
        return elsewhere
    if near := closest(path, [*here, *extra]):
        return f"did you mean --{near}?"
    names = {option.rpartition(".")[2]: option for option in here}
    near = closest(last, names)
    return f"did you mean --{names[near]}?" if near else ""


def _hint_at_part(walked: Sequence[Parameter], path: str, chosen: Mapping[str, str]) -> str:
    """Return a hint for a path into a list or a table, or into an optional model that the command line drops."""
    if near := nearest_element(walked, path):
        return f"did you mean --{near}?"
    place = path.rpartition(".")[0]
    parts = [item.path for item in walked if item.is_component and item.shape.variants is None]
    if place in parts and chosen.get(place) == NO_COMPONENT:
        return f"{place} is none here: leave --{place}=none out"
    return ""


def _in_another_component(config_class: Model, path: str, chosen: Mapping[str, str]) -> str:
    """Say which component a parameter belongs to, when that component could be chosen but is not."""
    place, _, _ = path.rpartition(".")
    for parameter in walk(config_class, chosen):
        if not parameter.is_component or (place and place != parameter.path):
            continue
        wanted = path if place else f"{parameter.path}.{path}"
        for name in parameter.choices:
            if name == chosen.get(parameter.path, parameter.default):
                continue
            others = {
                key: value
                for key, value in chosen.items()
                if not key.startswith(f"{parameter.path}.")
            }
            if any(
                item.path == wanted for item in walk(config_class, {**others, parameter.path: name})
            ):
                now = chosen.get(parameter.path, parameter.default)
                return f"--{wanted} belongs to {parameter.path}={name}; {parameter.path} is {now}"
    return ""


def _fault(config_class: Model, item: ErrorDetails, merged: Merged) -> Fault | None:
    """Return what pydantic found, or None when it is about a component that is not the chosen one."""
    path, inside = _path_of(config_class, item["loc"], merged.chosen)
    if path is None:
        return None
    sentence = sentence_of(item["type"], item.get("ctx", {}), item["msg"])
    is_missing = item["type"] == "missing"
    if not inside:
        return Fault(path, sentence, item["input"], missing=is_missing)
    # pydantic puts the members of unions among the keys; an element that was named, or a key, is a place of its own.
    place = join_path([*split_path(path), *map(str, inside)])
    if sentence == NO_KEY or is_missing:
        keys = "" if is_missing else _keys(config_class, place, merged)
        return Fault(place, f"{sentence}{keys}", missing=is_missing)
    if inside[-1] == "[key]":
        place = join_path([*split_path(path), str(item["input"])])
        return Fault(place, f"the key {sentence}", item["input"])
    if place in merged.given:
        return Fault(place, sentence, item["input"])
    positions = [index + 1 for index in inside if isinstance(index, int)]
    if positions:
        sentence = f"{sentence} (item {positions[0]}: {shown(item['input'])})"
    return Fault(path, sentence, item["input"])


def unknown_element(
    config_class: Model, path: str, merged: Merged, source: str
) -> UnknownNameError:
    """Return the error for an element that a list or a table cannot have."""
    held = path.rpartition(".")[0]
    parameter = next(
        (item for item in walk(config_class, merged.chosen) if item.path == held), None
    )
    hint = (
        suggestion(config_class, path, merged.chosen) if parameter is None else _elements(parameter)
    )
    return UnknownNameError(f"no parameter '{shown(path)}' (from {spelled(source)})", hint=hint)


def _elements(parameter: Parameter) -> str:
    """Return a hint at how the elements of a parameter are written."""
    rows = [f"--{row.path}" for row in element_rows([parameter])]
    if rows:
        return f"its elements are written {', '.join(rows[:4])}"
    container = container_of(parameter.shape)
    if container is None:
        return f"--{parameter.path} is one value and has no parts"
    if is_set(container):
        return f"a set has no places: give all of it with --{parameter.path}"
    word = "0" if is_list(container) else "KEY"
    return f"its elements are written --{parameter.path}.{word}"


def _keys(config_class: Model, element: str, merged: Merged) -> str:
    """Return the keys that may stand where an unknown one does: `; width, depth`."""
    *above, _ = split_path(element)
    parameters = {item.path: item for item in walk(config_class, merged.chosen)}
    for count in range(len(above), 0, -1):
        parameter = parameters.get(".".join(above[:count]))
        if parameter is not None:
            shape = element_shape(parameter.shape, above[count:])
            names = [] if shape is None else keys_of(shape)
            return f"; {', '.join(names)}" if names else ""
    return ""


def _path_of(
    config_class: Model, loc: Sequence[int | str], chosen: Mapping[str, str]
) -> tuple[str | None, Sequence[int | str]]:
    """Split pydantic's location into the dotted path of a parameter and what lies inside its value.

    Pydantic puts the tag of a union's member into the location; walking along the model tells tags from names. A union
    without a discriminator calls its members by class, and complains about all of them: the path is None for those that are
    not chosen.
    """
    names: list[str] = []
    model: Model | None = config_class
    rest = list(loc)
    while rest and model is not None:
        info = fields_of(model).get(str(rest[0]))
        if info is None:
            break
        names.append(str(rest.pop(0)))
        shape, model = shape_of(info), None
        if shape.variants is not None and rest:
            member = str(rest.pop(0))
            name = chosen.get(".".join(names), "")
            if name in shape.variants.names():
                model = shape.variants.load(name)
                if member not in (name, model.__name__):
                    return None, ()
        else:
            model = shape.model
    return ".".join(names), rest


def _sentence(config_class: Model, problem: Fault, merged: Merged) -> str:
    path, sentence = problem.path, problem.sentence
    if not path:
        return sentence  # a rule about the config as a whole
    parameter = next(
        (item for item in walk(config_class, merged.chosen) if item.path == path), None
    )
    known = parameter is not None and parameter.default is not None and not parameter.is_component
    default = (
        f"default {shown_text(parameter.default)}, "
        if known and parameter and parameter.default
        else ""
    )
    source = merged.sources.get(path, "")
    if problem.missing:
        return f"--{path} {sentence}"
    if sentence.startswith(NO_KEY):
        return f"--{path}: {sentence}"
    if isinstance(problem.value, BaseModel) or path not in merged.sources:
        return f"--{path}: {sentence}"
    value = merged.given.get(path, problem.value)
    return f"--{path}={shown(value)}: {sentence} ({default}from {spelled(source)})"


def shown_text(text: str) -> str:
    """Return a default, shortened as an offending value is."""
    return shown(text) or '""'


def spelled(source: str) -> str:
    """Return a source as it stands in a sentence."""
    return "the command line" if source == COMMAND_LINE else escaped(source)


def _nearest_value(config_class: Model, problem: Fault, merged: Merged) -> str:
    known = {item.path: item for item in walk(config_class, merged.chosen)}
    parameter = known.get(problem.path) or element(known, problem.path)
    if parameter is None or not parameter.choices or not isinstance(problem.value, str):
        return ""
    near = closest(problem.value, parameter.choices)
    return f"did you mean --{problem.path}={shlex.quote(near)}?" if near else ""
