"""Leaves of rows: single values by their place, so that a filter or an order reads what it asks for and no whole row."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from taskloom.runs.rows import FIELDS

COLUMNS = {
    "id": "name",
    **{name: name for name in ("created", "domain", "task", "status", "identity", "sweep")},
    "config_id": "config_id",
}
"""Fields that the table of runs has in columns of their own, by the name of the column."""
INNER = ("metrics", "config")
"""Fields whose entries are leaves of their own; of a config the first level."""

Place = tuple[str, ...]


def leaves_of(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the places of a row, as the index names them, with their values as JSON texts. A null has none.

    Args:
        row: A whole row of a run.
    """
    for field in FIELDS:
        if field in INNER:
            for name, value in row[field].items():
                if _is_plain(name) and value is not None:
                    yield name_of((field, name)), json.dumps(value)
        elif field not in COLUMNS and row[field] is not None:
            yield name_of((field,)), json.dumps(row[field])


def name_of(place: Place) -> str:
    """Return the name under which the index keeps the leaf at a place."""
    return ".".join(place)


def places_of(fields: Iterable[str]) -> list[Place]:
    """Return where fields stand in a row, by the keys that lead there.

    Args:
        fields: Fields as filters name them: `status`, `metrics.loss`, `config.model.width`. Others are left out.
    """
    places: dict[Place, None] = {}
    for field in fields:
        first, dot, rest = field.partition(".")
        if first not in FIELDS:
            continue
        # A dot in a name and a dot between names look alike: see `taskloom.runs.query.value_at`.
        ends = [index for index, letter in enumerate(rest) if letter == "."]
        inner = [rest, *(rest[:end] for end in ends if first == "config")] if dot else []
        if inner and first in INNER and all(map(_is_plain, inner)):
            places |= {(first, name): None for name in inner}
        else:
            places[(first,)] = None
    return list(places)


def is_leaf(place: Place) -> bool:
    """Return whether the index keeps the value at a place by itself."""
    return bool(place[1:]) or place[0] not in INNER


def put(rows: Sequence[dict[str, Any]], place: Place, texts: Sequence[str | None]) -> None:
    """Put the values of one leaf into rows.

    Args:
        rows: The rows.
        place: The keys of the leaf.
        texts: Its JSON text in each row; None where it has none.

    Raises:
        ValueError: A text is no JSON.
    """
    first, *inner = place
    # A null and no value are the same to filters. One text for a column is read many times as fast as its values.
    values = json.loads(f"[{','.join('null' if text is None else text for text in texts)}]")
    for row, value in zip(rows, values, strict=True):
        if value is None:
            continue
        if not inner:
            row[first] = value
        elif isinstance(known := row.setdefault(first, {}), dict):
            known.setdefault(inner[0], value)


def _is_plain(name: str) -> bool:
    """Return whether a name may be a part of a leaf's name: ASCII that prints; others are found in whole rows."""
    return name.isascii() and name.isprintable()
