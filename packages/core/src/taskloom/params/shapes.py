"""Shape of a config field: a value, a nested component, or one component out of several."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    ForwardRef,
    Literal,
    Protocol,
    TypeAlias,
    Union,
    get_args,
    get_origin,
)

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from taskloom.config import OneOf
from taskloom.errors import PluginError
from taskloom.params.members import written_members
from taskloom.registry.components import component_refs, load_component, short_forms, spelled_out

Model: TypeAlias = type[BaseModel]


class Variants(Protocol):
    """The components that may stand in one place."""

    def names(self) -> list[str]:
        """Return the names to choose from, importing nothing."""
        ...

    def load(self, name: str) -> Model:
        """Return the config class of one of the names."""
        ...

    def spelled_out(self, name: str) -> Mapping[str, object] | None:
        """Return the `kind` and the values that a short name stands for; None if it is no such name."""
        ...

    def forms(self) -> tuple[str, ...]:
        """Return how short names look: `sklearn:CLASS`."""
        ...


@dataclass(frozen=True, slots=True)
class OpenVariants:
    """The members of an entry-point group."""

    group: str

    def names(self) -> list[str]:
        """Return the registered names."""
        return [ref.name for ref in component_refs(self.group)]

    def load(self, name: str) -> Model:
        """Import the one component."""
        return load_component(self.group, name)

    def spelled_out(self, name: str) -> Mapping[str, object] | None:
        """Ask the domain of the group."""
        return spelled_out(self.group, name)

    def forms(self) -> tuple[str, ...]:
        """Return what the manifest of the group's domain says."""
        return short_forms(self.group)


@dataclass(frozen=True, slots=True)
class ClosedVariants:
    """The members of an ordinary union of components, told apart by `kind`."""

    members: tuple[tuple[str, Model], ...]

    def names(self) -> list[str]:
        """Return the kinds."""
        return [name for name, _ in self.members]

    def load(self, name: str) -> Model:
        """Return the member of this kind."""
        return dict(self.members)[name]

    def spelled_out(self, name: str) -> None:
        """Return None: the members of a union have their kinds and no other names."""
        del name

    def forms(self) -> tuple[str, ...]:
        """Return nothing, likewise."""
        return ()


@dataclass(frozen=True, slots=True)
class Shape:
    """Shape of a field.

    Attributes:
        annotation: The type, without None and without metadata.
        metadata: Bounds, units and markers, outermost first.
        optional: Whether None is allowed.
        model: The nested component's class, if the field always holds that one.
        variants: The components to choose from, if there is a choice.
    """

    annotation: Any
    metadata: tuple[Any, ...]
    optional: bool = False
    model: Model | None = None
    variants: Variants | None = None

    @property
    def is_leaf(self) -> bool:
        """Return whether the field is one value rather than a component with parameters of its own."""
        return self.model is None and self.variants is None


def fields_of(model: Model) -> dict[str, FieldInfo]:
    """Return the fields of a model, with annotations that name later classes resolved.

    Raises:
        PluginError: Two choices of a field are written the same, so that no option could tell them apart.
    """
    fields = model.model_fields
    if any(isinstance(info.annotation, str | ForwardRef) for info in fields.values()):
        model.model_rebuild()
        fields = model.model_fields
    if model not in _JUDGED:
        for name, info in fields.items():
            _judge_choices(f"{model.__name__}.{name}", info.annotation)
        _JUDGED.add(model)
    return {name: info for name, info in fields.items() if name != "kind" or not kind_of(model)}


_JUDGED: set[Model] = set()
"""The classes whose choices were looked at."""


def _judge_choices(field: str, annotation: Any) -> None:  # noqa: ANN401 -- any type
    bare, _, optional = _unwrap(annotation, ())
    parts = parts_of(bare)
    texts: dict[str, object] = {}
    for member in (member for part in parts for member in written_members(part)):
        text, value = member
        if text in texts:
            raise PluginError(
                f"Two choices of the field {field} are both written '{text}': {texts[text]!r} and {value!r}."
            )
        texts[text] = value
    if optional and {"none", "null"} <= set(texts):
        raise PluginError(
            f"The field {field} has the choices 'none' and 'null', so that no word is left for None."
        )
    for part in parts:
        for inner in get_args(part) if is_list(part) or is_table(part) else ():
            if inner is not Ellipsis:
                _judge_choices(field, inner)


def kind_of(model: Model) -> str:
    """Return the name under which a component is chosen, or an empty string."""
    info = model.model_fields.get("kind")
    if info is not None and get_origin(info.annotation) is Literal:
        return str(get_args(info.annotation)[0])
    return ""


def shape_of(info: FieldInfo) -> Shape:
    """Return what a field can hold."""
    return shape_of_type(info.annotation, tuple(info.metadata))


def shape_of_type(annotation: Any, metadata: Sequence[Any] = ()) -> Shape:  # noqa: ANN401 -- any type
    """Return what a value of this annotation can be."""
    bare, found, optional = _unwrap(annotation, tuple(metadata))
    one_of = next((item for item in found if isinstance(item, OneOf)), None)
    if one_of is not None:
        return Shape(bare, found, optional, variants=OpenVariants(one_of.group))
    members = get_args(bare) if is_union(bare) else ()
    kinds = tuple((kind_of(item), item) for item in members if _is_model(item))
    if members and len(kinds) == len(members) and all(name for name, _ in kinds):
        return Shape(bare, found, optional, variants=ClosedVariants(kinds))
    return Shape(bare, found, optional, model=bare if _is_model(bare) else None)


def is_list(annotation: Any) -> bool:  # noqa: ANN401 -- any type
    """Return whether a type holds items one after the other."""
    return _is_a(annotation, (list, tuple, set, frozenset))


def is_set(annotation: Any) -> bool:  # noqa: ANN401 -- any type
    """Return whether a type holds items that have no places."""
    return _is_a(annotation, (set, frozenset))


def is_table(annotation: Any) -> bool:  # noqa: ANN401 -- any type
    """Return whether a type holds values by name."""
    return _is_a(annotation, (dict, Mapping))


def item_shapes(annotation: Any, count: int) -> list[Shape]:  # noqa: ANN401 -- any type
    """Return the shapes of that many items of a list."""
    inner = get_args(annotation)
    if is_fixed(annotation):
        return [shape_of_type(kind) for kind in inner]
    return [shape_of_type(inner[0] if inner else Any)] * count


def is_fixed(annotation: Any) -> bool:  # noqa: ANN401 -- any type
    """Return whether a type is a tuple of a fixed length."""
    return get_origin(annotation) is tuple and Ellipsis not in get_args(annotation)


def parts_of(annotation: Any) -> tuple[Any, ...]:  # noqa: ANN401 -- any type
    """Return the members of a union without None and without metadata, those of nested unions too; of another type, itself."""
    bare, _, _ = _unwrap(annotation, ())
    if not is_union(bare):
        return (bare,)
    return tuple(part for member in get_args(bare) for part in parts_of(member))


def is_union(annotation: Any) -> bool:  # noqa: ANN401 -- any type
    """Return whether a type is a union."""
    return get_origin(annotation) in (Union, UnionType)


def _is_a(annotation: Any, kinds: tuple[Any, ...]) -> bool:  # noqa: ANN401 -- any annotation
    origin = get_origin(annotation) or annotation
    return isinstance(origin, type) and issubclass(origin, kinds)


def _unwrap(annotation: Any, metadata: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...], bool]:  # noqa: ANN401 -- any annotation
    """Peel `Annotated`, `| None` and `type` aliases off, in any order."""
    optional = False
    while True:
        if get_origin(annotation) is Annotated:
            annotation, *extra = get_args(annotation)
            metadata += tuple(_flat(extra))
        elif hasattr(annotation, "__value__"):
            annotation = annotation.__value__
        elif is_union(annotation) and NoneType in get_args(annotation):
            rest = tuple(item for item in get_args(annotation) if item is not NoneType)
            optional = True
            annotation = Union[rest]  # noqa: UP007 -- built from a tuple
        else:
            return annotation, metadata, optional


def _flat(extra: Sequence[Any]) -> Iterator[Any]:
    """Open the `Field(...)` of a nested `Annotated`, which pydantic opens only at the outermost level."""
    for item in extra:
        if isinstance(item, FieldInfo):
            yield from item.metadata
        else:
            yield item


def _is_model(annotation: Any) -> bool:  # noqa: ANN401 -- any annotation
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
