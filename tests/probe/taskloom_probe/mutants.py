"""Run folders that are damaged or hostile, drawn from a seed: other kinds of files, other bytes, other JSON values."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CANARY = "canary-4f1c9b"
"""Content of the file outside; it must stand in no answer."""
FILES = (
    *("run.json", "run.json", "run.json", "run.json", "metrics.jsonl", "log.jsonl", "lock"),
    *("env.json", "config.toml", "checkpoints/000001/manifest.json", "checkpoints/000001/state"),
    *("artifacts/note.txt", "report.html", "code.json"),
)
FOLDERS = ("checkpoints", "checkpoints/000001", "artifacts", ".")
TABLES = (
    *("run.json", "run.json", "run.json", "env.json", "code.json", "metrics.jsonl", "log.jsonl"),
)
_RAW = {
    '"%digits"': "1" + "0" * 400,
    '"%many digits"': "9" * 50_000,
    '"%beyond"': "1e309",
    '"%nan"': "NaN",
    '"%infinity"': "-Infinity",
    '"%deep"': "[" * 200_000 + "]" * 200_000,
    '"%open"': "[" * 200_000,
    '"%half"': '"\\ud800"',
    '"%minus zero"': "-0.0",
}
_VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 1.5, 2**63, -(2**64), "", "abc", "nan", "Infinity", [], {}, [[]]),
    *({"a": {"b": [1]}}, [None], "x" * 20_000, "\x00\x1b[2J\n", "\u202e\u2028", "../../outside"),
    *("/etc/passwd", "javascript:alert(1)", "artifacts/../../outside/canary", "<script>", "%s{0}"),
    *(
        "2026-13-45T99:99:99Z",
        "9999999999999-01-01",
        {"": ""},
        {"x" * 300: 1},
        {"\n": 1},
        ["a"] * 999,
    ),
    *(json.loads(word) for word in _RAW),
)


@dataclass(frozen=True)
class Mutant:
    """One change of a run folder.

    Attributes:
        name: What was changed, for a failing test.
        apply: Makes the change in a folder.
    """

    name: str
    apply: Callable[[Path], None]


@dataclass(frozen=True)
class Damage:
    """Damage of a folder with these files.

    Attributes:
        files: Their names.
        folders: The names of folders in it, and `.` for itself.
        tables: The names of those that hold JSON.
    """

    files: Sequence[str] = FILES
    folders: Sequence[str] = (".",)
    tables: Sequence[str] = ()

    def draw(self, draw: random.Random, outside: Path) -> Mutant:
        """Return one change."""
        kind = draw.choice((_other_kind, _other_bytes, _other_bytes, _other_value, _other_value))
        name, act = kind(self, draw, outside)
        return Mutant(name, act)

    @property
    def documents(self) -> Sequence[str]:
        """The names of the files that hold JSON."""
        return self.tables or [name for name in self.files if name.endswith((".json", ".jsonl"))]


def mutants(count: int, outside: Path, seed: int = 0) -> Iterator[Mutant]:
    """Yield changes of a run folder.

    Args:
        count: How many.
        outside: A folder beside the store, with a file `canary`.
        seed: What they are drawn from.
    """
    for number in range(count):
        made = Damage(FILES, FOLDERS, TABLES).draw(
            random.Random(seed * 1_000_003 + number), outside
        )
        yield Mutant(f"{number}: {made.name}", made.apply)


def _other_kind(
    what: Damage, draw: random.Random, outside: Path
) -> tuple[str, Callable[[Path], None]]:
    name = draw.choice((*what.files, *what.folders))
    kinds = ("pipe", "socket", "folder", "link out", "link in", "zero", "loop", "locked", "gone")
    kind = draw.choice(kinds if name != "." else ("link out", "gone"))

    def act(folder: Path) -> None:
        path = folder / name if name != "." else folder
        if kind == "locked":
            path.chmod(0)
            return
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "socket":
            _bind(path)
        elif kind == "folder":
            path.mkdir()
        elif kind == "link out":
            path.symlink_to(outside if name in what.folders else outside / "canary")
        elif kind == "link in":
            path.symlink_to("env.json")
        elif kind == "zero":
            path.symlink_to("/dev/zero")
        elif kind == "loop":
            path.symlink_to(path.name)

    return f"{name} is {kind}", act


def _bind(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the address of a socket is short
    try:
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as bound:
            bound.bind(path.name)
    finally:
        os.chdir(here)


def _other_bytes(
    what: Damage, draw: random.Random, outside: Path
) -> tuple[str, Callable[[Path], None]]:
    del outside
    name = draw.choice(what.files)
    kind = draw.choice(("flip", "cut", "zeros", "utf-16", "bom", "noise", "twice", "line", "empty"))
    place, mask, noise = draw.random(), draw.randrange(1, 256), draw.randbytes(40)

    def act(folder: Path) -> None:
        data = (folder / name).read_bytes()
        at = int(place * len(data))
        changed = {
            "flip": data[:at] + bytes(byte ^ mask for byte in data[at : at + 1]) + data[at + 1 :],
            "cut": data[:at],
            "zeros": data[:at] + bytes(len(data) - at),
            "utf-16": data.decode(errors="replace").encode("utf-16"),
            "bom": b"\xef\xbb\xbf" + data,
            "noise": data[:at] + noise + data[at:],
            "twice": data + data,
            "line": data[:at] + b"x" * (3 << 19) + data[at:],
            "empty": b"",
        }
        (folder / name).write_bytes(changed[kind])

    return f"{name}: {kind} at {place:.3f}", act


def _other_value(
    what: Damage, draw: random.Random, outside: Path
) -> tuple[str, Callable[[Path], None]]:
    del outside
    name = draw.choice(what.documents)
    value, way = draw.choice(_VALUES), draw.choice(("set", "set", "set", "drop", "add", "double"))
    place = draw.random()

    def act(folder: Path) -> None:
        lines = (folder / name).read_text().splitlines() if name.endswith("l") else []
        document = json.loads(lines[0] if lines else (folder / name).read_text())
        spots = list(_spots(document))
        holder, key = spots[int(place * len(spots))]
        if way == "drop":
            del holder[key]
        elif way == "add" and isinstance(holder, dict):
            holder["new"] = value
        else:
            holder[key] = value
        text = json.dumps(document)
        for word, raw in _RAW.items():
            text = text.replace(word, raw)
        if way == "double" and text.startswith("{"):
            text = '{"id": "x", "id": 1, ' + text[1:]
        (folder / name).write_text("\n".join([text, *lines[1:], ""]))

    return f"{name}: {way} {str(value)[:30]!r} at {place:.3f}", act


def _spots(value: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401 -- JSON
    """Yield every table or list with every key or place in it."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(items):
        yield value, key
        if isinstance(inner, dict | list):
            yield from _spots(inner)
