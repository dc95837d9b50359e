"""Samples from a file of the user's: arrays, tables, and texts. Nothing is unpickled."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from taskloom.arrays import load_npz, load_tensors
from taskloom.errors import ConfigError, StoreError

from taskloom_anomaly.data.arrays import ArrayDataset, collect
from taskloom_anomaly.data.named import NamedArrays
from taskloom_anomaly.data.parquet import PARQUET, read_columns
from taskloom_anomaly.data.pictures import ImageFolder, Layout, image_files, is_image_folder

ENDINGS = (".npy", ".npz", ".safetensors", ".jsonl", ".csv", PARQUET)


def read_samples(
    path: Path, *, layout: Layout = "hwc", size: tuple[int, int] | None = None
) -> ArrayDataset:
    """Return the samples of a file, or of a folder of images.

    `.npy` holds one array; `.npz` and `.safetensors` one, or `inputs`, or several that are passed to the network by name; a line of
    `.jsonl` is `{"input": ...}` or an object of named inputs; `.csv` has columns of numbers under a head line, and so has `.parquet`.
    `labels` beside them are classes. Images become numbers in [0, 1].

    Args:
        path: The file or the folder.
        layout: The order of the axes of images.
        size: Height and width to which images are resized.

    Raises:
        ConfigError: The file does not exist, cannot be read, or holds something else.
    """
    if is_image_folder(path):
        folder = ImageFolder(image_files(path), layout, size)
        return folder.read(np.arange(len(folder)))
    if not path.is_file():
        raise ConfigError(f"The file '{path}' does not exist.")
    if path.suffix not in ENDINGS:
        raise ConfigError(f"The file '{path}' ends in none of {', '.join(ENDINGS)}.")
    try:
        found = _read(path)
    except (OSError, ValueError, KeyError, StoreError) as error:
        reason = getattr(error, "message", None) or str(error)
        raise ConfigError(f"The file '{path}' cannot be read: {reason}") from None
    if not len(found):
        raise ConfigError(f"The file '{path}' has no samples.")
    return found


def _read(path: Path) -> ArrayDataset:
    if path.suffix == ".npy":
        return ArrayDataset(np.load(path, mmap_mode="r", allow_pickle=False))
    if path.suffix == ".npz":
        return _named(load_npz(path, limit=None))
    if path.suffix == ".safetensors":
        return _named(load_tensors(path))
    if path.suffix == PARQUET:
        parts = [values for values, _ in read_columns(path, 65_536, ())]
        found = np.concatenate(parts) if parts else np.zeros((0, 1), np.float32)
        if np.isnan(found).any():
            row = int(np.flatnonzero(np.isnan(found).any(axis=1))[0])
            raise ValueError(f"row {row} has an empty cell, or one that is no number")
        return ArrayDataset(found)
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as file:
            head, *lines = csv.reader(file)
        rows = [
            [number_of(cell, name) for cell, name in zip(line, head, strict=True)] for line in lines
        ]
        return ArrayDataset(np.asarray(rows, np.float32).reshape(len(rows), len(head)))
    items = [item_of(line) for line in read_lines(path)]
    return collect(items, f"file '{path}'")


def number_of(cell: str, column: str) -> float:
    """Return the number in a cell of a table.

    Raises:
        ValueError: It is none.
    """
    try:
        return float(cell)
    except ValueError:
        raise ValueError(f"column '{column}' holds '{cell}', which is no number") from None


def item_of(line: Mapping[str, Any]) -> Any:  # noqa: ANN401 -- an input, alone or with its label
    """Return the input of a JSON line, with its class where the line has a `label`.

    Raises:
        ValueError: A field is no array.
    """
    given = {k: v for k, v in line.items() if k not in ("id", "label")}
    found: Any = given["input"] if set(given) == {"input"} else given
    found = (
        {k: np.asarray(v) for k, v in found.items()} if isinstance(found, dict) else _plain(found)
    )
    return (found, line["label"]) if "label" in line else found


def _plain(value: object) -> np.ndarray:
    array = np.asarray(value)
    return array.astype(np.float32) if array.dtype.kind == "f" else array


def _named(arrays: Mapping[str, np.ndarray]) -> ArrayDataset:
    labels = arrays.get("labels")
    inputs = {name: array for name, array in arrays.items() if name != "labels"}
    if len(inputs) == 1:
        return ArrayDataset(next(iter(inputs.values())), labels)
    return ArrayDataset(NamedArrays(inputs), labels)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a file of JSON lines.

    Raises:
        ConfigError: The file does not exist, or a line is no object; the message has its number.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The file '{path}' cannot be read: {error}.") from None
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                item = json.loads(line)
            except ValueError:
                item = None
            if not isinstance(item, dict):
                raise ConfigError(f"Line {number} of '{path}' is no JSON object.")
            found.append(item)
    return found


def read_texts(path: Path, key: str = "text") -> list[str]:
    """Return the texts of a file of JSON lines; it raises as `read_lines` does, and where a line has no such text."""
    texts = []
    for number, item in enumerate(read_lines(path), 1):
        if not isinstance(item.get(key), str):
            raise ConfigError(
                f"Object {number} of '{path}' has no text under '{key}'; it has {', '.join(item) or 'nothing'}."
            )
        texts.append(item[key])
    if not texts:
        raise ConfigError(f"The file '{path}' has no texts.")
    return texts


def read_inputs(
    path: Path,
    key: str = "text",
    *,
    layout: Layout = "hwc",
    size: tuple[int, int] | None = None,
) -> ArrayDataset | list[str]:
    """Return the texts of a file of JSON lines whose objects hold text, and the samples of any other file.

    Args:
        path: The file.
        key: Field of the text.
        layout: The order of the axes of images.
        size: Height and width to which images are resized.

    Raises:
        ConfigError: As `read_samples` and `read_texts` do.
    """
    if path.suffix != ".jsonl" or not path.is_file():
        return read_samples(path, layout=layout, size=size)
    first = next(iter(read_lines(path)), {})
    is_text = any(isinstance(v, str) for k, v in first.items() if k not in ("id", "label"))
    return read_texts(path, key) if is_text else read_samples(path)


def are_texts(data: object) -> TypeGuard[Sequence[str]]:
    """Return whether data are texts, one a sample."""
    return isinstance(data, (list, tuple)) and bool(data) and all(isinstance(x, str) for x in data)
