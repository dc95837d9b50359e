"""The identity of a run: two runs with the same identity compute the same thing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # Type-only: `taskloom.runs` stays importable without pydantic, so that listing runs is quick.
    from pydantic import BaseModel

    from taskloom.config import Config


def identity(domain: str, task: str, version: int, config: Config) -> str:
    """Return the sha256 (hexadecimal) of task, version and config without its execution-only fields.

    The whole resolved config counts, not only what differs from the defaults: a default that changes changes what is computed.
    """
    value = {
        "task": f"{domain}/{task}",
        "version": version,
        "config": _without_execution(config, config.model_dump(mode="json")),
    }
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )
    return hashlib.sha256(text.encode()).hexdigest()


def short(value: str) -> str:
    """Return the part of an identity that people read."""
    return value[:10]


def _without_execution(model: BaseModel, dumped: Mapping[str, Any]) -> dict[str, Any]:
    from pydantic import BaseModel

    from taskloom.config import ExecutionOnly

    kept: dict[str, Any] = {}
    for name, field in type(model).model_fields.items():
        if any(isinstance(mark, ExecutionOnly) or mark is ExecutionOnly for mark in field.metadata):
            continue
        inner = getattr(model, name)
        kept[name] = (
            _without_execution(inner, dumped[name])
            if isinstance(inner, BaseModel)
            else dumped[name]
        )
    return kept
