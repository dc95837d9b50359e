"""Variants of one task: the same problem under other settings, and the digest that tells settings apart."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from taskloom.asking import resolve_values
from taskloom.bound import BoundTask
from taskloom.identity.canonical import canonical, digest_of
from taskloom.identity.sources import meaning
from taskloom.params.values import table_of

from taskloom_control.config import ControlConfig, RecordConfig
from taskloom_control.mjcf.compiling import model_digest
from taskloom_control.task import ControlTask

if TYPE_CHECKING:
    from taskloom import Config

Bound: TypeAlias = BoundTask[ControlTask[Any], ControlConfig]
"""A control task with its config."""

_QUIET = RecordConfig(animation=False, fan_every=0)
# They decide how a plan is computed or kept, and never which plan it is.
_NO_SETTINGS = {"seed": 0, "record": RecordConfig(), "checkpoint_every": 0}
# Files of the closed loop that speak of an episode and decide nothing in it.
_SPEAKING = frozenset(
    ("checks", "headline", "labels", "ledger", "pairs", "planner", "rebuilt", "replay", "seeds")
)


def with_config(task: Bound, config: Config) -> Bound:
    """Return a task under another config of its class."""
    made: Any = config
    return replace(task, task=task.factory(made), config=made)


def with_values(task: Bound, values: Mapping[str, object]) -> Bound:
    """Return a task with other values in its config.

    Args:
        task: The task.
        values: Values by dotted path; `optimizer` and `engine` may also be a name or a table.

    Raises:
        ConfigError: A value is not accepted.
        UnknownNameError: There is no such parameter or component.
    """
    table = table_of(task.config)
    for path, value in values.items():
        place, parts = table, path.split(".")
        for part in parts[:-1]:
            place = place[part]
        place[parts[-1]] = value
    return with_config(task, resolve_values(type(task.config), table).config)


def for_seed(task: Bound, seed: int) -> Bound:
    """Return a task for the episode of a seed, of which nothing is drawn."""
    return with_config(task, task.config.model_copy(update={"seed": seed, "record": _QUIET}))


def settings_digest(task: Bound) -> str:
    """Return a digest of all that decides an episode besides its seed: config, compiled models, the task's own source.

    The planner's own code is told by `planner_digest`, which stands beside it.
    """
    config = task.config.model_copy(update=_NO_SETTINGS)
    forms = canonical(config)
    forms.pop("engine", None)  # every engine gives the same bits, or says that it does not fit
    facts = {
        "task": task.name,
        "config": forms,
        "plan": model_digest(task.task.model),
        "sim": model_digest(task.task.sim_model),
        "source": _source_digest(type(task.task)),
    }
    return digest_of(facts)[:16]


@cache
def planner_digest() -> str:
    """Return a digest of the code that plans and simulates, without its layout, comments and documentation."""
    return _digest_of_files(deciding_files())


def deciding_files() -> list[Path]:
    """Return the files that decide an episode: those of the closed loop that only speak of it are not among them."""
    top = Path(__file__).parents[1]
    folders = ("closed_loop", "engines", "mjcf", "optimizers", "planning")
    found = (path for name in folders for path in (top / name).glob("*.py"))
    return sorted(path for path in found if path.stem not in _SPEAKING)


def _source_digest(cls: type) -> str:
    """Return the digest of the files that a task's classes are written in, those of the domain's protocol left out."""
    files = []
    for base in cls.__mro__:
        if base.__module__ in ("builtins", "abc", "typing", ControlTask.__module__):
            continue
        file = inspect.getsourcefile(base)
        files += [Path(file)] if file is not None else []
    return _digest_of_files(files)


def _digest_of_files(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.name}\n{meaning(path.read_bytes())}\n".encode())
    return digest.hexdigest()[:16]
