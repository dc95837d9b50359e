"""Changing a list or a table element by element: `--layers.0.width=64`, `--table.a=3`, `--table.a!`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from pydantic_core import PydanticUndefined

from taskloom.errors import UnknownNameError
from taskloom.params.elements import container_item, container_of, is_index
from taskloom.params.grammar import join_path
from taskloom.params.layer import REMOVED, Fault, Layer, Merged, Parts
from taskloom.params.messages import fault_error, spelled, unknown_element
from taskloom.params.shapes import Model, Shape, is_fixed, is_list


class Merges(Protocol):
    """A merge that is under way; see `taskloom.params.merge`."""

    config_class: Model
    lenient: bool
    out: Merged

    def field(self, path: str, shape: Shape, default: object, given: Sequence[Layer]) -> object:
        """Merge the layers of one element."""
        ...


def edit(
    merger: Merges, path: str, shape: Shape, current: object, edits: Sequence[Layer]
) -> object:
    """Return a list or a table with some of its elements changed, added or taken out.

    Args:
        merger: The merge.
        path: The list or table.
        shape: What it can hold.
        current: What it holds below the edits.
        edits: The layers that name elements of it, lowest first.

    Raises:
        UnknownNameError: It has no such element.
        ConfigError: It has no such place.
    """
    annotation = container_of(shape)
    by_key: dict[str, list[Layer]] = {}
    for layer in edits:
        values = layer.values[""]
        if isinstance(values, Mapping):
            for key, value in values.items():
                by_key.setdefault(str(key), []).append(replace(layer, values={"": value}))
    merger.out.sources[path] = edits[-1].source
    if annotation is None or (is_list(annotation) and isinstance(current, set | frozenset)):
        if merger.lenient:
            return current
        raise unknown_element(
            merger.config_class, f"{path}.{next(iter(by_key))}", merger.out, edits[-1].source
        )
    if is_list(annotation):
        return _List(merger, path, annotation, current).changed(by_key)
    held = dict(current) if isinstance(current, Mapping) else {}
    for key, layers in by_key.items():
        inner = container_item(annotation)
        if layers[-1].values[""] is REMOVED:
            if key not in held and not merger.lenient:
                raise _no_key(path, key, held, layers[-1])
            held.pop(key, None)
        elif inner is not None:
            kept = _behind_removal(layers)
            default = held.get(key, PydanticUndefined) if kept == layers else PydanticUndefined
            held[key] = merger.field(f"{path}.{join_path([key])}", inner, default, kept)
    return held


class _List:
    """A list whose items are changed."""

    def __init__(self, merger: Merges, path: str, annotation: object, current: object) -> None:
        self._merger, self._path, self._annotation = merger, path, annotation
        self._items = list(current) if isinstance(current, list | tuple) else []
        self._is_fixed = is_fixed(annotation)

    def changed(self, by_key: Mapping[str, Sequence[Layer]]) -> list[object]:
        """Return the items; the removals come last, so that they move no item that another option names."""
        removals: set[int] = set()
        for key, layers in by_key.items():
            index = self._index(key, layers[-1])
            if index is None:
                continue
            if layers[-1].values[""] is REMOVED:
                if index == len(self._items) or self._is_fixed:
                    raise self._no_place(key, layers[-1])
                removals.add(index)
                continue
            shape = container_item(self._annotation, key)
            if shape is None:
                continue
            is_new = index == len(self._items)
            default = PydanticUndefined if is_new else self._items[index]
            found = self._merger.field(
                f"{self._path}.{key}", shape, default, _behind_removal(layers)
            )
            self._items[index : index + 1] = [None if found is PydanticUndefined else found]
        return [item for place, item in enumerate(self._items) if place not in removals]

    def _index(self, key: str, layer: Layer) -> int | None:
        """Return the place that a key names: one behind the last item appends."""
        if not is_index(key):
            if self._merger.lenient:
                return None
            raise unknown_element(
                self._merger.config_class, f"{self._path}.{key}", self._merger.out, layer.source
            )
        index, count = int(key), len(self._items)
        place = index + count if index < 0 else index
        if not 0 <= place <= count or (place == count and (self._is_fixed or index < 0)):
            if self._merger.lenient:
                return None
            raise self._no_place(key, layer)
        return place

    def _no_place(self, key: str, layer: Layer) -> Exception:
        count = len(self._items)
        sentence = f"{self._path} has {count} item{'' if count == 1 else 's'}"
        path, value = f"{self._path}.{key}", layer.values[""]
        while isinstance(value, Parts):
            name, value = next(iter(value.items()))
            path = f"{path}.{join_path([name])}"
        self._merger.out.sources[path] = layer.source
        if value is REMOVED:
            path, value = f"{path}!", ""
        return fault_error(
            self._merger.config_class, Fault(path, sentence, value), self._merger.out
        )


def _behind_removal(layers: Sequence[Layer]) -> Sequence[Layer]:
    """Return the layers above the last one that takes the element out."""
    last = max((n for n, layer in enumerate(layers) if layer.values[""] is REMOVED), default=-1)
    return layers[last + 1 :]


def _no_key(path: str, key: str, held: Mapping[str, object], layer: Layer) -> UnknownNameError:
    names = ", ".join(map(str, held)) or "none"
    return UnknownNameError(
        f"--{path}.{join_path([key])}!: no such key; {path} has {names} (from {spelled(layer.source)})"
    )
