"""Plain data out of pickles of old packages. Nothing is unpickled: no name of a stream is imported, called or changed.

A pickle is a program for a small stack machine. Here only instructions that build containers, texts and numbers are followed,
and names are words; the few calls that arrays and counters need are answered by functions of this file, all others refused.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeAlias

import numpy as np
from taskloom.errors import ConfigError

_Call: TypeAlias = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Word:
    """A name in a stream, `module name`; only a word here."""

    text: str


@dataclass(slots=True)
class _Array:
    """An array whose contents come behind it in the stream."""

    value: Any = None

    def fill(self, state: Any) -> None:  # noqa: ANN401 -- as it stands in the stream
        _, shape, kind, is_fortran, raw = state
        # An array of objects lies in the stream as a list of them, and is one here.
        if isinstance(raw, list):
            self.value = raw[0] if shape == () else raw
            return
        made = np.frombuffer(raw, dtype=kind.code)
        self.value = made.reshape(shape, order="F" if is_fortran else "C")


@dataclass(slots=True)
class _Kind:
    """The type of an array's elements: `f8`."""

    code: str

    def fill(self, state: Any) -> None:  # noqa: ANN401 -- as it stands in the stream
        self.code = f"{state[1]}{self.code}" if state[1] in ("<", ">") else self.code


def _array(*_: object) -> _Array:
    return _Array()


def _kind(code: str, *_: object) -> _Kind:
    return _Kind(code)


def _scalar(kind: _Kind, raw: bytes) -> Any:  # noqa: ANN401 -- a number of that type
    return np.frombuffer(raw, dtype=kind.code)[0].item()


def _bytes(text: str, coding: str) -> bytes:
    return text.encode(coding)


def _pairs(items: Any = ()) -> dict[Any, Any]:  # noqa: ANN401 -- a dictionary, or pairs
    return dict(items)


# What streams of numpy call, answered by functions that only build data. Python 2 wrote bytes as texts to be encoded.
_CALLS: Mapping[str, _Call] = {
    "_codecs encode": _bytes,
    "collections Counter": _pairs,
    "collections OrderedDict": _pairs,
    "numpy dtype": _kind,
    "numpy.core.multiarray _reconstruct": _array,
    "numpy.core.multiarray scalar": _scalar,
    # The same under the names of numpy 2.
    "numpy._core.multiarray _reconstruct": _array,
    "numpy._core.multiarray scalar": _scalar,
}
_CONSTANTS: Mapping[str, Any] = {
    "NONE": None,
    "NEWTRUE": True,
    "NEWFALSE": False,
    "EMPTY_TUPLE": (),
}
_LITERALS = frozenset(
    {
        *("BININT", "BININT1", "BININT2", "LONG1", "LONG", "INT", "FLOAT", "BINFLOAT"),
        *("BINUNICODE", "SHORT_BINUNICODE", "UNICODE", "BINBYTES", "SHORT_BINBYTES"),
    }
)
_EMPTY: Mapping[str, Callable[[], Any]] = {"EMPTY_LIST": list, "EMPTY_DICT": dict}


class Reader:
    r"""A reader of one stream.

    Example:
        >>> import io
        >>> Reader().read(io.BytesIO(b"\x80\x02]q\x00(K\x01K\x02e."))
        [1, 2]

    Args:
        calls: Further names that the stream may call, with what they mean here.
        stored: Meaning of a reference to what lies outside of the stream, as torch's tensors do.
    """

    def __init__(
        self, calls: Mapping[str, _Call] | None = None, stored: _Call | None = None
    ) -> None:
        self._calls = {**_CALLS, **(calls or {})}
        self._stored = stored
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}

    def read(self, stream: BinaryIO) -> Any:  # noqa: ANN401 -- plain data of any shape
        """Return the data of one pickle; the stream then stands behind it.

        Raises:
            ConfigError: It holds another instruction, or calls a name, that plain data needs not.
        """
        self._stack, self._marks, self._memo = [], [], {}
        for code, value, _ in pickletools.genops(stream):
            self._follow(code.name, value)
        return _plain(self._stack.pop())

    def _follow(self, name: str, value: Any) -> None:  # noqa: ANN401 -- an instruction's argument
        stack = self._stack
        if name in _LITERALS:
            stack.append(value)
        elif name in ("BINPUT", "LONG_BINPUT", "PUT"):
            self._memo[value] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            stack.append(self._memo[value])
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _EMPTY:
            stack.append(_EMPTY[name]())
        elif name == "MARK":
            self._marks.append(len(stack))
        else:
            self._combine(name, value)

    def _combine(self, name: str, value: Any) -> None:  # noqa: ANN401 -- an instruction's argument
        stack = self._stack
        if name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            stack[-int(name[-1]) :] = [tuple(stack[-int(name[-1]) :])]
        elif name in ("TUPLE", "LIST"):
            stack.append((tuple if name == "TUPLE" else list)(self._since_mark()))
        elif name == "APPENDS":
            found = self._since_mark()
            stack[-1].extend(found)
        elif name == "APPEND":
            item = stack.pop()
            stack[-1].append(item)
        elif name in ("SETITEMS", "SETITEM"):
            found = self._since_mark() if name == "SETITEMS" else [stack.pop(-2), stack.pop()]
            stack[-1].update(zip(found[::2], found[1::2], strict=True))
        elif name == "GLOBAL":
            stack.append(Word(value))
        elif name == "REDUCE":
            given, called = stack.pop(), stack.pop()
            if not isinstance(called, Word) or called.text not in self._calls:
                raise ConfigError(f"the data names {called!r}, which is not read")
            stack.append(self._calls[called.text](*given))
        elif name == "BUILD":
            state = stack.pop()
            if isinstance(stack[-1], _Array | _Kind):
                stack[-1].fill(state)
        elif name == "BINPERSID" and self._stored is not None:
            stack.append(self._stored(*stack.pop()))
        elif name not in ("PROTO", "STOP"):
            raise ConfigError(f"the data has the instruction {name}, which is not followed")

    def _since_mark(self) -> list[Any]:
        start = self._marks.pop()
        found = self._stack[start:]
        del self._stack[start:]
        return found


def _plain(value: Any) -> Any:  # noqa: ANN401 -- plain data of any shape
    """Return the data with arrays in the place of their holders."""
    if isinstance(value, _Array):
        return _plain(value.value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    # Millions of numbers need no look at each.
    if isinstance(value, list | tuple) and any(
        isinstance(item, _Array | dict | list | tuple) for item in value
    ):
        return type(value)(_plain(item) for item in value)
    return value
