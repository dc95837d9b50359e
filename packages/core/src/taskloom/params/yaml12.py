"""YAML with the scalars of YAML 1.2: `no` is text, `010` is ten, `1e-3` is a number, and no key may stand twice.

PyYAML speaks YAML 1.1, where `no` is false, `1:30` is ninety, `010` is eight, `1e-3` is text, and a repeated key silently
wins. Each of them has ruined an experiment.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from taskloom.params.grammar import UnreadableValueError

_SCALARS = (
    ("tag:yaml.org,2002:null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("tag:yaml.org,2002:int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "tag:yaml.org,2002:float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+0123456789."),
    ),
)


class _Loader(yaml.SafeLoader):
    """A safe loader with the scalars of YAML 1.2 and without repeated keys."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 -- replaces PyYAML's table, which add_implicit_resolver fills


for _tag, _pattern, _first in _SCALARS:
    _Loader.add_implicit_resolver(_tag, re.compile(rf"^(?:{_pattern})$"), _first)


def read_yaml(text: str) -> object:
    """Parse one YAML document.

    Raises:
        UnreadableValueError: It is malformed, or a key stands twice.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise UnreadableValueError(f"is not valid YAML: {_reason(error)}") from None
    except UnreadableValueError:
        raise
    except (ValueError, OverflowError):  # an integer beyond the interpreter's limit
        raise UnreadableValueError("is not valid YAML: a number in it cannot be read") from None


def _str(loader: _Loader, node: yaml.ScalarNode) -> str:
    text = str(loader.construct_scalar(node))
    if any("\ud800" <= sign <= "\udfff" for sign in text):
        # JSON writes a character beyond U+FFFF as two escapes, and YAML 1.2 holds all of JSON.
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return text


def _int(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    if text.startswith("0o"):
        return int(text[2:], 8)
    return int(text, 16) if text.startswith("0x") else int(text)


def _float(loader: _Loader, node: yaml.ScalarNode) -> float:
    return float(
        str(loader.construct_scalar(node)).lower().replace(".inf", "inf").replace(".nan", "nan")
    )


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[object, object]:
    seen: set[str] = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode):
            if key.value in seen:
                raise UnreadableValueError(
                    f"names '{key.value}' twice (line {key.start_mark.line + 1})"
                )
            seen.add(key.value)
    loader.flatten_mapping(node)
    return dict(loader.construct_mapping(node, deep=True))


def _bool(loader: _Loader, node: yaml.ScalarNode) -> bool:
    text = str(loader.construct_scalar(node)).lower()
    if text not in ("true", "false"):
        raise UnreadableValueError(f"has '!!bool {text}', which is neither true nor false")
    return text == "true"


# Only what JSON has: the dates, sets, binaries and pairs of YAML 1.1 have no place in a config.
_Loader.yaml_constructors = {
    "tag:yaml.org,2002:null": yaml.SafeLoader.construct_yaml_null,
    "tag:yaml.org,2002:bool": _bool,
    "tag:yaml.org,2002:int": _int,
    "tag:yaml.org,2002:float": _float,
    "tag:yaml.org,2002:str": _str,
    "tag:yaml.org,2002:seq": yaml.SafeLoader.construct_yaml_seq,
    "tag:yaml.org,2002:map": _mapping,
    None: yaml.SafeLoader.construct_undefined,
}


def _reason(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "unexpected text"
    return f"{problem}, line {mark.line + 1} column {mark.column + 1}" if mark else str(problem)
