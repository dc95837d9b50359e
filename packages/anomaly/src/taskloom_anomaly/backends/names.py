"""Names of activations: one name for one array, the same in torch, linen and nnx.

`block.norm` is what the first call of that module returned, `block.norm#2` what the second did, `block.norm@in` what entered the
first. A tensor inside of a tuple or a dictionary is `name[1]` or `name[key]`, two levels deep at most; the bare name is the first
floating one. A path that itself contains `#`, `@` or `[` is written with that character doubled.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

_MARKS = "#@["
_DEEPEST = 2
# Every pass asks for the same names again: more of them than the layers of a large network.
_remembered = lru_cache(maxsize=8192)


class CallPlace(NamedTuple):
    """The call of a module that an array belongs to, and whether it is what entered it.

    Attributes:
        path: The module's path, joined by dots, as the framework writes it.
        call: Number of the call, from 1.
        entering: True for what enters the call, False for what it returns.
    """

    path: str
    call: int = 1
    entering: bool = False

    @property
    def name(self) -> str:
        """The name of the first floating array there."""
        return _name_of(self)


@_remembered
def _name_of(place: CallPlace) -> str:
    escaped = "".join(mark * 2 if mark in _MARKS else mark for mark in place.path)
    number = f"#{place.call}" if place.call > 1 else ""
    return f"{escaped}{number}{'@in' if place.entering else ''}"


@_remembered
def place_of(name: str) -> CallPlace:
    """Return the place that a name refers to, whatever part of its value is meant.

    >>> place_of("encoder.attend#2@in[1]")
    CallPlace(path='encoder.attend', call=2, entering=True)
    """
    path, rest = "", name
    while rest:
        if rest[0] in _MARKS:
            if rest[1:2] != rest[0]:
                break
            rest = rest[1:]
        path, rest = path + rest[0], rest[1:]
    marks = re.match(r"(?:#(\d+))?(@in)?", rest)
    number = marks[1] if marks and marks[1] else "1"
    return CallPlace(path, int(number), bool(marks and marks[2]))


def canonical(name: str, known: Container[str]) -> str:
    """Return the name of an activation that an earlier version called `x.input` or `x.output`, if no module is called so."""
    if name in known:
        return name
    if name.endswith(".input"):
        return f"{name.removesuffix('.input')}@in"
    return name.removesuffix(".output")


def parts_of(value: Any, is_floating: Callable[[Any], bool]) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 -- a module may return anything
    """Yield the floating arrays inside of a value with the suffixes of their names; the first one comes without a suffix, too.

    Args:
        value: An array, or tuples and dictionaries of arrays.
        is_floating: True of a floating array.
    """
    if is_floating(value):
        yield "", value
        return
    found = list(_parts(value, is_floating, _DEEPEST))
    if found and found[0][0]:
        yield "", found[0][1]
    yield from found


def _parts(
    value: Any,  # noqa: ANN401 -- a module may return anything
    is_floating: Callable[[Any], bool],
    deeper: int,
) -> Iterator[tuple[str, Any]]:
    if is_floating(value):
        yield "", value
        return
    inside: list[tuple[object, Any]] = []
    if isinstance(value, Mapping):
        inside = list(value.items())
    elif isinstance(value, (tuple, list)):
        inside = list(enumerate(value))
    if deeper:
        for key, item in inside:
            for suffix, array in _parts(item, is_floating, deeper - 1):
                yield f"[{key}]{suffix}", array
