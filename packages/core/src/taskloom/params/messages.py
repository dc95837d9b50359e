"""From what is wrong with a config to one sentence: the option, the value, what is allowed, the default, the source.

    --detector.shrinkage=7: must be <= 1 (default 0.01, from the command line)

Pydantic's own text names the members of unions, repeats its input in Python's spelling and ends in an address; none of that
helps the author of a command line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from taskloom.errors import ConfigError, UnknownNameError
from taskloom.params.labels import limit_text, printable, shown
from taskloom.params.shapes import Model, fields_of, shape_of
from taskloom.params.tree import walk

if TYPE_CHECKING:
    from taskloom.params.layer import Merged

_MOST = 5

_SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "greater_than": lambda ctx: f"must be > {limit_text(ctx['gt'])}",
    "greater_than_equal": lambda ctx: f"must be >= {limit_text(ctx['ge'])}",
    "less_than": lambda ctx: f"must be < {limit_text(ctx['lt'])}",
    "less_than_equal": lambda ctx: f"must be <= {limit_text(ctx['le'])}",
    "multiple_of": lambda ctx: f"must be a multiple of {limit_text(ctx['multiple_of'])}",
    "finite_number": lambda _: "must be a finite number",
    "string_pattern_mismatch": lambda ctx: f"must match {ctx['pattern']}",
    "string_too_short": lambda ctx: f"must have at least {ctx['min_length']} characters",
    "string_too_long": lambda ctx: f"must have at most {ctx['max_length']} characters",
    "too_short": lambda ctx: (
        f"must have at least {ctx['min_length']} items, not {ctx['actual_length']}"
    ),
    "too_long": lambda ctx: f"must have at most {ctx['max_length']} items",
    "literal_error": lambda ctx: f"must be one of {_plain_list(ctx['expected'])}",
    "enum": lambda ctx: f"must be one of {_plain_list(ctx['expected'])}",
    "missing": lambda _: "must be given",
    "int_from_float": lambda _: "must be an integer",
    "int_parsing_size": lambda _: "must fit into 64 bits",
}
_KINDS = {
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "list": "a list",
    "tuple": "a list",
    "set": "a list",
    "frozen_set": "a list",
    "dict": "a table of names and values",
    "path": "a path",
    "none": "none",
    "model": "a table of parameters",
    "time_delta": "a duration: seconds, or 1:30:00",
    "datetime": "a date and time: 2026-11-21T10:30:00",
    "date": "a date: 2026-11-21",
    "time": "a time of day: 10:30",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with one parameter.

    Attributes:
        path: The parameter.
        sentence: The rest of the sentence: `must be <= 1`.
        value: What was given; None with `missing`.
        missing: Whether nothing was given at all.
    """

    path: str
    sentence: str
    value: object = None
    missing: bool = False


def fault_error(config_class: Model, problem: Fault, merged: Merged) -> ConfigError:
    """Return the error for one problem."""
    return ConfigError(
        _sentence(config_class, problem, merged), hint=_nearest_value(config_class, problem, merged)
    )


def validation_error(config_class: Model, error: ValidationError, merged: Merged) -> ConfigError:
    """Return the error for everything that pydantic found, one line for each parameter."""
    found: dict[str, Fault] = {}
    for item in error.errors(include_url=False):
        problem = _fault(config_class, item, merged.chosen)
        if problem is None:
            continue
        first = found.get(problem.path)
        if first is None:
            found[problem.path] = problem
        elif problem.sentence not in first.sentence:  # one line for each member of a union
            sentence = f"{first.sentence} or {problem.sentence.removeprefix('must be ')}"
            found[problem.path] = Fault(first.path, sentence, first.value, first.missing)
    problems = list(found.values()) or [Fault("", error.errors(include_url=False)[0]["msg"])]
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
    path: str, value: object, names: Sequence[str], source: str, *, optional: bool
) -> UnknownNameError:
    """Return the error for a component that does not exist."""
    from taskloom.registry.suggest import closest

    allowed = ", ".join([*names, *(("none",) if optional else ())])
    near = closest(value, names) if isinstance(value, str) else None
    must = f"must be one of {allowed}" if allowed else "must be a table of parameters"
    return UnknownNameError(
        f"--{path}={shown(value)}: {must} (from {spelled(source)})",
        hint=f"did you mean --{path}={near}?" if near else "",
    )


def suggestion(
    config_class: Model, path: str, chosen: Mapping[str, str], extra: Iterable[str] = ()
) -> str:
    """Return a guess at the parameter that an unknown name meant, or an empty string."""
    from taskloom.registry.suggest import closest

    here = [parameter.path for parameter in walk(config_class, chosen)]
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


def _fault(config_class: Model, item: ErrorDetails, chosen: Mapping[str, str]) -> Fault | None:
    """Return what pydantic found, or None when it is about a component that is not the chosen one."""
    path, inside = _path_of(config_class, item["loc"], chosen)
    if path is None:
        return None
    sentence = _sentence_of(item["type"], item["msg"], item.get("ctx", {}))
    positions = [place + 1 for place in inside if isinstance(place, int)]
    if positions:
        sentence = f"{sentence} (item {positions[0]}: {shown(item['input'])})"
    return Fault(path, sentence, item["input"], missing=item["type"] == "missing")


def _sentence_of(kind: str, message: str, ctx: Mapping[str, Any]) -> str:
    if kind in _SENTENCES:
        return _SENTENCES[kind](ctx)
    stem, _, ending = kind.rpartition("_")
    if ending in ("type", "parsing") and stem in _KINDS:
        return f"must be {_KINDS[stem]}"
    text = message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    text = " ".join(text.split()).removeprefix("Input should be ").rstrip(".")
    if kind in ("value_error", "assertion_error"):
        return text or "is not accepted"
    return f"must be {text[:1].lower()}{text[1:]}"


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
    if isinstance(problem.value, BaseModel) or path not in merged.sources:
        return f"--{path}: {sentence}"
    value = merged.given.get(path, problem.value)
    return f"--{path}={shown(value)}: {sentence} ({default}from {spelled(source)})"


def shown_text(text: str) -> str:
    """Return a default, shortened as an offending value is."""
    return shown(text) or '""'


def spelled(source: str) -> str:
    """Return a source as it stands in a sentence."""
    return "the command line" if source == "command line" else printable(source)


def _nearest_value(config_class: Model, problem: Fault, merged: Merged) -> str:
    from taskloom.registry.suggest import closest

    parameter = next(
        (item for item in walk(config_class, merged.chosen) if item.path == problem.path), None
    )
    if parameter is None or not parameter.choices or not isinstance(problem.value, str):
        return ""
    near = closest(problem.value, parameter.choices)
    return f"did you mean --{problem.path}={near}?" if near else ""


def _plain_list(expected: str) -> str:
    return expected.replace("'", "").replace(" or ", ", ")
