"""Comparison of two files of `same_bits.py`: places and sizes of their differences."""

# ruff: noqa: ANN401 -- JSON values and archives of NumPy are of any type

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np


def differences(before: Path, after: Path) -> Iterator[tuple[str, str]]:
    """Yield the name `run: item` of everything that is not the same, and what is different."""
    old, new = (json.loads(path.read_text(encoding="utf-8"))["runs"] for path in (before, after))
    with _contents(before) as was, _contents(after) as now:
        for run in sorted({*old, *new}):
            if run not in new or run not in old:
                yield run, "gone" if run in old else "new"
                continue
            for item in sorted({*old[run], *new[run]}):
                if item not in old[run] or item not in new[run]:
                    yield f"{run}: {item}", "gone" if item in old[run] else "new"
                elif old[run][item] != new[run][item]:
                    yield f"{run}: {item}", _one(old[run][item], new[run][item], was, now)


def _contents(path: Path) -> Any:
    return np.load(path.with_suffix(".npz"), allow_pickle=False)


def _one(a: dict[str, str], b: dict[str, str], was: Any, now: Any) -> str:
    """Return what is different between two items."""
    if a["kind"] != b["kind"] or (a["kind"] == "array" and a["about"] != b["about"]):
        return f"{a['kind']} {a['about']} is now {b['kind']} {b['about']}"
    if a["sha256"] not in was.files or b["sha256"] not in now.files:
        return f"other content ({a['about']}, {b['about']}; too large to be kept)"
    one, two = was[a["sha256"]], now[b["sha256"]]
    if a["kind"] == "array":
        return _arrays(one, two)
    texts = one.tobytes().decode(), two.tobytes().decode()
    if a["kind"] == "json":
        return "; ".join(_leaves("", *map(json.loads, texts)))[:400]
    return f"{texts[0][:150]!r} is now {texts[1][:150]!r}"


def _arrays(one: np.ndarray[Any, Any], two: np.ndarray[Any, Any]) -> str:
    """Return how many numbers differ, and the largest difference."""
    if one.dtype.kind not in "fiub":
        return f"{one.tolist()!r:.150} is now {two.tolist()!r:.150}"
    apart = (one != two) & ~((one != one) & (two != two))
    with np.errstate(all="ignore"):
        largest = np.nanmax(np.abs(one.astype(float) - two.astype(float)), initial=0.0)
    return f"{int(apart.sum())} of {one.size} numbers differ, by up to {largest:.3g}"


def _leaves(at: str, one: Any, two: Any) -> Iterator[str]:
    """Yield the places at which two JSON values differ."""
    if isinstance(one, dict) and isinstance(two, dict):
        for key in sorted({*one, *two}):
            if key not in one or key not in two:
                yield f"{at}/{key} is {'gone' if key in one else 'new'}"
            else:
                yield from _leaves(f"{at}/{key}", one[key], two[key])
    elif isinstance(one, list) and isinstance(two, list) and len(one) == len(two):
        for index, (a, b) in enumerate(zip(one, two, strict=True)):
            yield from _leaves(f"{at}/{index}", a, b)
    elif json.dumps(one) != json.dumps(two):
        yield f"{at or 'it'} {json.dumps(one)[:80]} is now {json.dumps(two)[:80]}"
