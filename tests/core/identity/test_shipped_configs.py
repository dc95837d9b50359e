"""The configs that are shipped: each field that names a file, a run or a command says so by its type, and each has an identity."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from taskloom.config import OneOf
from taskloom.identity.marks import roles_in
from taskloom.identity.types import types_without_identity
from taskloom.registry import FIRST_PARTY, load_components, load_task, tasks_of

NAMES = {"file", "path", "folder", "run", "command"}


def models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Yield a config's class, and those of everything that may stand in it."""
    waiting, seen = [model], set()
    while waiting:
        cls = waiting.pop()
        if cls in seen:
            continue
        seen.add(cls)
        yield cls
        for info in cls.model_fields.values():
            waiting += [item for item in _inside(info.annotation) if _is_model(item)]
            for mark in info.metadata:
                if isinstance(mark, OneOf):
                    waiting += load_components(mark.group).values()


def _inside(annotation: object) -> Iterator[Any]:
    yield annotation
    for argument in get_args(annotation):
        yield from _inside(argument)


def _is_model(item: object) -> bool:
    return isinstance(item, type) and issubclass(item, BaseModel)


@pytest.mark.parametrize("domain", FIRST_PARTY)
def test_fields_that_name_files_say_so(domain: str) -> None:
    wrong, paths = [], 0
    for entry in tasks_of(domain):
        for model in models(load_task(entry).config_class):
            for name, info in model.model_fields.items():
                kinds = list(_inside(info.annotation))
                is_named = bool(roles_in(tuple(info.metadata), info.annotation))
                is_path = any(isinstance(x, type) and issubclass(x, PurePath) for x in kinds)
                paths += is_path
                if name in NAMES and str in kinds and not is_named:
                    wrong.append(f"{model.__name__}.{name}")
    assert wrong == []
    assert paths or domain == "control"


@pytest.mark.parametrize("domain", FIRST_PARTY)
def test_every_shipped_config_has_an_identity(domain: str) -> None:
    for entry in tasks_of(domain):
        for model in models(load_task(entry).config_class):
            assert list(types_without_identity(model)) == []
