"""Parts that are written where they are used: a class in a cell, a script or a module, that no package registers.

A config keeps the name of the class, the digest of its source and its parameters. It is never imported by that name: a record
may come from a stranger, so the class must be there already, or be given.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from functools import cache
from types import FunctionType
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel
from taskloom.errors import ConfigError
from taskloom.given.cells import cell_source

from taskloom_diffusion.model.part import DiffusionPart

Definition: TypeAlias = type | FunctionType
"""Class of an object, or a function, which is a part by itself."""

# By their names: those that were put into a config here, and those that a caller named for a record.
_seen: dict[tuple[str, str], Definition] = {}
_given: dict[str, Definition] = {}


class OwnPart(DiffusionPart):
    """A part that is given as an object, as a config keeps it."""

    kind: Literal["object"] = "object"
    module: str
    """Module of its class."""
    qualname: str
    """Name of its class."""
    source_sha256: str
    """Digest of its source."""
    parameters: str = "{}"
    """Parameters of the object, as JSON."""

    @property
    def part(self) -> Any:  # noqa: ANN401 -- an object with the methods of its kind
        """The object itself."""
        return made(self.module, self.qualname, self.source_sha256, self.parameters)


def own_fields(part: object, what: str, methods: Mapping[str, str]) -> dict[str, str]:
    """Return how a config keeps an object.

    Args:
        part: The object.
        what: The kind of part that it is to be.
        methods: Its methods, and how they are called.

    Raises:
        ConfigError: It lacks a method, its class has no source, or a parameter is no plain data.
    """
    cls = definition_of(part)
    if isinstance(part, type):
        raise ConfigError(
            f"{cls.__name__} cannot be {_a(what)}: it is a class; give an object of it, {cls.__name__}(...)"
        )
    check_methods(cls, what, methods)
    if cls.__name__ == "<lambda>":
        raise ConfigError(
            f"a lambda cannot be {_a(what)}: it has no name to be found by; define a function at the top of a cell or file"
        )
    if "<locals>" in cls.__qualname__:
        raise ConfigError(
            f"{cls.__name__} cannot be {_a(what)}: a {_word(cls)} inside of a function is found by no name; define it at the top of a "
            "cell or file"
        )
    _seen[cls.__module__, cls.__qualname__] = cls
    made.cache_clear()
    return {
        "kind": "object",
        "module": cls.__module__,
        "qualname": cls.__qualname__,
        "source_sha256": source_digest(cls),
        "parameters": _parameters(part, what),
    }


def definition_of(part: object) -> Definition:
    """Return the class of an object; of a function or a class the same again."""
    return part if isinstance(part, type | FunctionType) else type(part)


def _word(found: Definition) -> str:
    return "class" if isinstance(found, type) else "function"


def _a(what: str) -> str:
    return f"{'an' if what[0] in 'aeiou' else 'a'} {what}"


def check_methods(cls: Definition, what: str, methods: Mapping[str, str]) -> None:
    """Refuse what lacks a method.

    Raises:
        ConfigError: It does; the message has the call.
    """
    lacks = [call for name, call in methods.items() if not _defines(cls, name)]
    if lacks:
        raise ConfigError(f"{cls.__name__} cannot be {_a(what)}: it lacks {' and '.join(lacks)}")


def _defines(cls: Definition, name: str) -> bool:
    # Every class can be called: its own methods count, and not those of its metaclass.
    bases = cls.__mro__ if isinstance(cls, type) else type(cls).__mro__
    return any(name in vars(base) for base in bases) and callable(getattr(cls, name, None))


def source_digest(cls: Definition) -> str:
    """Return the SHA-256 of the source of a class or function, of a notebook with everything that it uses.

    Raises:
        ConfigError: It has none.
    """
    # Of a cell or a script the text of the definition counts, with what it uses.
    text = cell_source(cls)[0] if cls.__module__ == "__main__" else ""
    if not text:
        with contextlib.suppress(OSError, TypeError):
            text = inspect.getsource(cls)
    if not text:
        raise ConfigError(
            f"{cls.__name__} has no source, by which a later command could tell that it is the same; define it in a cell or a file"
        )
    return hashlib.sha256(text.encode()).hexdigest()


def give(cls: Definition) -> None:
    """Let a class or function be what records of this process mean by its name, wherever it is defined now."""
    _given[cls.__qualname__] = cls
    made.cache_clear()


@cache
def made(module: str, qualname: str, source_sha256: str, parameters: str) -> Any:  # noqa: ANN401 -- any part
    """Return the object that a config keeps.

    Raises:
        ConfigError: Its class is not there, or has changed.
    """
    found: Any = _given.get(qualname) or _seen.get((module, qualname))
    if found is None:
        found = sys.modules.get(module)
        for name in qualname.split("."):
            found = getattr(found, name, None)
    if not isinstance(found, type | FunctionType):
        raise ConfigError(
            f"the part {qualname} of {module} is not there: import its module first, or give it, as in "
            f"taskloom_diffusion.load(path, schedule={qualname}())"
        )
    # Who names the class for a record answers for it.
    if found is not _given.get(qualname) and source_digest(found) != source_sha256:
        raise ConfigError(
            f"the part {qualname} of {module} has changed since: its source is not the one that was recorded"
        )
    if isinstance(found, FunctionType):
        return found
    fields: dict[str, Any] = json.loads(parameters)
    if issubclass(found, BaseModel) or is_dataclass(found):
        return found(**fields)
    # As pickle would, but from plain data: an `__init__` may take other names than it keeps.
    part = object.__new__(found)
    vars(part).update(fields)
    return part


def _parameters(part: object, what: str) -> str:
    fields: Mapping[str, Any]
    if isinstance(part, BaseModel):
        fields = part.model_dump(mode="json", exclude={"kind"})
    elif is_dataclass(part) and not isinstance(part, type):
        fields = asdict(part)
    else:
        fields = getattr(part, "__dict__", {})
    for name, value in fields.items():
        try:
            same = json.loads(json.dumps(value, allow_nan=False)) == value
        except (TypeError, ValueError):
            same = False
        if not same:
            raise ConfigError(
                f"{definition_of(part).__name__} cannot be {_a(what)}: its parameter '{name}' is a {type(value).__name__}, and no plain data"
            )
    return json.dumps(fields, sort_keys=True)
