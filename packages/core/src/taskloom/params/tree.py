"""From a config class to the flat list of its parameters, for the components that are chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from taskloom.config import ExecutionOnly, Unit
from taskloom.params.labels import bounds_of, choices_of, label
from taskloom.params.shapes import Model, Shape, fields_of, kind_of, shape_of
from taskloom.params.values import write

NO_COMPONENT = "none"
"""Choice that leaves an optional component out; a component that has to be there may bear this name."""

PRESENT = "present"
"""Choice of an optional part that can be only one thing."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter, as the command line, help and the schema of a task see it.

    Attributes:
        path: Its dotted name: `detector.rank`.
        type: Its type for a person: `INT`, `FLOAT,...`, `mean|max`, `INT or none`.
        default: Its default as it would be typed, or None when it must be given.
        bounds: Its limits, one short text each.
        unit: Its physical unit, or an empty string.
        help: Its sentence.
        group: The path of the component it belongs to; empty for the task's own.
        choices: The values or components to choose from; empty when it is not a choice.
        is_component: Whether its value is the name of a component.
        is_flag: Whether `--name` alone means true.
        execution_only: Whether it is left out of a run's identity.
        shape: What it can hold.
    """

    path: str
    type: str
    default: str | None
    bounds: tuple[str, ...] = ()
    unit: str = ""
    help: str = ""
    group: str = ""
    choices: tuple[str, ...] = ()
    is_component: bool = False
    is_flag: bool = False
    execution_only: bool = False
    shape: Shape = field(default=Shape(Any, ()), compare=False, repr=False)


def walk(config_class: Model, chosen: Mapping[str, str] | None = None) -> list[Parameter]:
    """Return the parameters of a config class, in the order in which they are declared.

    Args:
        config_class: The config class.
        chosen: The component chosen at each place, by path; a place that is not named holds its default.
    """
    return list(_walk(config_class, None, "", chosen or {}))


def default_of(model: Model, instance: BaseModel | None, name: str) -> object:
    """Return a field's default, from the default instance of its model if there is one; `PydanticUndefined` when none."""
    if instance is not None:
        return getattr(instance, name)
    return model.model_fields[name].get_default(call_default_factory=True, validated_data={})


def variant_at(
    path: str, shape: Shape, default: object, chosen: Mapping[str, str]
) -> tuple[Model | None, BaseModel | None]:
    """Return the class of the component at a place and the default instance its own defaults come from.

    Args:
        path: The place.
        shape: What the field can hold; a component.
        default: The field's default.
        chosen: The components chosen, by path.
    """
    instance = default if isinstance(default, BaseModel) else None
    name = chosen.get(path)
    # Where something has to stand, `none` is a name like any other.
    if (name == NO_COMPONENT and shape.optional) or (
        name is None and instance is None and (shape.optional or shape.variants)
    ):
        return None, None
    if shape.variants is None:
        return shape.model, instance
    if instance is not None and name in (None, kind_of(type(instance))):
        return type(instance), instance
    return shape.variants.load(str(name)), None


def _walk(
    model: Model, instance: BaseModel | None, prefix: str, chosen: Mapping[str, str]
) -> Iterator[Parameter]:
    nested: list[tuple[str, Model, BaseModel | None]] = []
    for name, info in fields_of(model).items():
        path, shape, default = f"{prefix}{name}", shape_of(info), default_of(model, instance, name)
        help_text = " ".join((info.description or "").split())
        group = prefix.removesuffix(".")
        if shape.is_leaf:
            yield leaf(path, shape, default, help_text, group)
            continue
        if shape.variants is not None or shape.optional:
            yield place(path, shape, default, help_text, group)
        found, found_instance = variant_at(path, shape, default, chosen)
        if found is not None:
            nested.append((f"{path}.", found, found_instance))
    # A component's parameters follow the parameters of what holds it, so that help reads from general to special.
    for path, found, found_instance in nested:
        yield from _walk(found, found_instance, path, chosen)


def leaf(path: str, shape: Shape, default: object, help_text: str, group: str) -> Parameter:
    """Return the parameter of a single value."""
    return Parameter(
        path=path,
        type=label(shape.annotation) + (" or none" if shape.optional else ""),
        default=_default_text(default, shape),
        bounds=bounds_of(shape.annotation, shape.metadata),
        unit=next((item.symbol for item in shape.metadata if isinstance(item, Unit)), ""),
        help=help_text,
        group=group,
        choices=_choices(shape),
        is_flag=shape.annotation is bool,
        execution_only=any(
            isinstance(item, ExecutionOnly) or item is ExecutionOnly for item in shape.metadata
        ),
        shape=shape,
    )


def _choices(shape: Shape) -> tuple[str, ...]:
    listed = choices_of(shape.annotation)
    return (*listed, "none") if listed and shape.optional and "none" not in listed else listed


def place(path: str, shape: Shape, default: object, help_text: str, group: str) -> Parameter:
    """Return the parameter that chooses a component, or brings an optional part in."""
    names = shape.variants.names() if shape.variants is not None else []
    forms = shape.variants.forms() if shape.variants is not None else ()
    return Parameter(
        path=path,
        type="NAME" if names else "JSON or none",
        default=_component_text(default, shape),
        bounds=(f"also {', '.join(forms)}",) if forms else (),
        help=help_text,
        group=group,
        choices=(*names, *((NO_COMPONENT,) if shape.optional else ())),
        is_component=True,
        shape=shape,
    )


def _default_text(default: object, shape: Shape) -> str | None:
    return None if default is PydanticUndefined else write(default, shape)


def _component_text(default: object, shape: Shape) -> str | None:
    if isinstance(default, BaseModel):
        return kind_of(type(default)) or write(default)
    return _default_text(default, shape)


def leaves(config: BaseModel, prefix: str = "") -> dict[str, Any]:
    """Return every leaf of a config by path, with its value; the choice of a component is the leaf `<path>.kind`."""
    found: dict[str, Any] = {}
    if prefix and (kind := kind_of(type(config))):
        found[f"{prefix}kind"] = kind
    for name in fields_of(type(config)):
        value = getattr(config, name)
        if isinstance(value, BaseModel):
            found |= leaves(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found


def leaf_texts(
    config: BaseModel, prefix: str = "", writer: Callable[[object, Shape], str] = write
) -> dict[str, str]:
    """Return the text of every leaf of a config by path, as it would be typed behind `--path=`.

    Args:
        config: The config.
        prefix: What stands before every path.
        writer: `write`, or `write_item` for a value of an axis of a sweep.
    """
    found: dict[str, str] = {}
    if prefix and (kind := kind_of(type(config))):
        found[f"{prefix}kind"] = kind
    for name, info in fields_of(type(config)).items():
        value = getattr(config, name)
        if isinstance(value, BaseModel):
            found |= leaf_texts(value, f"{prefix}{name}.", writer)
        else:
            found[f"{prefix}{name}"] = writer(value, shape_of(info))
    return found
