"""Records of what a run was identified by: plain data, importable without pydantic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

InputKind: TypeAlias = Literal["file", "folder", "run", "absent"]
Pair: TypeAlias = tuple[str, str, str]
"""A thing that differs, with its digest of before and of now."""
Change: TypeAlias = tuple[str, str, str, str]
"""A change over which a run went on: kind and name of the thing, its digest of before and of then."""
ReasonKind: TypeAlias = Literal["config", "inputs", "code", "packages", "recorded"]


@dataclass(frozen=True, slots=True)
class Input:
    """Something outside of the config that a run reads.

    Attributes:
        field: The dotted path of the config's field that names it.
        typed: The path as it was typed.
        path: The absolute path.
        name: Its last component: the suffix chooses parsers, the folder does not matter.
        kind: The kind of thing that it was when the command began.
        size: Its size, of a folder that of all its files [bytes].
        sha256: The digest of its content; empty for something absent.
        written: Whether the run itself wrote it, so that it does not count.
        by_time: Whether size and time of the files in a folder stand for their content.
        after: The digest of its content with what the run itself added to it; empty if that is nothing.
    """

    field: str
    typed: str
    path: str
    name: str
    kind: InputKind
    size: int = 0
    sha256: str = ""
    written: bool = False
    by_time: bool = False
    after: str = ""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Input:
        """Return the input that a record holds.

        Raises:
            KeyError: A field is missing.
            TypeError: A field is of another type.
            ValueError: The kind does not exist.
        """
        found = {name: value[name] for name in ("field", "typed", "path", "name", "kind", "sha256")}
        found["after"] = value.get("after", "")
        if not all(isinstance(item, str) for item in found.values()):
            raise TypeError("a field of an input is no text")
        if found["kind"] not in get_args(InputKind):
            raise ValueError(f"the kind of input {found['kind']!r} does not exist")
        switches = {name: value.get(name, False) for name in ("written", "by_time")}
        if type(value["size"]) is not int or {type(item) for item in switches.values()} != {bool}:
            raise TypeError("the size of an input is no integer, or a switch is none")
        return cls(**found, size=value["size"], **switches)

    def is_same(self, now: Input) -> bool:
        """Return whether the content is what the run began with, or what it left: its own additions change no answer."""
        return now.kind == self.kind and now.sha256 in (self.sha256, self.after or self.sha256)


@dataclass(frozen=True, slots=True)
class Reason:
    """Something in which two runs, or a run and the present state, differ.

    Attributes:
        kind: What differs; `recorded` does not count.
        sentence: One line for a person: `data.csv changed since RUN (sha 3f2a -> 9c01)`.
        about: The same for several runs: `data.csv changed (sha 3f2a -> 9c01)`; the sentence if empty.
        pairs: Digests of before and of now of each thing that differs: what an acceptance holds for. Empty: it cannot be kept.
    """

    kind: ReasonKind
    sentence: str
    about: str = ""
    pairs: tuple[Pair, ...] = ()

    @property
    def counts(self) -> bool:
        """Return whether it makes another computation."""
        return self.kind != "recorded"
