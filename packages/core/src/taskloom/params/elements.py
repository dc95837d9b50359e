"""Elements of lists and tables as parameters: `layers.0.width`, `table.a`, and what help lists for them, `layers.N.width`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import get_args

from pydantic_core import PydanticUndefined

from taskloom.params.grammar import UnreadableValueError, items_of, join_path, split_path
from taskloom.params.shapes import (
    Model,
    Shape,
    fields_of,
    is_fixed,
    is_list,
    is_table,
    item_shapes,
    parts_of,
    shape_of,
    shape_of_type,
)
from taskloom.params.tree import Parameter, default_of, leaf, place
from taskloom.registry.suggest import closest

_MOST_PLACES = 20
INDEX, KEY = "N", "KEY"
"""Words for the place of an item and the name of an entry in help."""


def element(parameters: Mapping[str, Parameter], path: str) -> Parameter | None:
    """Return the element of a list or a table that a dotted path names, as a parameter; None if it names none.

    Args:
        parameters: The parameters of the task, by path.
        path: The path; `!` behind it takes the element out.
    """
    try:
        names = split_path(path.removesuffix("!"))
    except UnreadableValueError:
        return None
    for count in range(len(names) - 1, 0, -1):
        held = parameters.get(".".join(names[:count]))
        if held is not None:
            shape = held.shape if not held.is_component else None
            found = None if shape is None else _descend(shape, names[count:])
            return None if found is None else _parameter(path, found, "")
    return None


def element_rows(parameters: Sequence[Parameter]) -> Iterator[Parameter]:
    """Yield what help says of the elements that are models: one parameter for each of their fields, `layers.N.width`."""
    for parameter in parameters:
        for part in parts_of(parameter.shape.annotation):
            word = INDEX if is_list(part) else KEY
            inner = container_item(part)
            if inner is not None and inner.model is not None:
                prefix = f"{parameter.path}.{word}"
                for name, info in fields_of(inner.model).items():
                    help_text = " ".join((info.description or "").split())
                    default = default_of(inner.model, None, name)
                    yield _parameter(f"{prefix}.{name}", shape_of(info), help_text, prefix, default)


def next_elements(parameters: Sequence[Parameter], word: str) -> Iterator[tuple[Parameter, bool]]:
    """Yield what may follow the last dot of an option that names an element, and whether a value follows it.

    Of a list these are the places that its default has and the one behind them; of a model its fields. What holds further elements
    ends in a dot.

    Args:
        parameters: The parameters of the task.
        word: The beginning of the option: `--layers.0.wi`.
    """
    head, dot, _ = word.removeprefix("--").partition("=")[0].rpartition(".")
    known = {item.path: item for item in parameters if not item.is_component}
    held = known.get(head) or element(known, head)
    if not (word.startswith("--") and dot) or held is None:
        return
    names = keys_of(held.shape) or _places(held)
    for name in names:
        found = element(known, f"{head}.{name}")
        if found is not None:
            is_open = found.shape.is_leaf and container_of(found.shape) is None
            if is_open or found.choices:
                yield found, True
            if not is_open:
                yield replace(found, path=f"{found.path}.", choices=()), False


def _places(held: Parameter) -> list[str]:
    """Return the places of a list, and the names of a table, that its default has; of a list the next one, too."""
    container = container_of(held.shape)
    if container is None:
        return []
    if is_table(container):
        return []
    try:
        count = len(items_of(held.default)) if held.default not in (None, "none") else 0
    except UnreadableValueError:
        count = 0
    return [str(place) for place in range(min(count + 1, _MOST_PLACES))]


def nearest_element(parameters: Sequence[Parameter], path: str) -> str:
    """Return the path of the element that an unknown path was probably meant to name, or an empty string."""
    known = {item.path: item for item in parameters if not item.is_component}
    try:
        names = split_path(path)
    except UnreadableValueError:
        return ""
    head = names[0] if names[0] in known else closest(names[0], known)
    shape = known[head].shape if head is not None and len(names) > 1 else None
    found = [head or ""]
    for name in names[1:]:
        if shape is None:
            return ""
        inner = _descend(shape, [name])
        if inner is None:
            near = closest(name, keys_of(shape))
            inner = _descend(shape, [near]) if near else None
            found.append(near or name)
        else:
            found.append(name)
        shape = inner
    return join_path(found) if shape is not None and found != names else ""


def container_of(shape: Shape) -> object:
    """Return the list or table among the types that a field can hold; None if it holds neither."""
    return next(
        (part for part in parts_of(shape.annotation) if is_list(part) or is_table(part)), None
    )


def container_item(annotation: object, key: str = "0") -> Shape | None:
    """Return the shape of an item of a list or of an entry of a table; None for any other type, or a place that it has not."""
    inner = get_args(annotation)
    if is_table(annotation):
        return shape_of_type(inner[1]) if len(inner) == 2 else None
    if not is_list(annotation) or not inner or not is_index(key):
        return None
    if not is_fixed(annotation):
        return item_shapes(annotation, 1)[0]
    shapes = item_shapes(annotation, len(inner))
    return shapes[int(key)] if -len(shapes) <= int(key) < len(shapes) else None


def is_index(key: str) -> bool:
    """Return whether a name is the place of an item."""
    return key.removeprefix("-").isdecimal() and len(key) < 10


def keys_of(shape: Shape) -> list[str]:
    """Return the names that may follow an element that is a model."""
    if shape.model is not None:
        return list(fields_of(shape.model))
    return [name for model in _variants(shape) for name in fields_of(model)]


def element_shape(shape: Shape, keys: Sequence[str]) -> Shape | None:
    """Return the shape of what lies at some keys inside a value, or None."""
    return _descend(shape, list(keys))


def _descend(shape: Shape, names: Sequence[str]) -> Shape | None:
    if not names:
        return shape
    key, *rest = names
    if shape.model is not None or shape.variants is not None:
        models = [shape.model] if shape.model is not None else _variants(shape)
        fields = [fields_of(model)[key] for model in models if model and key in fields_of(model)]
        return next((found for info in fields if (found := _descend(shape_of(info), rest))), None)
    inner = container_item(container_of(shape), key)
    return None if inner is None else _descend(inner, rest)


def _variants(shape: Shape) -> list[Model]:
    return [shape.variants.load(name) for name in shape.variants.names()] if shape.variants else []


def _parameter(
    path: str, shape: Shape, help_text: str, group: str = "", default: object = PydanticUndefined
) -> Parameter:
    make = leaf if shape.is_leaf else place
    return make(path, shape, default, help_text, group)
