"""Merging layers over the defaults, and choosing components on the way.

Choosing another component discards what lower layers said about the previous one, with a note: else a file that tunes
`detector.shrinkage` would make `--detector=spectral` fail. A layer that tunes a component without naming it keeps the
component that the layers below chose.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from taskloom.errors import UnknownNameError
from taskloom.params.edits import edit
from taskloom.params.grammar import UnreadableValueError, read_json
from taskloom.params.labels import shown
from taskloom.params.layer import DEFAULT, Fault, Layer, Merged, Parts
from taskloom.params.messages import (
    fault_error,
    spelled,
    unknown_component,
    unknown_parameter,
)
from taskloom.params.reading import read_value
from taskloom.params.shapes import Model, Shape, fields_of, kind_of, shape_of
from taskloom.params.tree import NO_COMPONENT, PRESENT, default_of, variant_at


def merge(config_class: Model, layers: Sequence[Layer], *, lenient: bool = False) -> Merged:
    """Merge layers, lowest first, over the defaults of a config class.

    Args:
        config_class: The config class.
        layers: What each source says.
        lenient: Pass over unknown parameters and unreadable values: enough to find which components are chosen.

    Raises:
        UnknownNameError: A layer names a parameter or component that does not exist.
        ConfigError: A value cannot be of the parameter's type.
    """
    merger = Merger(config_class, lenient)
    merger.out.raw = merger.model(config_class, None, "", layers)
    return merger.out


class Merger:
    """One merge: carries the output through the recursion."""

    def __init__(self, config_class: Model, lenient: bool) -> None:
        self.config_class = config_class
        self.lenient = lenient
        self.out = Merged()

    def model(
        self, model: Model, instance: BaseModel | None, prefix: str, layers: Sequence[Layer]
    ) -> dict[str, object]:
        """Merge the layers of one component and return what pydantic validates."""
        self._refuse_unknown(model, prefix, layers)
        raw: dict[str, object] = {}
        for name, info in fields_of(model).items():
            given = [
                replace(layer, values={"": layer.values[name]})
                for layer in layers
                if name in layer.values
            ]
            path, shape = f"{prefix}{name}", shape_of(info)
            default = default_of(model, instance, name)
            part = self.field(path, shape, default, given)
            # Without an instance, a default is left to the class; with one, it is the task's own and not the component's.
            if (given or instance is not None) and part is not PydanticUndefined:
                raw[name] = part
        return raw

    def field(self, path: str, shape: Shape, default: object, given: Sequence[Layer]) -> object:
        """Merge the layers of one field, or of one element of a list or a table."""
        if not shape.is_leaf:
            if isinstance(default, dict):  # an element that a layer wrote out
                given = [Layer(DEFAULT, {"": default}, typed=True, literal=True), *given]
            return self._component(path, shape, default, given)
        if not given:
            self.out.sources[path] = DEFAULT
            return default
        whole = [
            place for place, layer in enumerate(given) if not isinstance(layer.values[""], Parts)
        ]
        edits = given[whole[-1] + 1 :] if whole else given
        value = self._leaf(path, shape, given[whole[-1]]) if whole else default
        return edit(self, path, shape, value, edits) if edits else value

    def _leaf(self, path: str, shape: Shape, layer: Layer) -> object:
        value = layer.values[""]
        self.out.sources[path], self.out.given[path] = layer.source, value
        try:
            return read_value(value, shape, typed=layer.typed, literal=layer.literal)
        except UnreadableValueError as error:
            if self.lenient:
                return value
            # Collected, so that one answer names everything that is wrong; see `taskloom.params.layers.validate`.
            self.out.faults.append(Fault(path, str(error), value))
            return value

    def _component(
        self, path: str, shape: Shape, default: object, given: Sequence[Layer]
    ) -> object:
        choice, choice_source, parts, is_fresh = self._choose(path, shape, default, given)
        if is_fresh:
            default = PydanticUndefined
        if choice:
            self.out.chosen[path] = choice
        model, instance = variant_at(path, shape, default, self.out.chosen)
        if model is None:
            if parts and not self.lenient:
                raise self._absent(path, shape, parts[-1])
            self.out.sources[path] = choice_source
            return None if choice == NO_COMPONENT else PydanticUndefined
        raw = self.model(model, instance, f"{path}.", parts)
        if kind := kind_of(model):
            self.out.sources[f"{path}.kind"] = choice_source
            raw["kind"] = kind
        return raw

    def _choose(
        self, path: str, shape: Shape, default: object, given: Sequence[Layer]
    ) -> tuple[str, str, list[Layer], bool]:
        """Return the component chosen, the source that chose it, the layers that tune that component, and whether its own defaults count.

        A short name says all that its component is, so that neither the field's default nor what lower layers said shines through.
        """
        choice, source, parts = _default_choice(shape, default), DEFAULT, list[Layer]()
        is_fresh = False
        for layer in given:
            name, values = self._read_component(path, shape, layer)
            is_short = isinstance(values, _SpelledOut)
            if name and (name != choice or is_short):
                self._note_discarded(path, name, layer.source, parts)
                choice, parts, is_fresh = name, [], is_short
            if name:
                source = layer.source
            if values:
                is_dropped = shape.optional and choice == NO_COMPONENT and source != DEFAULT
                if is_dropped and source == layer.source and not self.lenient:
                    raise self._absent(path, shape, Layer(layer.source, values))
                if shape.optional and shape.variants is None and choice in ("", NO_COMPONENT):
                    choice, source = (
                        PRESENT,
                        layer.source,
                    )  # tuning an absent part that can be only one thing brings it in
                parts.append(replace(layer, values=values))
        return choice, source, parts, is_fresh

    def _read_component(
        self, path: str, shape: Shape, layer: Layer
    ) -> tuple[str, Mapping[str, object]]:
        """Return the name that a layer gives to a place, if any, and the values below it."""
        value: Any = layer.values[""]
        if isinstance(value, str) and value.startswith("{"):
            value = self._json(path, value)
        if value is None or (
            isinstance(value, str) and value.lower() == NO_COMPONENT and shape.optional
        ):
            return (
                NO_COMPONENT if shape.optional else self._check_name(path, shape, "none", layer)
            ), {}
        if isinstance(value, str):
            return self._named(path, shape, value, layer, {})
        if isinstance(value, Parts) and shape.variants is None:
            return "", value
        if not isinstance(value, dict):
            return self._check_name(path, shape, shown(value), layer), {}
        if shape.variants is None:
            # An empty table brings an optional part in with its defaults.
            return (PRESENT if shape.optional and not value else ""), value
        rest = {name: item for name, item in value.items() if name != "kind"}
        return self._named(path, shape, value["kind"], layer, rest) if "kind" in value else ("", rest)  # fmt: skip

    def _named(
        self, path: str, shape: Shape, name: object, layer: Layer, rest: Mapping[str, object]
    ) -> tuple[str, Mapping[str, object]]:
        """Return the component that a name stands for, and its values: those of a short name, and what stands beside it."""
        is_known = shape.variants is None or not isinstance(name, str) or name in shape.variants.names()  # fmt: skip
        short = None if is_known or shape.variants is None else shape.variants.spelled_out(str(name))  # fmt: skip
        if short is None:
            return self._check_name(path, shape, name, layer), rest
        own = _SpelledOut({**short, **rest})
        return self._check_name(path, shape, own.pop("kind"), layer), own

    def _json(self, path: str, text: str) -> object:
        try:
            return read_json(text)
        except UnreadableValueError as error:
            raise fault_error(self.config_class, Fault(path, str(error), text), self.out) from None

    def _check_name(self, path: str, shape: Shape, value: object, layer: Layer) -> str:
        names = shape.variants.names() if shape.variants is not None else []
        if isinstance(value, str) and value in names:
            return value
        forms = shape.variants.forms() if shape.variants is not None else ()
        raise unknown_component(
            path, value, names, layer.source, optional=shape.optional, forms=forms
        )

    def _absent(self, path: str, shape: Shape, layer: Layer) -> UnknownNameError:
        names = ", ".join(shape.variants.names()) if shape.variants is not None else ""
        key = next(iter(layer.values))
        return UnknownNameError(
            f"--{path}.{key} has nothing to belong to: {path} is none (from {spelled(layer.source)})",
            hint=f"choose one first with --{path}=...: {names}"
            if names
            else f"leave --{path}=none out",
        )

    def _note_discarded(self, path: str, name: str, source: str, parts: Sequence[Layer]) -> None:
        for part in parts:
            keys = ", ".join(f"{path}.{key}" for key in part.values)
            if keys and part.source != source and not self.lenient:
                self.out.notes.append(f"{path}={name} ({source}) discards {keys} ({part.source})")

    def _refuse_unknown(self, model: Model, prefix: str, layers: Sequence[Layer]) -> None:
        if self.lenient:
            return
        known = {*fields_of(model), *(("kind",) if prefix and kind_of(model) else ())}
        for layer in layers:
            for name in layer.values:
                if name not in known:
                    raise unknown_parameter(
                        self.config_class, f"{prefix}{name}", self.out.chosen, layer.source
                    )


class _SpelledOut(dict[str, object]):
    """The values that a short name stands for."""


def _default_choice(shape: Shape, default: object) -> str:
    if isinstance(default, BaseModel):
        return kind_of(type(default))
    return NO_COMPONENT if shape.optional and default is None else ""
