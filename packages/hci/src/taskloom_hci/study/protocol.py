"""The messages of the page, as JSON text: what each holds, looked at before anything is done with it."""

# ruff: noqa: ANN401 -- messages are JSON

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

VERSION = 1
LONGEST = 4096  # of a message of the page [bytes]
DEVICES = ("key", "mouse", "touch", "pen", "simulated")
Code: TypeAlias = Literal["schema", "illegal", "gap", "busy", "full", "closed"]

_MOST_IDS = 8
_LONGEST_ID = 200
_LARGEST = 1e15


class ProtocolError(Exception):
    """A message that is not accepted; the visit goes on.

    Attributes:
        code: Its kind.
        text: One sentence.
    """

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(text)
        self.code: Code = code
        self.text = text


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and abs(value) < _LARGEST


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < _LARGEST


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_ID


def _is_size(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_count, value))


def _is_ids(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and len(value) <= _MOST_IDS
        and all(_is_text(name) and _is_text(text) for name, text in value.items())
    )


def _or_null(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or check(value)


def _is_any(value: Any) -> bool:
    del value  # looked at by the page or the game that it is for
    return True


_Checks: TypeAlias = Mapping[str, Callable[[Any], bool]]
# Fields by type of message; a name with a question mark may be missing.
_MESSAGES: Mapping[str, _Checks] = {
    "hello": {
        "v": lambda value: value == VERSION,
        "size": _is_size,
        "dpr": _is_number,
        "session?": _or_null(_is_text),
        "pointer?": lambda value: value in ("fine", "coarse", "none"),
        "ids?": _is_ids,
    },
    "answer": {"seq": _is_count, "page": _is_text, "values": lambda value: isinstance(value, dict)},
    "action": {
        "seq": _is_count,
        "value": _is_any,
        "device": lambda value: value in DEVICES,
        "client_t": _is_number,
        "client_shown": _or_null(_is_number),
    },
    "note": {
        "kind": lambda value: value in ("blur", "focus", "resize"),
        "client_t": _is_number,
        "size?": _is_size,
    },
    "ping": {"t": _is_number},
    "withdraw": {},
}


def parse(text: str) -> dict[str, Any]:
    """Return a message of the page.

    Raises:
        ProtocolError: It is too long, no JSON object, of no known type, or its fields are not those of the type.
    """
    if len(text) > LONGEST or len(text.encode("utf-8", "surrogatepass")) > LONGEST:
        raise ProtocolError("schema", f"A message has at most {LONGEST} bytes.")
    try:
        found = _load(text)
    except (ValueError, RecursionError):
        raise ProtocolError("schema", "A message is a JSON object.") from None
    kind = found.get("type") if isinstance(found, dict) else None
    checks = _MESSAGES.get(kind) if isinstance(kind, str) else None
    if checks is None:
        raise ProtocolError("schema", f"The type of a message is one of {', '.join(_MESSAGES)}.")
    known = {name.removesuffix("?") for name in checks}
    if extra := sorted(found.keys() - known - {"type"}):
        raise ProtocolError("schema", f"'{kind}' has no field '{extra[0][:40]}'.")
    for name, check in checks.items():
        plain = name.removesuffix("?")
        if plain not in found:
            if plain == name:
                raise ProtocolError("schema", f"'{kind}' needs the field '{name}'.")
        elif not check(found[plain]):
            raise ProtocolError("schema", f"'{plain}' of '{kind}' is not allowed.")
    return dict(found)


def _no_number(name: str) -> Any:
    raise ValueError(name)


# Made once: `json.loads` with a hook makes a decoder for every text.
_load = json.JSONDecoder(parse_constant=_no_number).decode

_dump = json.JSONEncoder(separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode


def dump(message: Mapping[str, Any]) -> str:
    """Return a message of the server as text."""
    return _dump(message)


def error(code: Code, text: str) -> dict[str, Any]:
    """Return the message that tells the page of an error."""
    return {"type": "error", "code": code, "text": text}
