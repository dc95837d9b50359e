"""Contents of a run, with all that is a time, a path or an id taken out: items by name, each with a hash of its content."""

from __future__ import annotations

import hashlib
import io
import json
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

Json: TypeAlias = Any
Described: TypeAlias = dict[str, str]

# Keys and arrays that hold a time of the clock, or a rate made with one. Nothing else is left out.
TIME_LIKE = frozenset(
    {
        "t",
        "cpu_seconds",
        "cpu_seconds_per_sample",
        "plan_seconds",
        "speed/mfu",
        "speed/tokens_per_core_second",
        "speed/tokens_per_second",
    }
)
# Summed in the order of a set of strings, which is another in every process: kept to twelve digits.
ROUNDED = frozenset({"samples/total_variation"})
_RECORD = ("status", "version", "identity", "config", "seeds", "metrics", "summary", "failure")
_ID = re.compile(r"\d{8}-\d{6}-[a-z0-9_-]+?-[a-z0-9]{6}(?![a-z0-9])")
LARGEST = 2**21  # bytes of a content that is kept beside its hash


class Contents:
    """Contents by hash, and what is found of them in runs.

    Attributes:
        kept: The contents that are not too large: arrays, or JSON and text as bytes.
        folders: Paths that are read as names, by the name.
    """

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self.kept: dict[str, np.ndarray[Any, Any]] = {}
        self.folders = folders

    def run(self, folder: Path) -> dict[str, Described]:
        """Return the items of a run's folder."""
        record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        kept = {name: record.get(name) for name in _RECORD}
        if self._clean(kept["config"]) != kept["config"]:
            del kept["identity"]  # a hash of a path
        items = {name: self._json(value) for name, value in kept.items()}
        return items | self.file(folder / "metrics.jsonl") | self.folder(folder / "artifacts")

    def folder(self, folder: Path) -> dict[str, Described]:
        """Return the items of every file below a folder."""
        items: dict[str, Described] = {}
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                prefix = path.parent.relative_to(folder).as_posix()
                found = self.file(path)
                items |= {
                    f"{prefix}/{name}".removeprefix("./"): item for name, item in found.items()
                }
        return items

    def file(self, path: Path) -> dict[str, Described]:
        """Return the items of a file: its arrays by name, or its text, or its bytes."""
        if not path.exists():
            return {}
        content = path.read_bytes()
        read = _ARRAYS.get(path.suffix)
        if read is not None:
            arrays = {k: v for k, v in read(content) if k not in TIME_LIKE}
            return {f"{path.name}:{name}": self.array(array) for name, array in arrays.items()}
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            return {path.name: self.array(np.frombuffer(content, np.uint8))}
        return {path.name: self.text(text, path.suffix)}

    def text(self, text: str, suffix: str = "") -> Described:
        """Return a text, or the JSON that it is."""
        try:
            if suffix == ".jsonl":
                return self._json([json.loads(line) for line in text.splitlines()])
            if suffix == ".json" or text.startswith(("{", "[")):
                return self._json(json.loads(text))
        except json.JSONDecodeError:
            pass
        return self._bytes("text", self._clean(text).encode())

    def array(self, array: np.ndarray[Any, Any]) -> Described:
        """Return an array."""
        exact = np.ascontiguousarray(array)
        about = f"{array.dtype.str} {list(array.shape)}"
        digest = hashlib.sha256(about.encode() + exact.tobytes()).hexdigest()
        if exact.nbytes <= LARGEST:
            self.kept[digest] = array
        return {"kind": "array", "about": about, "sha256": digest}

    def _json(self, value: Json) -> Described:
        text = json.dumps(self._clean(value), sort_keys=True, ensure_ascii=False)
        return self._bytes("json", text.encode())

    def _bytes(self, kind: str, content: bytes) -> Described:
        digest = hashlib.sha256(content).hexdigest()
        if len(content) <= LARGEST:
            self.kept[digest] = np.frombuffer(content, np.uint8)
        return {"kind": kind, "about": f"{len(content)} bytes", "sha256": digest}

    def _clean(self, value: Json) -> Json:
        """Return a value without times, paths and ids."""
        if isinstance(value, dict):
            kept = {k: v for k, v in value.items() if k not in TIME_LIKE}
            return {k: round(v, 12) if k in ROUNDED else self._clean(v) for k, v in kept.items()}
        if isinstance(value, list):
            return [self._clean(each) for each in value]
        if isinstance(value, str):
            for name, folder in self.folders.items():
                value = value.replace(str(folder), f"<{name}>")
            return _ID.sub("<id>", value)
        return value


def _npz(content: bytes) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        for name in stored.files:
            yield name, stored[name]


def _npy(content: bytes) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    yield "", np.load(io.BytesIO(content), allow_pickle=False)


def _safetensors(content: bytes) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    """Read tensors as bytes (..., size), with the dtype in the name: NumPy has no bfloat16."""
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    if "__metadata__" in header:
        facts = json.dumps(header.pop("__metadata__"), sort_keys=True)
        yield "metadata", np.array(facts)
    types = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1"}
    for name, entry in header.items():
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        dtype = types.get(entry["dtype"])
        array = np.frombuffer(content[begin:end], dtype or "u1")
        yield (
            name if dtype else f"{name} {entry['dtype']}",
            array.reshape(entry["shape"] if dtype else -1),
        )


_ARRAYS: dict[str, Callable[[bytes], Iterator[tuple[str, np.ndarray[Any, Any]]]]] = {
    ".npz": _npz,
    ".npy": _npy,
    ".safetensors": _safetensors,
}
