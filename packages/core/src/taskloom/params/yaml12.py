"""YAML with the scalars of YAML 1.2: `no` is text, `010` is ten, `1e-3` is a number, and no key may stand twice.

PyYAML speaks YAML 1.1, where `no` is false, `1:30` is ninety, `010` is eight, `1e-3` is text, and a repeated key silently
wins. Each of them has ruined an experiment.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from taskloom.params.grammar import UnreadableValueError

_MOST_MERGED = 100_000
"""Entries that the merges of a file may copy; aliases of merges multiply."""
_MERGE = "tag:yaml.org,2002:merge"
_SCALARS = (
    (_MERGE, r"<<", ["<"]),
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
        loader = _Loader(text)
        root = loader.get_single_node()
        _merged(root)
        return None if root is None else loader.construct_document(root)
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
    return dict(loader.construct_mapping(node, deep=True))


def _merged(root: yaml.Node | None) -> None:
    """Put what every `<<` names in its place, and refuse keys that stand twice, before anything is built.

    Keys that are written out win over merged ones, and of a list of maps the first that has a key wins.
    """
    copied = 0
    done: dict[int, bool] = {}
    todo = [root] if root is not None else []
    while todo:
        node = todo[-1]
        inner = [part for part in _inner(node) if id(part) not in done]
        if id(node) in done and not done[id(node)]:
            todo.pop()
            if isinstance(node, yaml.MappingNode):
                copied += _merge_into(node, done)
                if copied > _MOST_MERGED:
                    raise UnreadableValueError(f"merges more than {_MOST_MERGED} values")
            done[id(node)] = True
        elif id(node) in done:
            todo.pop()
        else:
            done[id(node)] = False
            todo += inner


def _inner(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _merge_into(node: yaml.MappingNode, done: dict[int, bool]) -> int:
    """Replace the merges of one map by the entries of what they name, and return how many those are."""
    own: dict[str, tuple[yaml.Node, yaml.Node]] = {}
    others, maps = [], list[yaml.MappingNode]()
    for key, value in node.value:
        text = key.value if isinstance(key, yaml.ScalarNode) else None
        if text is not None and text in own:
            raise UnreadableValueError(f"names '{text}' twice (line {key.start_mark.line + 1})")
        if key.tag == _MERGE:
            sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
            if not all(
                isinstance(item, yaml.MappingNode) and done.get(id(item)) for item in sources
            ):
                line = key.start_mark.line + 1
                raise UnreadableValueError(
                    f"must merge maps of other places behind << (line {line})"
                )
            maps += sources
        if text is not None:
            own[text] = (key, value)
        else:
            others.append((key, value))
    if not maps:
        return 0
    own.pop("<<", None)
    merged: dict[str, tuple[yaml.Node, yaml.Node]] = {}
    for source in reversed(maps):
        merged |= {key.value: (key, value) for key, value in source.value}
    node.value = [*others, *{**merged, **own}.values()]
    return sum(len(source.value) for source in maps)


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
