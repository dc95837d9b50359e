"""The secrets of a validated config: spelled as references where it is dumped, put back where a dump is read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any, TypeAlias, TypeVar

from pydantic import BaseModel, SecretBytes, SecretStr

from taskloom.secrets.redaction import IN_CONFIGS, MARK
from taskloom.secrets.references import (
    SecretValue,
    is_reference,
    learn,
    mark_default,
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


def _settle_model(model: M, path: str) -> M:
    changed: dict[str, object] = {}
    for name in type(model).model_fields:
        value = getattr(model, name)
        found = _settle(value, f"{path}{name}", is_default=name not in model.model_fields_set)
        if found is not value:
            changed[name] = found
    return model.model_copy(update=changed) if changed else model


def _settle(value: Any, path: str, *, is_default: bool) -> Any:  # noqa: ANN401 -- the value of any field
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
        items = [_spelled(inner, item) for inner, item in zip(value, dump, strict=True)]
        # A set has another order in every process, and equal configs have one record. The places of secrets are counted.
        return items if isinstance(value, Sequence) or any(_plain(value, ())) else _sorted(items)
    return dump


def _sorted(items: list[Any]) -> list[Any]:
    """Return items of a dump in an order of their own: numbers, then everything else by its text."""

    def rank(item: object) -> tuple[bool, float, str]:
        is_number = isinstance(item, int | float)
        return not is_number, item if isinstance(item, int | float) else 0, json.dumps(item)

    return sorted(items, key=rank)


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
