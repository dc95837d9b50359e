"""The secrets of a config: read before it is validated, spelled as references where it is dumped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any, TypeAlias, TypeVar, get_args, get_origin

from pydantic import BaseModel, SecretBytes, SecretStr

from taskloom.params.shapes import Shape, fields_of, shape_of, shape_of_type
from taskloom.secrets.redaction import IN_CONFIGS, MARK
from taskloom.secrets.references import (
    DEFAULT_MARK,
    SecretValue,
    is_reference,
    learn,
    mark_default,
    not_kept,
    read_secret,
    reference_of,
    spelled,
)

M = TypeVar("M", bound=BaseModel)
Place: TypeAlias = "tuple[str | int, ...]"
Held: TypeAlias = "tuple[Place, str | bytes, bool]"
"""A value that no record holds: its place in a dump, itself, and whether it is a secret rather than a text that holds one."""

_KINDS = (SecretStr, SecretBytes)
_LISTS = (list, tuple, set, frozenset)


def read_secrets(
    model: type[BaseModel], raw: Mapping[str, object]
) -> tuple[dict[str, Any], list[str]]:
    """Return what pydantic validates with every secret read, and the paths of those that were given plainly.

    Args:
        model: The config class.
        raw: The values by name, as the layers of a config have them.

    Raises:
        ConfigError: A reference leads nowhere, or a value was not kept.
    """
    reader = _Reader()
    return reader.model(model, raw, ""), reader.plain


def recorded_secrets(model: type[BaseModel], values: Mapping[str, object]) -> dict[str, Any]:
    """Return the dump of a config with every secret read, as pydantic validates it.

    Raises:
        ConfigError: A reference leads nowhere, or a value was not kept.
    """
    reader = _Reader()
    found = reader.model(model, values, "")
    # Another text that held the value was not kept either; without a secret the mark is a text like any other.
    if reader.has_secret and reader.marked:
        raise not_kept(reader.marked[0])
    return found


def settled(config: M) -> M:
    """Return a validated config with the references read that stand in its class or came from Python.

    Raises:
        ConfigError: A reference leads nowhere.
    """
    return _settle_model(config, "")


def dumped(model: BaseModel) -> dict[str, Any]:
    """Return a config as JSON holds it: each secret is its reference, or `<secret>`, and no other text holds its value."""
    found: dict[str, Any] = IN_CONFIGS.tree(_spelled(model, model.model_dump(mode="json")))
    return found


def held(model: BaseModel) -> list[Held]:
    """Return the values that the dump of a config lacks, for a process that begins with the dump."""
    spelled = _spelled(model, model.model_dump(mode="json"))
    texts = [
        (place, text, False)
        for place, text in _texts(spelled, ())
        if text != MARK and IN_CONFIGS.text(text) != text
    ]
    return [*_plain(model, ()), *texts]


def restored(values: Mapping[str, Any], missing: Sequence[Held]) -> dict[str, Any]:
    """Return a dump with the values that `held` returned back in their places."""
    found = _copied(values)
    for place, value, is_secret in missing:
        inner: Any = found
        for name in place[:-1]:
            inner = inner[name]
        inner[place[-1]] = value
        if is_secret:
            secret = SecretBytes(value) if isinstance(value, bytes) else SecretStr(value)
            learn(secret)
            inner[place[-1]] = secret
    return found  # type: ignore[no-any-return]  # a copy of a mapping


class _Reader:
    """One walk along a config class and what is to be validated by it."""

    def __init__(self) -> None:
        self.plain: list[str] = []
        self.marked: list[str] = []
        self.has_secret = False

    def model(self, model: type[BaseModel], raw: Mapping[str, object], path: str) -> dict[str, Any]:
        """Read the secrets of one component."""
        fields = fields_of(model)
        return {
            name: self._value(value, shape_of(fields[name]), f"{path}{name}")
            if name in fields
            else value
            for name, value in raw.items()
            if value != DEFAULT_MARK
        }

    def _value(self, value: object, shape: Shape, path: str) -> Any:  # noqa: ANN401
        if isinstance(value, str):
            return self._text(value, shape, path)
        if isinstance(value, Mapping):
            return self._table(value, shape, path)
        self.has_secret = self.has_secret or isinstance(value, _KINDS)
        inner = get_args(shape.annotation)
        if isinstance(value, list) and _is_list(shape.annotation) and inner:
            is_fixed = get_origin(shape.annotation) is tuple and Ellipsis not in inner
            kinds = inner if is_fixed and len(inner) == len(value) else inner[:1] * len(value)
            return [
                self._value(item, shape_of_type(kind), f"{path}.{number}")
                for number, (item, kind) in enumerate(zip(value, kinds, strict=True))
            ]
        return value

    def _text(self, text: str, shape: Shape, path: str) -> object:
        kind = _secret_kind(shape.annotation)
        if kind is None:
            if MARK in text:
                self.marked.append(path)
            return text
        self.has_secret = True
        secret = read_secret(text, kind, path)
        if not reference_of(secret):
            self.plain.append(path)
        return secret

    def _table(self, table: Mapping[str, object], shape: Shape, path: str) -> dict[str, Any]:
        model = shape.model
        name = table.get("kind")
        if shape.variants is not None and isinstance(name, str) and name in shape.variants.names():
            model = shape.variants.load(name)
        if model is not None:
            return self.model(model, table, f"{path}.")
        inner = get_args(shape.annotation)
        if len(inner) != 2:
            return dict(table)
        kind = shape_of_type(inner[1])
        return {key: self._value(item, kind, f"{path}.{key}") for key, item in table.items()}


def _secret_kind(annotation: Any) -> type[SecretValue] | None:  # noqa: ANN401
    """Return the kind of secret that a text stands for, or None where it is a text."""
    members = get_args(annotation) if not isinstance(annotation, type) else (annotation,)
    found = [item for item in members if item in _KINDS]
    return None if str in members or not found else found[0]


def _is_list(annotation: Any) -> bool:  # noqa: ANN401
    origin = get_origin(annotation) or annotation
    return isinstance(origin, type) and issubclass(origin, _LISTS)


def _settle_model(model: M, path: str) -> M:
    changed: dict[str, object] = {}
    for name in type(model).model_fields:
        value = getattr(model, name)
        found = _settle(value, f"{path}{name}", is_default=name not in model.model_fields_set)
        if found is not value:
            changed[name] = found
    return model.model_copy(update=changed) if changed else model


def _settle(value: Any, path: str, *, is_default: bool) -> Any:  # noqa: ANN401
    if isinstance(value, BaseModel):
        return _settle_model(value, f"{path}.")
    if isinstance(value, _KINDS):
        return _settle_secret(value, path, is_default=is_default)
    if isinstance(value, Mapping):
        found = {
            key: _settle(item, f"{path}.{key}", is_default=is_default)
            for key, item in value.items()
        }
        return found if any(found[key] is not item for key, item in value.items()) else value
    if isinstance(value, _LISTS):
        items = [
            _settle(item, f"{path}.{number}", is_default=is_default)
            for number, item in enumerate(value)
        ]
        changed = any(new is not old for new, old in zip(items, value, strict=True))
        return type(value)(items) if changed else value
    return value


def _settle_secret(secret: SecretValue, path: str, *, is_default: bool) -> SecretValue:
    text = secret.get_secret_value()
    if not reference_of(secret):
        if isinstance(text, str) and is_reference(text):
            return read_secret(text, type(secret), path)
        if is_default:
            mark_default(secret)
        else:
            learn(secret)
    return secret


def _spelled(value: object, dump: Any) -> Any:  # noqa: ANN401 -- JSON
    """Return a dump with the reference of each secret in the place of pydantic's stars."""
    if isinstance(value, BaseModel) and isinstance(dump, dict):
        return {name: _spelled(getattr(value, name, None), item) for name, item in dump.items()}
    if isinstance(value, _KINDS):
        return spelled(value)
    if isinstance(value, Mapping) and isinstance(dump, dict) and len(value) == len(dump):
        rows = zip(dump.items(), value.values(), strict=True)
        return {key: _spelled(inner, item) for (key, item), inner in rows}
    if isinstance(value, Sequence | Set) and isinstance(dump, list) and len(value) == len(dump):
        return [_spelled(inner, item) for inner, item in zip(value, dump, strict=True)]
    return dump


def _plain(value: object, place: Place) -> Iterator[Held]:
    """Yield the secrets that were given plainly."""
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _plain(getattr(value, name), (*place, name))
    elif isinstance(value, _KINDS):
        if not reference_of(value):
            yield place, value.get_secret_value(), True
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _plain(item, (*place, str(key)))
    elif isinstance(value, _LISTS):
        for number, item in enumerate(value):
            yield from _plain(item, (*place, number))


def _texts(dump: object, place: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(dump, str):
        yield place, dump
    elif isinstance(dump, dict):
        for key, item in dump.items():
            yield from _texts(item, (*place, key))
    elif isinstance(dump, list):
        for number, item in enumerate(dump):
            yield from _texts(item, (*place, number))


def _copied(value: Any) -> Any:  # noqa: ANN401 -- JSON
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value
